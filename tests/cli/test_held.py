"""How budgets and limits are shown."""

import pytest
from rich.console import Console

from gateway.cli.held import budgets_json, held_table, holding, limits_json
from gateway.config.compile import from_sources
from gateway.policies.snapshot import Snapshot


def compiled(text: str = "") -> Snapshot:
    """Compile a company."""
    return from_sources({"config.toml": text}, "/nowhere", {}, 1)


def shown(text: str) -> str:
    """Return the one line below the head."""
    console = Console(width=200)
    with console.capture() as captured:
        console.print(held_table(compiled(text)))
    _, line = captured.get().splitlines()
    return " ".join(line.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("window='day'\nlimit_usd=5", "company/day $5.00 a day, soft everything"),
        ("window='day'\nlimit_usd='0.1'", "company/day $0.10 a day, soft everything"),
        ("window='day'\nlimit_usd='0.001'", "company/day $0.001 a day, soft everything"),
        ("window='total'\nlimit_requests=7\nmode='track'", "company/total 7 requests in total, track everything"),
        ("window='rolling:30d'\nlimit_usd=1", "company/rolling-30d $1.00 in 30d, soft everything"),
        (
            "window='week'\ntimezone='Asia/Tokyo'\nlimit_usd=1\nscope={team='a'}\nper=['key']",
            "company/week $1.00 a week (Asia/Tokyo), soft team a key",
        ),
    ],
)
def test_a_budget_reads_like_a_sentence(text: str, expected: str) -> None:
    """How much, when, how, for whom."""
    assert expected == shown(f"[[budgets]]\n{text}")


def test_nothing_to_hold_to_is_not_shown() -> None:
    """No empty table."""
    assert None is held_table(compiled())
    assert ([], [], []) == (budgets_json(compiled()), limits_json(compiled()), holding(compiled(), "search"))


def test_a_team_is_held_to_what_names_it_or_nobody() -> None:
    """By the scope's patterns."""
    day = "[[budgets]]\nwindow='{0}'\nlimit_usd=1\nscope={{{1}}}\n"
    text = day.format("day", "team='se*'") + day.format("hour", "team='ads'") + day.format("week", "model='x'")

    assert ["company/day", "company/week", "company/limit-1"] == holding(
        compiled(text + "[[limits]]\nconcurrent=1"), "search"
    )
