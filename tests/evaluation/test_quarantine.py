"""Quarantine: who keeps failing is shut out, ever longer, and comes back by one good probe."""

from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.evaluation.quarantine import (
    FATAL,
    FATAL_IN_A_ROW,
    FIRST_MS,
    LONGEST_MS,
    MOST_ERRORS,
    RECENT,
    Quarantine,
    decode,
    encode,
)

NOW_MS = 1_795_600_000_000


def shut_out(now_ms: int = NOW_MS) -> Quarantine:
    """Make one that has just been shut out."""
    one = Quarantine(series="a")
    for _ in range(FATAL_IN_A_ROW):
        one.ran("error", "crash", "Traceback", now_ms)
    return one


@pytest.mark.parametrize("reason", sorted(FATAL))
def test_five_in_a_row_that_kill_their_process_open_it(reason: str) -> None:
    """Not four; and the reason and the traceback are there to read."""
    one = Quarantine()
    changes = [one.ran("error", reason, "Traceback", NOW_MS) for _ in range(FATAL_IN_A_ROW)]

    assert [False] * 4 + [True] == changes
    assert "open" == one.phase(NOW_MS)
    assert (reason, "Traceback") == (one.reason, one.detail)


def test_good_run_in_between_begins_the_row_anew() -> None:
    """Rare crashes are borne."""
    one = Quarantine()
    for result in ("error", "error", "error", "error", "skipped", "error", "error", "error", "error"):
        one.ran(result, "crash", None, NOW_MS)

    assert "closed" == one.phase(NOW_MS)


def test_more_than_a_fifth_of_the_last_fifty_opens_it() -> None:
    """Ten errors of fifty are borne, eleven are not, wherever they stand; those before the fifty are forgotten."""
    one = Quarantine()
    for turn in range(4 * RECENT):
        one.ran("error" if turn % 5 == 0 else "ok", "exception", "Traceback", NOW_MS)
        assert "closed" == one.phase(NOW_MS)

    one.ran("error", "exception", "Traceback", NOW_MS)
    assert MOST_ERRORS == sum(one.recent)
    one.ran("error", "exception", "the last", NOW_MS)
    assert ("open", "the last") == (one.phase(NOW_MS), one.detail)


def test_it_stays_open_twice_as_long_each_time_up_to_six_hours() -> None:
    """Five minutes, ten, twenty …; in between one probe, which fails here."""
    one, now_ms, took = shut_out(), NOW_MS, []
    for _ in range(9):
        took.append((one.until_ms - now_ms) // 60_000)
        assert "open" == one.phase(one.until_ms - 1)
        now_ms = one.until_ms
        assert "probe" == one.phase(now_ms)
        assert one.ran("error", "exception", "again", now_ms)

    assert [5, 10, 20, 40, 80, 160, 320, 360, 360] == took
    assert NOW_MS == one.since_ms


@pytest.mark.parametrize("result", ["ok", "skipped"])
def test_good_probe_closes_it_for_good(result: str) -> None:
    """The next time it is shut out begins with five minutes."""
    one = shut_out()
    now_ms = one.until_ms
    assert one.ran(result, None, None, now_ms)

    assert ("closed", None) == (one.phase(now_ms), one.detail)
    again = one.could_not_load("no_such_file", "…", now_ms)
    assert again
    assert FIRST_MS == one.until_ms - now_ms


def test_probe_that_must_be_repeated_decides_nothing() -> None:
    """A provider that is busy says nothing about the evaluator."""
    one = shut_out()

    assert not one.ran("retry", "rate_limited", None, one.until_ms)
    assert "probe" == one.phase(one.until_ms)


def test_what_was_still_running_when_it_opened_changes_nothing() -> None:
    """Neither does its success close it, nor its failure open it for longer."""
    one = shut_out()
    before = encode(one)

    assert not one.ran("ok", None, None, NOW_MS + 1)
    assert not one.ran("error", "crash", "late", NOW_MS + 2)
    assert before == encode(one)


def test_what_cannot_be_loaded_is_shut_out_at_once() -> None:
    """A restart that finds it as it was does not make the time longer; a failed try at its end does."""
    one = Quarantine(series="a")

    assert one.could_not_load("import", "No module named numpy", NOW_MS)
    assert not one.could_not_load("import", "No module named numpy", NOW_MS + 1)
    assert (NOW_MS + FIRST_MS, 1) == (one.until_ms, one.openings)
    assert one.could_not_load("import", "No module named numpy", one.until_ms)
    assert ("import", 2) == (one.reason, one.openings)


def test_other_settings_or_code_begin_with_a_clean_slate() -> None:
    """Whoever mends a plugin need not wait."""
    one = shut_out()

    assert not one.concerns("a")
    assert "open" == one.phase(NOW_MS)
    assert one.concerns("b")
    assert "closed" == one.phase(NOW_MS)


class Machine(RuleBasedStateMachine):
    """Any sequence of runs at any times, against rules that hold always."""

    results: ClassVar = st.sampled_from(["ok", "skipped", "retry", "error"])

    def __init__(self) -> None:
        super().__init__()
        self.one = Quarantine()
        self.now_ms = NOW_MS

    @rule(result=results, reason=st.sampled_from(["crash", "exception"]), later_ms=st.integers(0, 2 * FIRST_MS))
    def runs(self, result: str, reason: str, later_ms: int) -> None:
        self.now_ms += later_ms
        before, phase = encode(self.one), self.one.phase(self.now_ms)
        changed = self.one.ran(result, reason, "Traceback", self.now_ms)
        if phase == "open":
            assert before == encode(self.one)
        if phase == "probe" and result != "retry":
            assert changed
            assert ("open" if result == "error" else "closed") == self.one.phase(self.now_ms)
        if phase == "closed" and result != "error":
            assert not changed

    @rule()
    def waits(self) -> None:
        self.now_ms = max(self.now_ms, self.one.until_ms)

    @rule()
    def loads_in_vain(self) -> None:
        self.one.could_not_load("import", None, self.now_ms)
        assert "open" == self.one.phase(self.now_ms)

    @rule()
    def is_restarted(self) -> None:
        self.one = decode(encode(self.one))

    @invariant()
    def bounds_hold(self) -> None:
        one = self.one
        assert len(one.recent) <= RECENT
        assert sum(one.recent) <= MOST_ERRORS
        assert one.fatal_in_a_row < FATAL_IN_A_ROW
        assert one.until_ms - self.now_ms <= LONGEST_MS
        assert bool(one.openings) == bool(one.since_ms) == bool(one.until_ms)
        if not one.openings:
            assert (None, None) == (one.reason, one.detail)


TestMachine = Machine.TestCase


@given(st.lists(st.sampled_from(["ok", "skipped", "error"]), max_size=120))
def test_it_opens_at_the_first_run_that_makes_it_too_many(results: list[str]) -> None:
    """As counted by hand over the last fifty."""
    one = Quarantine()
    for turn, result in enumerate(results):
        opened = one.ran(result, "exception", None, NOW_MS)
        errors = results[max(0, turn + 1 - RECENT) : turn + 1].count("error")

        assert (errors > MOST_ERRORS) == opened
        if opened:
            break
