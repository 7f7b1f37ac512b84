"""What would not do what somebody believes is an error with its place and what to do."""

import tomllib

import pytest

from gateway.config.budget_rules import broken_budgets, broken_limits
from gateway.config.model import Budget, Limit

DAY = "[[budgets]]\nwindow='day'\nlimit_usd=1\n"


def found(text: str, team: str | None = "search") -> list[str]:
    """Check a file's budgets and limits."""
    tables = tomllib.loads(text)
    budgets = [Budget.model_validate(each) for each in tables.get("budgets", [])]
    limits = [Limit.model_validate(each) for each in tables.get("limits", [])]
    problems = [*broken_budgets(budgets, team, ["cheap", "fast"]), *broken_limits(limits, team)]
    return [f"{where}: {message}" for where, message in problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[budgets]]\nwindow='day'", "budgets[0]: needs limit_usd, limit_requests, or both"),
        (DAY + DAY, "budgets[1].name: 'day' is already the name of budgets[0]"),
        (
            DAY + "on_exceeded='fallback:chaep'",
            "budgets[0].on_exceeded: there is no route 'chaep'. Did you mean 'cheap'?",
        ),
        (
            DAY + "on_exceeded='fallback:zzz'",
            "budgets[0].on_exceeded: there is no route 'zzz'. Configured: cheap, fast.",
        ),
        (DAY + "scope={team='ads'}", "budgets[0].scope.team: what this file says holds for team 'search' alone"),
        (DAY + "per=['user','user']", "budgets[0].per: names one thing twice"),
        (DAY + "midstream='stop'\nmode='strict'", 'budgets[0].midstream: "stop" has an effect only with mode = "soft"'),
        (DAY + "budget_fit='shrink_max_tokens'", 'budgets[0].budget_fit: "shrink_max_tokens" has an effect only with'),
        (DAY + "mode='track'\non_exceeded='fallback:cheap'", "budgets[0].on_exceeded: has no effect with mode"),
        (
            "[[budgets]]\nwindow='day'\nlimit_requests=1\nmode='strict'\nbudget_fit='shrink_max_tokens'",
            "budgets[0].budget_fit: has an effect only with limit_usd",
        ),
        (
            "[[budgets]]\nwindow='day'\nlimit_requests=1\non_authority_loss='slack:1'",
            'budgets[0].on_authority_loss: "slack" is an amount of money',
        ),
        ("[[limits]]", "limits[0]: needs one of requests_per_second, requests_per_minute"),
        ("[[limits]]\nconcurrent=1\nburst=1", "limits[0].burst: has no effect without a rate"),
        ("[[limits]]\nconcurrent=1\nscope={team='x'}", "limits[0].scope.team: what this file says"),
        (
            "[[limits]]\nname='limit-2'\nconcurrent=1\n[[limits]]\nconcurrent=2",
            "limits[1].name: 'limit-2' is already the name of limits[0]",
        ),
    ],
)
def test_what_does_not_fit_together_is_named(text: str, expected: str) -> None:
    """One sentence for each, and nothing else is complained of."""
    (problem,) = found(text)

    assert problem.startswith(expected), problem


@pytest.mark.parametrize(
    "text",
    [
        DAY,
        DAY + "mode='strict'\nbudget_fit='shrink_max_tokens'\non_exceeded='fallback:cheap'",
        DAY + "midstream='stop'",
        DAY + "[[budgets]]\nname='other'\nwindow='day'\nlimit_requests=1\nper=['user','session']",
        "[[limits]]\nrequests_per_minute=1\nburst=5\n[[limits]]\nconcurrent=2",
    ],
)
def test_what_fits_together_is_taken(text: str) -> None:
    """Nothing is complained of that does what it says."""
    assert [] == found(text)


def test_the_company_may_name_teams() -> None:
    """It is the only one that speaks of all of them."""
    assert [] == found(DAY + "scope={team='ads'}", team=None)


@pytest.mark.parametrize("text", [DAY, "[[limits]]\nconcurrent=1"])
def test_a_team_named_as_the_company_has_none_of_its_own(text: str) -> None:
    """Its budgets would be called as the company's are."""
    (problem,) = found(text, team="company")

    assert "rename this team" in problem
