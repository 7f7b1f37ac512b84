"""`tollway eval preview`, `backfill`, `runs`, `cancel`: a rule is tried on the past before it costs anything."""

from pathlib import Path

import pytest

from gateway.evaluation.queue_reader import QueueReader
from tests.cli.desk import TEAM, Desk, traffic
from tests.cli.test_evaluating import JUDGED
from tests.records import record

ALL = ("--since", "2026-11-23")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk beside a host with ten exchanges, two of them failed."""
    desk = Desk(tmp_path)
    desk.keep(*traffic(8), *traffic(2, outcome="upstream_error", status=500), record(team="web"))
    return desk


def test_preview_counts_and_changes_nothing(desk: Desk) -> None:
    """What a rule would take, for which reason; another rate can be tried."""
    shown = desk.run("preview", "refusal", *ALL)
    none = desk.run("preview", "refusal", "--sample", "0", "--json", *ALL)

    assert (0, "") == (shown.code, shown.err)
    assert [["refusal,", "team", "search"], ["seen", "10"], ["matched", "10"], ["sampled", "10"], ["rate", "10"]] == (
        shown.words
    )
    assert [(10, 0, 0.0)] == [(each["seen"], each["sampled"], each["sample"]) for each in none.lines]
    assert not desk.queue_folder.exists()


def test_preview_tells_what_the_judge_costs(tmp_path: Path) -> None:
    """By the price of now, as long as nothing was paid."""
    desk = Desk(tmp_path, JUDGED, '[evaluation]\nevaluators = ["helpful"]\n')
    desk.keep(*traffic(4))
    shown = desk.run("preview", "helpful", *ALL)
    [told] = desk.run("preview", "helpful", "--json", *ALL).lines

    assert ["the", "judge", "costs", "about", "0.02", "USD"] == shown.words[-1]
    assert (20_000_000, "0.02") == (told["expected_cost_nano_usd"], told["expected_cost_usd"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nope"], "there is no evaluator 'nope' that a team uses. In use: refusal, slo"),
        (["refusal", "--team", "web"], "there is no evaluator 'refusal' that the team web uses. In use: refusal, slo"),
        (["refusal", "--sample", "1.5"], "--sample: expected a share between 0 and 1"),
        (["refusal", "--since", "soon"], "--since: an age"),
    ],
)
def test_what_makes_no_sense_is_said(words: list[str], said: str, desk: Desk) -> None:
    """With what there is."""
    told = desk.run("preview", *words)

    assert (2, "") == (told.code, told.out)
    assert said in told.err


def test_backfill_asks_first(desk: Desk) -> None:
    """With what it comes to; who says no has ordered nothing."""
    desk.evaluator()
    refused = desk.run("backfill", "refusal", *ALL, stdin="n\n")
    ordered = desk.run("backfill", "refusal", *ALL, stdin="y\n")

    assert (1, True) == (refused.code, "Evaluate these 10?" in refused.out)
    assert (0, True) == (ordered.code, "`tollway eval runs`" in ordered.out)
    assert ["open"] == [each.state for each in QueueReader(desk.queue_folder).runs()]


def test_run_is_worked_off_and_shown(desk: Desk) -> None:
    """The evaluator takes what was ordered; how far it is, everybody sees."""
    desk.evaluator()
    [ordered] = desk.run("backfill", "refusal", "--yes", "--json", *ALL).lines
    before = desk.run("runs", "--json").lines
    for _ in range(2):  # only the second look finds that there is no more
        desk.evaluator()
    shown = desk.run("runs")

    assert [(ordered["run"], "open", 0)] == [(each["id"], each["state"], each["sampled"]) for each in before]
    assert ["RUN", "EVALUATOR", "TEAM", "FROM", "UNTIL", "RATE", "STATE", "SAMPLED"] == shown.words[0]
    assert [ordered["run"], "refusal", "search", "1", "done", "10"] == [
        word for word in shown.words[1] if not word.startswith("20")
    ]


def test_cancel(desk: Desk) -> None:
    """Once; afterwards there is nothing to cancel."""
    desk.evaluator()
    [ordered] = desk.run("backfill", "refusal", "--yes", "--json", *ALL).lines
    first, second = desk.run("cancel", ordered["run"]), desk.run("cancel", ordered["run"])

    assert (0, "Cancelled.\n") == first[:2]
    assert (1, True) == (second.code, "`tollway eval runs` shows them" in second.err)
    assert "cancelled" in desk.run("runs").out


def test_where_no_evaluator_ran(desk: Desk) -> None:
    """Nobody would do it: it says what to start. That there was no run is no error."""
    ordered, cancelled = desk.run("backfill", "refusal", "--yes", *ALL), desk.run("cancel", "x")

    assert [(1, True)] * 2 == [(each.code, "tollway serve" in each.err) for each in (ordered, cancelled)]
    assert (0, "") == desk.run("runs")[:2]


def test_every_team_has_a_rule_of_its_own(desk: Desk) -> None:
    """A backfill is ordered for each."""
    (desk.folder / "teams" / "web.toml").write_text(TEAM)

    assert [("search", 10), ("web", 1)] == [
        (each["team"], each["sampled"]) for each in desk.run("preview", "refusal", "--json", *ALL).lines
    ]
