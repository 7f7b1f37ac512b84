"""`tollway eval pair`: two exchanges are compared by the running evaluator, and the verdict is printed."""

import threading
from pathlib import Path
from typing import Any

import pytest

from gateway.core.score import Evaluation, Score
from gateway.evaluation.queue_reader import QueueReader
from tests.cli.desk import COMPANY, Desk
from tests.evaluation.looking import evaluating, rule
from tests.provider import until
from tests.records import record
from tests.scores import evaluation

TEAM = '[evaluation]\nevaluators = ["pairwise"]\n'
UNITS = {"pairwise": "pair", "strict": "pair", "refusal": "exchange"}
PAIRS = evaluating(rule("pairwise"))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk beside an evaluator that has loaded evaluators of pairs."""
    desk = Desk(tmp_path, COMPANY + '[[evaluators]]\nname = "strict"\nuse = "pairwise"\njudge = "m"\n', TEAM)
    desk.evaluator(units=UNITS, config=PAIRS)
    return desk


def verdict(run: str, first: str, second: str, **fields: Any) -> Evaluation:
    """Make what comes of it."""
    score = Score(name="pairwise", type="categorical", label="A", comment="it is complete")
    return evaluation(
        first, "pairwise", id=run, run=run, target_type="pair", target=f"{first}|{second}", source="judge",
        **{"scores": [score], **fields},
    )  # fmt: skip


def answering(desk: Desk, first: str, second: str, **fields: Any) -> threading.Thread:
    """Be the evaluator: as soon as it is ordered, tell the verdict."""
    reader = QueueReader(desk.queue_folder)

    def answer() -> None:
        [run] = until(reader.runs, "it is ordered")
        desk.keep(evaluations=(verdict(run.id, first, second, **fields),))

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("fields", "code", "shown"),
    [({}, 0, "it is complete"), ({"result": "skipped", "reason": "no_answer", "scores": []}, 1, "no_answer")],
)
def test_verdict_is_printed(fields: dict[str, Any], code: int, shown: str, desk: Desk) -> None:
    """As soon as it stands in the log; without one, why there is none."""
    one, other = record(), record()
    desk.keep(one, other)
    evaluator = answering(desk, one.id, other.id, **fields)
    said = desk.run("pair", one.id, other.id)
    evaluator.join()

    assert (code, "") == (said.code, said.err)
    assert shown in said.out


def test_evaluator_takes_the_pair_once(desk: Desk) -> None:
    """Filed under the first; nobody knows with which probability somebody chooses, so it is in no mean."""
    one, other = record(), record()
    desk.keep(one, other)
    said = desk.run("pair", one.id, other.id, "--wait", "0")
    for _ in range(2):
        desk.evaluator(units=UNITS, config=PAIRS)
    found: list[Any] = []
    desk.evaluator(lambda queue, _: found.extend(queue.due(9, 0, ())), UNITS, PAIRS)

    assert (1, True) == (said.code, "There is no verdict yet" in said.err)
    [task] = found
    assert ("pair", f"{one.id}|{other.id}", one.id, None, ["chosen"]) == (
        task.sampled.target_type, task.sampled.target, task.sampled.exchange, task.sampled.probability,
        task.sampled.reasons,
    )  # fmt: skip
    [run] = QueueReader(desk.queue_folder).runs()
    assert (run.id, "done", 1) == (task.sampled.run, run.state, run.sampled)
    assert f"run {run.id} goes on" in said.err
    assert ["pair", "done", "1"] == desk.run("runs").words[1][-3:]


@pytest.mark.parametrize(
    ("team", "words", "code", "said"),
    [
        ('[evaluation]\nevaluators = ["refusal"]\n', [], 1, "uses no evaluator of pairs that is loaded"),
        (
            '[evaluation]\nevaluators = ["pairwise", "strict"]\n',
            [],
            2,
            "several evaluators of pairs (pair",
        ),
        (TEAM, ["--evaluator", "strict"], 2, "'strict' is no evaluator of pairs that the team search uses"),
    ],
)
def test_who_compares_is_clear(team: str, words: list[str], code: int, said: str, desk: Desk) -> None:
    """One evaluator of pairs that the team uses, or the one that is named; nothing is ordered otherwise."""
    (desk.folder / "teams" / "search.toml").write_text(team)
    one, other = record(), record()
    desk.keep(one, other)
    told = desk.run("pair", one.id, other.id, *words)

    assert (code, "") == (told.code, told.out)
    assert said in told.err
    assert [] == QueueReader(desk.queue_folder).runs()


def test_two_exchanges_of_one_team(desk: Desk) -> None:
    """Another team's content is not for this team's judge; one exchange is no pair."""
    one, foreign = record(), record(team="web")
    desk.keep(one, foreign)

    assert [2, 2] == [desk.run("pair", one.id, other.id).code for other in (one, foreign)]
    assert 1 == desk.run("pair", one.id, "ffff").code
