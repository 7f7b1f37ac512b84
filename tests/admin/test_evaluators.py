"""The admin port says how evaluators stand and what their scores say, and stays small and quick at it."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from gateway.evaluation.protocol import Loaded
from gateway.evaluation.queue import Queue
from gateway.evaluation.report import public_line, report_of
from gateway.evaluation.standing import ShutOut
from gateway.store.interface import ScoreQuery
from tests.admin.parts import NOON_S, Port, serving
from tests.records import finished, record
from tests.scores import evaluated, evaluation

TEAMS = {"config.toml": "", "teams/search.toml": '[evaluation]\nevaluators = ["refusal"]\nsample = 0.25\n'}


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    """A port, beside which an evaluator works."""
    async with serving(tmp_path, TEAMS) as one:
        yield one


def judge(port: Port, number: int) -> None:
    """Let exchanges be judged."""
    records = [record() for _ in range(number)]
    port.store.commit([finished(one) for one in records], {}, [evaluated(evaluation(one.id)) for one in records])


async def test_how_evaluators_stand(port: Port) -> None:
    """By the config in force and the evaluator's own file, with why one is shut out."""
    queue = Queue(port.folder / "evaluation")
    queue.define("f", Loaded(evaluator="refusal", version="1.0"), None, 0)
    state = ShutOut(openings=1, until_ms=int(NOON_S * 1000), reason="timeout", detail="Traceback")
    queue.set_quarantine("refusal", msgspec.json.encode(state))
    queue.close()
    [one] = (await port.json("/api/evaluators"))["evaluators"]

    assert ("refusal", "1.0", {"search": 0.25}) == (one["evaluator"], one["version"], one["rates"])
    assert ("quarantined", "2026-11-23T12:00:00Z", "Traceback") == (one["state"], one["until"], one["detail"])


async def test_report_is_that_of_the_command(port: Port) -> None:
    """With its parts and filters."""
    judge(port, 3)
    told = await port.json("/api/evaluators/report?by=team,model&evaluator=json_valid&since=2026-11-23")
    lines = await report_of(port.sources.store, ScoreQuery(), ["team", "model"])

    assert {"by": ["team", "model"], "report": [public_line(line, ["team", "model"]) for line in lines]} == told
    assert ("search", 3, 1.0) == (
        told["report"][0]["team"],
        told["report"][0]["n_ok"],
        told["report"][0]["value"]["mean"],
    )
    assert [] == (await port.json("/api/evaluators/report?team=web"))["report"]


@pytest.mark.parametrize(
    ("asked", "param"), [("by=colour", "by"), ("limit=5", "limit"), ("cursor=x", "cursor"), ("colour=red", "colour")]
)
async def test_what_makes_no_sense_is_refused(asked: str, param: str, port: Port) -> None:
    """By its name; a report has no pages."""
    assert param == (await port.json(f"/api/evaluators/report?{asked}", 400))["error"]["param"]


async def test_report_holds_so_many_conversations(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside it runs what records traffic: who asks for too much is told to ask for less."""
    judge(port, 3)
    monkeypatch.setattr("gateway.admin.evaluators.CONVERSATIONS_MOST", 2)
    error = (await port.json("/api/evaluators/report", 400))["error"]

    assert ("since", True) == (error["param"], "more than 2 conversations" in error["message"])


async def test_report_takes_so_long(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    """No longer than anything that is asked here, however many portions it is of."""
    judge(port, 1)
    monkeypatch.setattr("gateway.admin.evaluators.DEADLINE_S", 0)

    assert "ask for less time" in (await port.json("/api/evaluators/report", 503))["error"]["message"]
