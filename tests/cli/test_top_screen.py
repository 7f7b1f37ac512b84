"""The screen fits any terminal, and what matters most is on it."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from gateway.cli.top_numbers import numbers
from gateway.cli.top_screen import screen
from gateway.cli.top_view import Balance, Busy, Failure, View
from tests.cli.test_top_numbers import page

NUMBERS = numbers([page(0, 0), page(10, 10, restarts=2, sound=0)])
FULL = View(
    "http://127.0.0.1:8081",
    "team",
    NUMBERS,
    [Busy(f"team-{number}", 12_040, 41_200_000, 2_310_000, "412.0481") for number in range(40)],
    [Balance("search/daily", "soft", 97.2, "$48.61", "$50.00", "1970-01-02T11:20:00Z")]
    + [Balance(f"search/b{number}", "soft", 9.0, "1", "10 requests", None) for number in range(40)],
    [Failure("0199", "2026-11-23T11:59:50Z", "search", "ci", "gpt", "openai", 429, "rate_limited", "x")] * 40,
)


def drawn(view: View, width: int, height: int) -> list[str]:
    """Draw a screen, as lines of text."""
    console = Console(width=width, height=height, file=io.StringIO(), record=True, highlight=False)
    console.print(screen(view, width, height))
    return console.export_text().splitlines()


@given(st.integers(30, 220), st.integers(8, 80), st.booleans())
def test_screen_fits(width: int, height: int, is_full: bool) -> None:
    """Whatever the size: no line is wrapped, none falls off the end, and the numbers are there."""
    lines = drawn(FULL if is_full else View("u", "key", numbers([page(0, 0)])), width, height)

    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert "req/s" in lines[2]


def test_everything_is_there_on_a_usual_terminal() -> None:
    """80 by 24: state, numbers, four tables, and the keys."""
    text = "\n".join(drawn(FULL, 80, 24))

    for part in (
        "Tollway 9.9", "workers 1/2", "log 500 ms behind", "2 worker restarts", "config refused",
        "10.0", "10.0 %", "TEAM, LAST 1H", "412.0481", "PROVIDER", "10 timeout", "search/daily",
        "97.2 %", "$48.61 of $50.00", "1 d 11 h", "FAILED AT", "11:59:50", "rate_limited", "[q]uit",
    ):  # fmt: skip
        assert part in text


def test_wide_terminal_has_tables_side_by_side() -> None:
    """And says where it looks."""
    lines = drawn(FULL, 140, 45)

    assert any("TEAM, LAST 1H" in line and "PROVIDER" in line for line in lines)
    assert "http://127.0.0.1:8081" in lines[0]
    assert "00:00:10 UTC" in lines[0]
    assert "token p50" in lines[2]


def test_small_terminal_leaves_out_what_matters_least() -> None:
    """Failures and budgets make room for who is busy."""
    text = "\n".join(drawn(FULL, 40, 9))

    assert "TEAM, LAST 1H" in text
    assert "BUDGET" not in text


def test_empty_tables_say_why() -> None:
    """Nothing happened, or it could not be asked for; and no news is said in place of the state."""
    view = View("u", "session", numbers([page(0, 0)]), missing={"busiest": "by: one of team\x1b[2J, key"})
    view.trouble = "no news: it is gone"
    text = "\n".join(drawn(view, 100, 30))

    for part in (
        "by: one of team\\x1b[2J, key", "no provider was asked in the last minute", "no budget is in use",
        "none in the last 1h", "no news: it is gone", "measuring",
    ):  # fmt: skip
        assert part in text


@pytest.mark.parametrize(
    ("resets_at", "said"),
    [("1970-01-01T00:00:15Z", "5 s"), ("1970-01-01T00:02:15Z", "2 min 5 s"), ("1970-01-01T02:30:10Z", "2 h 30 min")],
)
def test_resets_are_told_as_time_that_is_left(resets_at: str, said: str) -> None:
    """Short enough for a column."""
    view = View("u", "team", NUMBERS, budgets=[Balance("a/b", "soft", 1.0, "$1.00", "$2.00", resets_at)])

    assert said in "\n".join(drawn(view, 100, 40))
