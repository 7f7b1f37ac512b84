"""Amounts, bars and times are short for people and never wrong."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.admin.public_budgets import public_standing
from gateway.admin.standings import Standing
from gateway.cli.budget_tables import bar, deed_sentence, money, show_list, span, standing_sentence
from gateway.policies.windows import parse
from tests.policies.test_budget import budget


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        ("0", "$0.00"),
        ("1234567.5", "$1,234,567.50"),
        ("0.0123456", "$0.0123"),
        ("12.00004", "$12.00"),
        ("12.00005", "$12.0001"),
        ("-1.5", "-$1.50"),
        ("-0.000000001", "$0.00"),
    ],
)
def test_money(usd: str, text: str) -> None:
    """Cents, and of small amounts a little more."""
    assert text == money(usd)


@pytest.mark.parametrize(
    ("percent", "text", "style"),
    [
        (0.0, "░░░░░░░░░░ 0 %", "green"),
        (79.9, "███████░░░ 79 %", "green"),
        (80.0, "████████░░ 80 %", "yellow"),
        (99.9, "█████████░ 99 %", "yellow"),
        (100.0, "██████████ 100 %", "red"),
        (250.0, "██████████ 250 %", "red"),
        (-10.0, "░░░░░░░░░░ -10 %", "green"),
        (None, "no limit left", "red"),
    ],
)
def test_bars(percent: float | None, text: str, style: str) -> None:
    """Full and red at the limit, and not before."""
    drawn = bar(percent)

    assert (text, style) == (drawn.plain, drawn.style)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_725, "1 h 2 min"),
        (86_400, "1 d"),
        (90_061, "1 d 1 h"),
        (86_460, "1 d"),
    ],
)
def test_lengths_of_time(seconds: int, text: str) -> None:
    """The two largest units."""
    assert text == span(seconds)


def deed(what: str, **more: Any) -> dict[str, Any]:
    """Make what somebody did."""
    usual = {"id": 3, "budget": "a/x", "unit": "usd", "values": {}, "shared": False, "every": False, "until": None}
    return {**usual, "what": what, "amount_usd": "5", **more}


def requests(number: int) -> dict[str, Any]:
    """Make an amount of requests."""
    return {"unit": "requests", "amount_requests": number}


@pytest.mark.parametrize(
    ("done", "said"),
    [
        (deed("raise", until="2026-11-24T00:00:00Z"), ": +$5.00 from now on until 2026-11-24T00:00:00Z (raise 3)"),
        (deed("raise", every=True, **requests(-1)), ", each balance: -1 request from now on (raise 3)"),
        (deed("end", amount_usd="-5"), ": a raise was ended: -$5.00"),
        (deed("reset", values={"user": "ann"}), " user=ann: reset: +$5.00 spent"),
        (deed("correct", shared=True, **requests(2000)), " (shared): corrected: +2,000 requests spent"),
    ],
)  # fmt: skip
def test_what_was_done_in_a_sentence(done: dict[str, Any], said: str) -> None:
    """Whose, what, how much."""
    assert f"a/x{said}" == deed_sentence(done)


def test_how_it_stands_in_a_sentence() -> None:
    """After whatever was done."""
    balance = deed("", spent_usd="1", limit_usd="6", left_usd="3", reserved_usd="2", values={"user": "ann"})

    assert "a/x user=ann now: $1.00 of $6.00 spent, $3.00 left, $2.00 with workers" == standing_sentence("a/x", balance)


def test_when_it_resets(capsys: pytest.CaptureFixture[str]) -> None:
    """In so long, as it rolls, or never."""
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    standings = [
        public_standing(Standing(budget(f"a/{number}", window=parse(window), per=("user",)), noon.timestamp(), [], 0))
        for number, window in enumerate(["day", "rolling:5h", "total"])
    ]
    show_list(standings, noon)

    assert ["12 h", "as it rolls", "never"] == [
        line.rstrip().split("  ")[-1] for line in capsys.readouterr().out.splitlines()[1:]
    ]
