"""An evaluator is tried on everything that its unit may be."""

from typing import Any

import pytest

from gateway.evaluation.api import Conversation, Evaluator, Exchange, JudgeError, Needs, NoParams, Pair, Retryable, Skip
from gateway.evaluation.trials import Stage, Watch, trials


class Mine(Evaluator[NoParams]):
    """An evaluator that does what the test says."""

    name = "mine"
    version = "1"

    def evaluate(self, target: Any) -> Any:
        """Do it."""
        return target()


def stage(**needs: Any) -> Stage:
    """Put it on a stage."""
    cls = type("Other", (Mine,), {"needs": Needs(**needs)})
    return Stage(cls, NoParams(), None, Watch())


def fails(error: BaseException) -> Any:
    """Make something that raises."""

    def raises() -> None:
        raise error

    return raises


async def later() -> bool:
    """Say yes, later."""
    return True


@pytest.mark.parametrize(
    ("does", "expected"),
    [
        (lambda: True, ("ok", '[{"name":"score","type":"boolean","value":1.0,"normalised":1.0,"passing":true}]')),
        (later, ("ok", '[{"name":"score","type":"boolean","value":1.0,"normalised":1.0,"passing":true}]')),
        (lambda: 7, ("broken", "the main score is boolean, and 7 is an int")),
        (fails(Skip("no_text")), ("skipped", "no_text")),
        (fails(Retryable("busy")), ("retry", "busy")),
        (fails(JudgeError("judge_format")), ("judge", "judge_format")),
    ],
)
def test_outcomes(does: Any, expected: tuple[str, str]) -> None:
    """What came of it, in one word, and what it told."""
    with stage() as on:
        assert expected == on.run(does)[:2]


def test_an_exception_is_told_with_its_place() -> None:
    """Its author finds it."""
    with stage() as on:
        outcome = on.run(fails(ValueError("no")))

    assert outcome.told.startswith("ValueError: no (raises, line ")


@pytest.mark.parametrize("does", ["while True: pass", "__import__('asyncio').run(__import__('asyncio').sleep(60))"])
def test_what_takes_too_long_is_interrupted(does: str) -> None:
    """Also where it would catch every Exception."""
    code = compile(f"try:\n    {does}\nexcept Exception:\n    pass", "plugin", "exec")
    with stage(wall_s=0.05) as on:
        assert "timeout" == on.run(lambda: exec(code)).result  # type: ignore[arg-type]


def test_units() -> None:
    """Exchanges, sessions or pairs; with what they are compared to where that is needed."""

    def tried(**needs: Any) -> list[Any]:
        return [trial.target for trial in trials(type("Other", (Mine,), {"needs": Needs(**needs)}))]

    assert all(isinstance(each, Exchange) for each in tried())
    assert any(each.reference is not None for each in tried())
    assert all(each.reference is not None for each in tried(reference=True))
    assert any(isinstance(each.reference, dict) for each in tried(reference=True))
    assert all(isinstance(each, Conversation) for each in tried(unit="conversation"))
    assert all(isinstance(each, Pair) for each in tried(unit="pair"))
    assert all(each.request is None is each.response and not each.messages for each in tried(content=False))


def test_names_are_names() -> None:
    """Of two targets never the same."""
    for unit in ("exchange", "conversation", "pair"):
        names = [trial.name for trial in trials(type("Other", (Mine,), {"needs": Needs(unit=unit)}))]  # type: ignore[arg-type]

        assert len(names) == len(set(names))


def test_what_is_touched_is_seen_only_meanwhile() -> None:
    """What the tests themselves do is nobody's fault."""
    import socket

    def touch() -> bool:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
        return True

    watch = Watch()
    touch()
    assert set() == watch.touched
    with Stage(Mine, NoParams(), None, watch) as on:
        on.run(touch)  # type: ignore[arg-type]
    assert {"socket.bind"} == watch.touched
