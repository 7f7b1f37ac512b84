"""Retries: only what may help, a few times, ever later."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.evaluation.quarantine import FATAL
from gateway.evaluation.retrying import ATTEMPTS, LONGEST_MS, delay_ms


@pytest.mark.parametrize("result", ["ok", "skipped"])
def test_what_went_well_is_not_repeated(result: str) -> None:
    """A skip is an answer."""
    assert delay_ms(result, None, 0, 0.5) is None


@pytest.mark.parametrize("reason", ["exception", "contract", None])
def test_errors_of_the_plugin_are_final(reason: str | None) -> None:
    """The same target gives the same error."""
    assert delay_ms("error", reason, 0, 0.5) is None


@pytest.mark.parametrize("reason", sorted(FATAL))
def test_what_killed_its_process_is_tried_once_more(reason: str) -> None:
    """In a fresh one, in case it was another's leak."""
    assert delay_ms("error", reason, 0, 0.5) is not None
    assert delay_ms("error", reason, 1, 0.5) is None


def test_transient_failures_are_tried_four_times_ever_later() -> None:
    """The longest possible waits grow fourfold."""
    assert [2000, 8000, 32000, None] == [delay_ms("retry", "busy", attempts, 1.0) for attempts in range(ATTEMPTS)]


@given(st.integers(0, ATTEMPTS - 2), st.floats(0, 1))
def test_wait_is_drawn_from_the_whole_span(attempts: int, draw: float) -> None:
    """Full jitter: from none to the longest of this attempt."""
    longest = delay_ms("retry", None, attempts, 1.0)
    drawn = delay_ms("retry", None, attempts, draw)

    assert longest is not None
    assert drawn is not None
    assert 0 <= drawn <= longest <= LONGEST_MS
