"""`tollway eval list` and `explain`: what evaluators do, and what became of one exchange, said plainly."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from gateway.evaluation.queue import Queue
from gateway.evaluation.queue_reader import QueueReader
from gateway.evaluation.standing import ShutOut, standings
from gateway.evaluation.task import Done
from tests.cli.desk import Desk, traffic
from tests.evaluation.looking import evaluating, rule
from tests.records import NOON_MS, record
from tests.scores import evaluation

TRACEBACK = 'Traceback (most recent call last):\n  File "x.py", line 7, in evaluate\nKeyError: [bold]'

HEADS = ("SEEN", "MATCHED", "SAMPLED", "DROPPED", "RUN", "OK", "SKIPPED", "ERROR", "WAITING")


def at_work(desk: Desk) -> None:
    """Let three exchanges come, one be scored, one be skipped, one wait; and shut an evaluator out."""

    def work(queue: Queue, look: Callable[[], None]) -> None:
        desk.keep(*traffic(3))
        look()
        one, two = queue.due(2, NOON_MS, ())
        queue.finish([Done(one, "ok", None, 1), Done(two, "skipped", "no_answer", 0)])
        shut_out = ShutOut(openings=2, until_ms=NOON_MS, reason="error", detail=TRACEBACK)
        queue.set_quarantine("slo", msgspec.json.encode(shut_out))

    desk.evaluator(work)


def test_list_shows_how_far_exchanges_came(tmp_path: Path) -> None:
    """For each evaluator in use; why it skipped some stands below."""
    desk = Desk(tmp_path)
    at_work(desk)
    shown = desk.run("list")

    assert (0, "") == (shown.code, shown.err)
    assert [
        ["EVALUATOR", "VERSION", "TEAMS", "STATE", *HEADS],
        ["refusal", "1.0", "search", "1", "ok", "3", "3", "3", "0", "2", "1", "1", "0", "1"],
        ["slo", "1.0", "search", "0", "quarantined", "3", "3", "0", "0", "0", "0", "0", "0", "0"],
    ] == shown.words[:3]
    assert "refusal skipped: no_answer 1" in shown.out


def test_quarantine_shows_why_and_until_when(tmp_path: Path) -> None:
    """With its traceback, as it is: whoever has to mend it reads it here."""
    desk = Desk(tmp_path)
    at_work(desk)
    shown = desk.run("list").out

    assert "slo is shut out until 2026-11-23T12:00:00Z: error" in shown
    assert TRACEBACK in shown


def test_list_for_programs(tmp_path: Path) -> None:
    """One object for each evaluator: what the admin port says."""
    desk = Desk(tmp_path)
    at_work(desk)
    config = evaluating(rule(), rule("slo", sample=0.0))

    expected = [msgspec.to_builtins(one) for one in standings(config, QueueReader(desk.queue_folder))]
    assert expected == desk.run("list", "--json").lines


def test_nothing_in_use(tmp_path: Path) -> None:
    """It says how to begin."""
    said = Desk(tmp_path, team="").run("list")

    assert (0, "") == (said.code, said.out)
    assert 'evaluators = ["json_valid"]' in said.err


@pytest.mark.parametrize("words", [["list"], ["explain", "ID"], ["runs"], ["pair", "ID", "OTHER"]])
def test_file_of_another_release_is_refused(words: list[str], tmp_path: Path) -> None:
    """With what to do, and no traceback."""
    desk = Desk(tmp_path)
    one, other = traffic(2)
    desk.keep(one, other)
    desk.evaluator()
    with sqlite3.connect(desk.queue_folder / "queue.db") as sql:
        sql.execute("UPDATE meta SET value = '99' WHERE name = 'schema_version'")
    sql.close()
    said = desk.run(*({"ID": one.id, "OTHER": other.id}.get(word, word) for word in words))

    assert (1, "") == (said.code, said.out)
    assert "was written by another release" in said.err


def test_explain_says_why_or_why_not(tmp_path: Path) -> None:
    """For each evaluator of the team, with the number that was drawn and the rate that held."""
    desk = Desk(tmp_path)
    at_work(desk)
    last = traffic(1)[0]
    desk.keep(last)
    desk.evaluator()
    shown = desk.run("explain", last.id[:-3])
    states = {line[0]: line[1] for line in shown.words[1:]}
    told = desk.run("explain", last.id, "--json").lines

    assert (0, "") == (shown.code, shown.err)
    assert {"refusal": "waiting", "slo": "not_sampled"} == states
    assert "it was sampled, and waits for its turn" in shown.out
    assert "is not below the rate 0" in shown.out
    assert [("refusal", 1.0, ["rate"]), ("slo", 0.0, [])] == [
        (one["evaluator"], one["rate"], one["reasons"]) for one in told
    ]


def test_explain_knows_what_was_evaluated(tmp_path: Path) -> None:
    """Who looked at it stands in the log."""
    desk = Desk(tmp_path)
    one = record()
    desk.keep(one, evaluations=(evaluation(one.id, "refusal"),))

    assert {"refusal": "evaluated", "slo": "not_seen"} == {
        each["evaluator"]: each["state"] for each in desk.run("explain", one.id, "--json").lines
    }


def test_explain_of_others(tmp_path: Path) -> None:
    """A team without evaluators; a judge's call, which nobody looks at; an id that is none."""
    desk = Desk(tmp_path)
    other, call = record(team="web"), record(team="evaluation")
    desk.keep(other, call)

    assert (0, "The team web uses no evaluator.\n") == (desk.run("explain", other.id))[::2]
    assert "judge_call" in desk.run("explain", call.id).out
    assert 1 == desk.run("explain", "ffff").code
