"""Tries are counted each, retries and fallbacks where the provider stays or changes, limits by the newest word."""

from collections import Counter
from typing import Any

from gateway.core.record import Attempt
from gateway.metrics import catalogue
from gateway.metrics.attempts import Allowances, count_tries
from gateway.metrics.debts import TotalKey
from gateway.metrics.totals import Tally
from tests.records import NOON_MS, record

NOON_S = NOON_MS / 1000


def counted(*attempts: Attempt) -> Counter[TotalKey]:
    """Count the tries of one exchange."""
    moved: Counter[TotalKey] = Counter()
    count_tries(moved, [record(attempts=list(attempts))], "gpt-4o-mini", {"gpt-4o-mini"}, Allowances())
    return moved


def tried(provider: str, result: str = "ok", **fields: Any) -> Attempt:
    """Make one."""
    return Attempt(provider=provider, result=result, **fields)


def test_retries_and_fallbacks() -> None:
    """Each try after the first is one of them: by why the one before failed, or by how it went itself."""
    moved = counted(tried("a", "429"), tried("a", "5xx"), tried("b", "timeout"), tried("b"), tried("c"))
    turns = {catalogue.RETRIES.name, catalogue.FALLBACKS.name}

    assert {
        ("tollway_retries", ("a", "429"), ""): 1,
        ("tollway_fallbacks", ("a", "b", "failed"), ""): 1,
        ("tollway_retries", ("b", "timeout"), ""): 1,
        ("tollway_fallbacks", ("b", "c", "ok"), ""): 1,
    } == {key: value for key, value in moved.items() if key[0] in turns}


def test_every_try_has_its_time() -> None:
    """By provider and result."""
    moved = counted(tried("a", "5xx", duration_ms=60.0), tried("a", duration_ms=1_000.0))

    assert 1 == moved["tollway_upstream_attempt_duration_seconds", ("a", "5xx"), "0.1"]
    assert 1_000_000 == moved["tollway_upstream_attempt_duration_seconds", ("a", "ok"), "sum"]


def test_a_limit_that_leaves_nothing_is_told() -> None:
    """A 0 is a number; what was not said is none."""
    tally = Tally()
    tally.count(
        [record(attempts=[tried("a", left_requests=0), tried("b", left_tokens=9)]), record(attempts=[tried("c")])]
    )

    assert {("a", "requests"): 0, ("b", "tokens"): 9} == dict(tally.allowances.left(NOON_S))


def test_the_newest_word_counts() -> None:
    """Whatever order records come in; an old word says nothing of now."""
    allowances = Allowances()
    for at_ms, left in ((NOON_MS, 5), (NOON_MS + 2, 3), (NOON_MS + 1, 4)):
        one = record(at_ms, attempts=[tried("a", left_requests=left)])
        allowances.note(one, one.attempts[0])

    assert {("a", "requests"): 3} == dict(allowances.left(NOON_S + 599))
    assert {} == dict(allowances.left(NOON_S + 601))
