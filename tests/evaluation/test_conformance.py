"""Whatever an evaluator may do wrong is found, and said in words."""

import random
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ConfigDict

from gateway.evaluation.api import Evaluator, Exchange, JudgeError, Needs, Result, ScoreSpec, Skip
from gateway.evaluation.conformance import ADVICE, assert_conforms, check


class Params(BaseModel):
    """What it can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    most: int = 100


class Good(Evaluator[Params]):
    """One without fault."""

    name = "good"
    version = "1"
    Params = Params
    scores = (ScoreSpec(), ScoreSpec("chars", "numeric", low=0, direction="none"))

    def evaluate(self, target: Exchange) -> Any:
        """Tell how long the answer is."""
        if not target.text:
            raise Skip("no_text")
        return [Result(len(target.text) <= self.params.most), Result(len(target.text), name="chars")]


class Judged(Good):
    """One that asks a judge."""

    scores = (ScoreSpec(), ScoreSpec("grade", "numeric", low=1, high=5))
    needs = Needs(judge=True)
    schema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {"ok": {"type": "boolean"}, "grade": {"type": "integer", "minimum": 1, "maximum": 5}},
    }

    async def evaluate(self, target: Exchange) -> Any:
        """Ask."""
        if not target.text:
            raise Skip("no_text")
        verdict = (await self.judge.ask("Judge.", target.text[:100], self.schema)).verdict
        return [Result(verdict["ok"]), Result(verdict["grade"], name="grade")]


def test_good_ones_conform() -> None:
    """And what they scored is told."""
    for cls in (Good, Judged):
        assert_conforms(cls, {"most": 3})
        report = check(cls, {"most": 3})

        assert report.targets == report.scored + report.skipped > 60
        assert report.slowest


def test_an_assertion_says_everything() -> None:
    """What is wrong, where, and what to do."""
    with pytest.raises(AssertionError, match=r"contract on `a plain answer`: .* is boolean, and 3 is an int\. Return"):
        assert_conforms(does(lambda self, target: 3))


def does(evaluate: Callable[[Any, Any], Any], **changed: Any) -> type[Evaluator[Any]]:
    """Make one that does this, and judges by one boolean."""
    return type("Bad", (Good,), {"evaluate": evaluate, "scores": (ScoreSpec(),), **changed})


def judged(evaluate: Any, **changed: Any) -> type[Evaluator[Any]]:
    """Make one that asks a judge."""
    return type("Bad", (Judged,), {"evaluate": evaluate, "scores": (ScoreSpec(),), **changed})


class Counting(Good):
    """One that remembers."""

    scores = (ScoreSpec(),)
    seen = 0

    def evaluate(self, target: Exchange) -> Any:
        """Every second one is good."""
        self.seen += 1
        return self.seen % 2 == 0


class Loose(BaseModel):
    """Parameters that come back as others."""

    model_config = ConfigDict(extra="forbid")
    given: Any = (1, 2)


def _change(_: Any, target: Exchange) -> bool:
    target.record["team"] = "mine"  # type: ignore[index]
    return True


def _connect(_: Any, target: Exchange) -> bool:
    with socket.socket() as one:
        one.settimeout(0.1)
        one.connect_ex(("127.0.0.1", 1))
    return True


def _run(_: Any, target: Exchange) -> bool:
    if target.text.startswith("Rome is the capital"):
        subprocess.run([sys.executable, "-c", ""], check=True)
    return True


def _hang(_: Any, target: Exchange) -> bool:
    while target.text.startswith("0" * 999):
        pass
    return True


async def _swallow(self: Any, target: Exchange) -> bool:
    try:
        return bool((await self.judge.ask("s", "u", Judged.schema)).verdict["ok"])
    except (JudgeError, Skip):
        return False


async def _insist(self: Any, target: Exchange) -> bool:
    for _ in range(9):
        await self.judge.ask("s", "u", Judged.schema)
    return True


async def _ask_for_text(self: Any, target: Exchange) -> bool:
    await self.judge.ask("s", "u", {"type": "string"})
    return True


async def _grade(self: Any, target: Exchange) -> int:
    verdict = (await self.judge.ask("s", "u", Judged.schema)).verdict
    return int(verdict["grade"])


BAD: dict[str, tuple[type[Evaluator[Any]], str]] = {
    "declaration": (does(lambda *_: True, version=""), "declaration"),
    "a result of another type": (does(lambda *_: "yes"), "contract"),
    "an exception": (does(lambda _, target: target.messages[0].text == ""), "exception"),
    "an exception when made": (does(lambda *_: True, __init__=lambda self, params: 1 / 0), "exception"),
    "a long skip reason": (does(lambda *_: (_ for _ in ()).throw(Skip("there is no text"))), "skip_reason"),
    "chance": (does(lambda *_: random.random() < 0.5), "same_twice"),
    "memory": (Counting, "same_twice"),
    "a changed input": (does(_change), "input_changed"),
    "the network": (does(_connect), "network"),
    "programs": (does(_run), "programs"),
    "no end": (does(_hang, needs=Needs(wall_s=0.3)), "deadline"),
    "loose parameters": (does(lambda *_: True, Params=Loose), "params"),
    "a judge's failure swallowed": (judged(_swallow), "judge_failed"),
    "too many questions": (judged(_insist), "judge_calls"),
    "no object asked for": (judged(_ask_for_text), "judge_schema"),
    "a verdict beyond the declared": (
        judged(_grade, scores=(ScoreSpec(type="numeric", low=1, high=4),)),
        "contract",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_found(name: str) -> None:
    """That, and nothing else; with what to do."""
    cls, expected = BAD[name]
    findings = check(cls).findings

    assert {expected} == {finding.rule for finding in findings}
    assert ADVICE[expected] == findings[0].advice
    assert len(findings) <= 3


def test_the_network_is_allowed_to_who_declares_it() -> None:
    """It is for the operator then."""
    assert [] == check(does(_connect, needs=Needs(network=True))).findings


def test_parameters_that_are_refused_end_the_check() -> None:
    """There is nothing to try."""
    (finding,) = check(Good, {"most": "many"}).findings

    assert "params" == finding.rule


def test_an_import_that_touches_something_is_found(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, by the module's name."""
    (tmp_path / "touchy.py").write_text(
        "import socket\n"
        "from gateway.evaluation.api import Evaluator\n"
        "with socket.socket() as one:\n    one.bind(('127.0.0.1', 0))\n"
        "class Touchy(Evaluator):\n"
        "    name = 'touchy'\n    version = '1'\n"
        "    def evaluate(self, target):\n        return True\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import touchy

    assert [("import", "opens a port")] == [each[:2] for each in map(_pair, check(touchy.Touchy).findings)]
    monkeypatch.delitem(sys.modules, "touchy")


def _pair(finding: Any) -> tuple[str, str]:
    return finding.rule, finding.problem


def test_every_rule_has_its_advice() -> None:
    """So that nothing is found that nobody can mend."""
    assert all(advice[0].isupper() and not advice.endswith(".") for advice in ADVICE.values())
