"""Objectives that are kept, missed, and not to be measured."""

import pytest
from pydantic import ValidationError

from gateway.evaluation.api import Usage
from gateway_plugins.slo import Slo, SloParams
from tests.plugins.making import made, outcome, results, said

FAST = said(
    "Paris", stream=True, duration_ms=1000.0, first_token_ms=200.0, cost_usd=0.01, usage=Usage(10, 80), finish="stop"
)


@pytest.mark.parametrize(
    ("name", "kept", "missed"),
    [
        ("latency_ms", 1000, 999),
        ("ttft_ms", 200, 199.9),
        ("cost_usd", 0.01, 0.0099),
        ("output_tokens", 80, 79),
        ("tokens_per_second", 100, 100.1),
    ],
)
def test_bound_itself_is_kept(name: str, kept: float, missed: float) -> None:
    """Each objective is a score of its own, and the main score follows."""
    good, bad = (results(made(Slo, **{name: bound}), FAST) for bound in (kept, missed))

    assert {"": True, name: True} == {each: found.value for each, found in good.items()}
    assert {"": False, name: False} == {each: found.value for each, found in bad.items()}
    assert {"missed": [name]} == bad[""].evidence


def test_every_objective_has_its_score() -> None:
    """The names of parameters and scores are the same."""
    assert {"", *SloParams.model_fields} == {spec.name for spec in Slo.scores}


def test_unknown_price_is_no_low_one() -> None:
    """What cannot be measured is no pass: the main score is left out, what is known is said."""
    unknown = said("Paris", cost_usd=None, duration_ms=10.0)

    assert "skip unknown_cost_usd" == outcome(made(Slo, cost_usd=1), unknown)
    assert ["latency_ms"] == list(results(made(Slo, cost_usd=1, latency_ms=10), unknown))
    assert outcome(made(Slo, cost_usd=1, latency_ms=9), unknown) is False


@pytest.mark.parametrize(
    ("params", "exchange", "expected"),
    [
        ({"ttft_ms": 1}, said("Paris", first_token_ms=5.0), "skip not_applicable"),
        ({"ttft_ms": 1}, said("Paris", stream=True), "skip unknown_ttft_ms"),
        ({"ttft_ms": 1, "latency_ms": 10}, said("Paris", duration_ms=10.0), True),
        ({"output_tokens": 1}, said("Paris"), "skip unknown_output_tokens"),
        ({"tokens_per_second": 1}, said("a", usage=Usage(1, 19), stream=True), "skip not_applicable"),
        ({"tokens_per_second": 1}, said("a", usage=Usage(1, 20), stream=True), "skip unknown_tokens_per_second"),
        (
            {"tokens_per_second": 1},
            said("a", usage=Usage(1, 20), stream=True, duration_ms=5.0, first_token_ms=5.0),
            "skip unknown_tokens_per_second",
        ),
        ({"latency_ms": 1}, said("", status=500, duration_ms=0.5), "skip failed"),
        ({"latency_ms": 1}, said("", outcome="cancelled", duration_ms=0.5), "skip incomplete"),
        ({"latency_ms": 1}, said("", endpoint="embeddings", choices=(), duration_ms=0.5), True),
    ],
)
def test_what_does_not_apply_is_left_out(params: dict[str, float], exchange: object, expected: object) -> None:
    """Times of streams say nothing of other answers, and few tokens nothing of speed."""
    assert expected == outcome(made(Slo, **params), exchange)


@pytest.mark.parametrize("params", [{}, {"latency_ms": 0}, {"cost_usd": -1}, {"latency": 5}, {"ttft_ms": "nan"}])
def test_no_objective_is_an_error(params: dict[str, float]) -> None:
    """An evaluator that could never say anything is a mistake."""
    with pytest.raises(ValidationError):
        made(Slo, **params)
