"""Who is taken: the same exchanges on every host, at the rate that is said, and for the reasons that are said."""

from collections.abc import Mapping
from math import sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policies.evaluating import Always, Rule, Stratum
from gateway.policies.sampling import Sieve, draw, kind_of
from tests.records import record

SALT = "eval-v1"


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("req_1", 0.16616164923703647), ("req_2", 0.6924006705328355), ("", 0.39773088310561755)],
)
def test_hash_is_the_published_one(unit: str, expected: float) -> None:
    """Whoever has the salt gets the same numbers."""
    assert expected == draw(SALT, unit)


def test_share_that_is_taken_is_the_rate() -> None:
    """Of 200,000 units the share below 0.05 is the published one, and within three standard errors of the rate."""
    taken = sum(draw(SALT, f"req_{number}") < 0.05 for number in range(200_000))

    assert abs(taken / 200_000 - 0.05) < 3 * sqrt(0.05 * 0.95 / 200_000)


@given(st.text(max_size=40), st.floats(0, 1), st.floats(0, 1))
def test_lower_rate_takes_a_part_of_what_a_higher_one_takes(unit: str, one: float, other: float) -> None:
    """So that cheap and costly evaluators look at the same exchanges, whatever they are called."""
    low, high = sorted((one, other))
    drawn = draw(SALT, unit)

    assert 0 <= drawn < 1
    assert not drawn < low or drawn < high


def test_salt_decides() -> None:
    """Another salt takes others."""
    assert draw("a", "req_1") != draw("b", "req_1")


RULE: dict[str, Any] = {"team": "search", "evaluator": "refusal"}


@pytest.mark.parametrize(
    ("always", "fields", "expected"),
    [
        (Always("error"), {"outcome": "upstream_error"}, True),
        (Always("error"), {"outcome": "ok"}, False),
        (Always("truncated"), {"finish_reason": "length"}, True),
        (Always("truncated"), {"finish_reason": "max_tokens"}, True),
        (Always("truncated"), {"finish_reason": "MAX_TOKENS"}, True),
        (Always("truncated"), {"finish_reason": "stop"}, False),
        (Always("truncated"), {"finish_reason": None}, False),
        (Always("content_filter"), {"finish_reason": "content_filter"}, True),
        (Always("content_filter"), {"finish_reason": "SAFETY"}, True),
        (Always("content_filter"), {"finish_reason": "length"}, False),
        (Always("cost_usd", 1000.0), {"cost_nano_usd": 1001}, True),
        (Always("cost_usd", 1000.0), {"cost_nano_usd": 1000}, False),
        (Always("duration_ms", 10.0), {"duration_ms": 10.5}, True),
        (Always("duration_ms", 10.0), {"duration_ms": None}, False),
        (Always("first_token_ms", 10.0), {"first_token_ms": 11.0}, True),
        (Always("first_token_ms", 10.0), {"first_token_ms": None}, False),
        (Always("negative_feedback"), {"outcome": "upstream_error"}, False),
    ],
)
def test_always_rules(always: Always, fields: Mapping[str, Any], expected: bool) -> None:
    """Each takes what it says, at any rate; what is not known fulfils none. Feedback comes later."""
    sieve = Sieve(Rule(**RULE, sample=0.0, always=(always,)))
    one = record(**fields)
    decision = sieve.decide(one, kind_of(one), 0.5)

    assert decision is not None
    assert (expected, [always.kind] * expected) == (decision.is_taken, decision.reasons)
    assert float(expected) == decision.probability


def test_first_stratum_that_matches_says_the_rate() -> None:
    """In the order of the file; any name of the model counts; else it is the rule's own."""
    strata = (
        Stratum(0.5, model=("gpt-4o*",), outcome=("ok",)),
        Stratum(0.25, route=("fast",)),
        Stratum(0.1, endpoint=("embeddings", "chat")),
    )
    sieve = Sieve(Rule(**RULE, sample=0.01, strata=strata))
    kinds = [
        kind_of(record(**fields))
        for fields in (
            {"route": "fast"},
            {"route": "fast", "outcome": "timeout"},
            {"model_requested": "x", "model_served": "gpt-4o-2024"},
            {"model_requested": "x", "model_served": "y"},
            {"model_requested": "x", "model_served": "y", "endpoint": "responses"},
        )
    ]

    assert [0.5, 0.25, 0.5, 0.1, 0.01] == [sieve.rate(kind) for kind in kinds]
    assert [0.5, 0.25, 0.5, 0.1, 0.01] == [sieve.rate(kind) for kind in kinds]


def test_only_says_what_is_looked_at_at_all() -> None:
    """Also always-rules take nothing beyond it."""
    rule = Rule(**RULE, only=Stratum(1.0, outcome=("ok",), route=("?*",)), always=(Always("error"),))
    sieve = Sieve(rule)
    routed, unrouted, failed = record(route="fast"), record(), record(route="fast", outcome="timeout")

    assert 1.0 == sieve.rate(kind_of(routed))
    assert [None, None] == [sieve.decide(one, kind_of(one), 0.0) for one in (unrouted, failed)]


def test_all_reasons_are_told_and_the_highest_rate_is_the_probability() -> None:
    """All share one number, so that no other combination of reasons changes it."""
    sieve = Sieve(Rule(**RULE, sample=0.3, always=(Always("error"), Always("truncated"))))
    good, bad = record(), record(outcome="timeout", finish_reason="length")
    taken, untaken = (sieve.decide(good, kind_of(good), drawn) for drawn in (0.2, 0.3))
    always = [sieve.decide(bad, kind_of(bad), drawn) for drawn in (0.2, 0.3)]

    assert taken and untaken
    assert (["rate"], 0.3, True) == (taken.reasons, taken.probability, taken.is_taken)
    assert ([], 0.3, False) == (untaken.reasons, untaken.probability, untaken.is_taken)
    assert [["rate", "error", "truncated"], ["error", "truncated"]] == [each.reasons for each in always if each]
    assert [1.0, 1.0] == [each.probability for each in always if each]


def test_what_is_remembered_is_bounded() -> None:
    """Callers invent model names: they cost no memory for good."""
    sieve = Sieve(Rule(**RULE, strata=(Stratum(0.5, model=("gpt-*",)),)))
    for number in range(10_000):
        sieve.rate(kind_of(record(model_requested=f"m{number}", model_served=None)))

    assert len(sieve._rates) <= 4096
