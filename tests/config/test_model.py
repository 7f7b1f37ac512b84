"""Model: the defaults, and what may be written at all. That examples and documents agree with it: test_docs.py."""

import tomllib
from decimal import Decimal
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from gateway.config.load import parse
from gateway.config.model import Company, Dimension, ModelFacts, PriceKind, Server, Team
from gateway.config.problems import ConfigError, from_validation
from gateway.policies.rates import rates_from_usd
from gateway.policies.scope import DIMENSIONS


def problems(text: str) -> list[str]:
    """Read config.toml, and return what is wrong with its values."""
    try:
        Company.model_validate(tomllib.loads(text))
    except ValidationError as error:
        return [f"{problem.where}: {problem.message}" for problem in from_validation("f", Company, error)]
    return []


def test_defaults_are_safe() -> None:
    """Without a word of config both ports are this machine's own, and nobody's credential is forwarded."""
    assert ("127.0.0.1:8080", "127.0.0.1:8081") == (Server().listen, Server().admin)
    assert Team().forward_credentials is False


@pytest.mark.parametrize("kind", get_args(PriceKind))
def test_every_price_that_may_be_written_is_used(kind: str) -> None:
    """A price that nothing reads would be a promise not kept."""
    assert rates_from_usd({}) != rates_from_usd({kind: Decimal(1)})


def test_only_the_company_says_what_models_can_do() -> None:
    """A team could make its own bounds small."""
    with pytest.raises(ConfigError, match=r"models\.gpt-4o: unknown setting"):
        parse({"teams/search.toml": "[models.'gpt-4o']"}, {})


def test_only_the_company_says_for_which_teams_something_holds() -> None:
    """What a team's file says holds for that team; the company's list of models may be for some teams."""
    with pytest.raises(ConfigError, match=r"models\.scope: unknown setting"):
        parse({"teams/search.toml": "[models]\nscope = { team = 'a' }"}, {})
    with pytest.raises(ConfigError, match=r"models\.scope\.key: unknown setting"):
        parse({"config.toml": "[models]\nallow = ['x']\nscope = { key = 'a' }"}, {})

    assert ["a", "b*"] == Company.model_validate({"models": {"scope": {"team": ["a", "b*"]}}}).models.scope.team


def test_the_dimensions_are_those_of_the_policies() -> None:
    """What may be written is what is looked at."""
    assert DIMENSIONS == get_args(Dimension)


def test_a_budget_as_people_write_it() -> None:
    """Everything at once, and as little as there must be."""
    assert [] == problems(
        """
        [[budgets]]
        name = "daily"
        window = "day"
        timezone = "Europe/Paris"
        limit_usd = "50.00"
        limit_requests = 1000
        mode = "strict"
        scope = { team = "search", key = ["ci", "dev"], user = "*", session = "s*", model = "o?", provider = "openai" }
        per = ["user", "session"]
        max_balances = 100
        on_disconnect = "drain"
        on_exceeded = "fallback:cheap"
        budget_fit = "shrink_max_tokens"
        on_authority_loss = "slack:0.50"
        thresholds = [50, 100]
        exceeded_status = 402
        [[budgets]]
        window = "total"
        limit_usd = 5
        [[limits]]
        name = "fast"
        requests_per_second = 5
        requests_per_minute = 100
        tokens_per_minute = 2_000_000
        usd_per_minute = "1.50"
        concurrent = 64
        burst = "10 s"
        scope = { model = "gpt-4*" }
        per = ["key"]
        [models]
        allow = ["gpt-*"]
        [models."gpt-*"]
        max_output_tokens = 4096
        context_window = 128_000
        max_image_tokens = 1_445
        strict_ceiling_usd = "0.25"
        """
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[budgets]]\nlimit_usd = 5", "budgets[0].window: is required"),
        ("[[budgets]]\nwindow = 'dya'", "budgets[0].window: expected one of minute, hour"),
        ("[[budgets]]\nwindow = 'day'\ntimezone = 'Mars'", "budgets[0].timezone: there is no time zone 'Mars'"),
        ("[[budgets]]\nwindow = 'day'\nlimit_usd = 0.5", 'budgets[0].limit_usd: write the amount in quotes, as "0.5"'),
        ("[[budgets]]\nwindow = 'day'\nlimit_requests = '5'", "budgets[0].limit_requests: expected a whole number"),
        ("[[budgets]]\nwindow = 'day'\nmode = 'hard'", "budgets[0].mode: expected 'soft', 'strict' or 'track'"),
        ("[[budgets]]\nwindow = 'day'\nper = ['agent']", "budgets[0].per[0]: expected 'team', 'key'"),
        (
            "[[budgets]]\nwindow = 'day'\nscope = { modle = 'x' }",
            "budgets[0].scope.modle: unknown setting. Did you mean",
        ),
        ("[[budgets]]\nwindow = 'day'\nscope = { model = [] }", "budgets[0].scope.model: must not be empty"),
        ("[[budgets]]\nwindow = 'day'\nexceeded_status = 500", "budgets[0].exceeded_status: expected 429, 402"),
        ("[[budgets]]\nwindow = 'day'\nthresholds = [0]", "budgets[0].thresholds[0]: expected at least 1"),
        ("[[limits]]\nrequests_per_hour = 5", "limits[0].requests_per_hour: unknown setting."),
        ("[[limits]]\nconcurrent = -1", "limits[0].concurrent: expected at least 0"),
        ("[models.m]\nmax_output = 5", "models.m.max_output: unknown setting. Did you mean 'max_output_tokens'?"),
        ("[models.m]\ncontext_window = 0", "models.m.context_window: expected at least 1"),
        ("[models]\nallwo = ['x']", "models.allwo: unknown setting. Did you mean 'allow'?"),
    ],
)
def test_every_mistake_has_its_place_and_what_to_write(text: str, expected: str) -> None:
    """As in every other section."""
    assert any(problem.startswith(expected) for problem in problems(text)), problems(text)


def test_names_of_models_are_kept() -> None:
    """They may be patterns, and hold dots."""
    text = "[models]\nallow = ['x']\n[models.'gpt-5.4*']\nmax_output_tokens = 5"

    models = Company.model_validate(tomllib.loads(text)).models

    facts: dict[str, Any] = models.model_extra or {}
    assert {"gpt-5.4*": ModelFacts(max_output_tokens=5)} == facts
    assert ["x"] == models.allow
