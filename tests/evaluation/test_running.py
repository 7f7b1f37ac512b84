"""One evaluator looks at one target: whatever it does becomes one word, within its time."""

import asyncio
import re
import time
from typing import Any

import pytest

from gateway.evaluation.api import (
    Conversation,
    Evaluator,
    Exchange,
    JudgeError,
    Message,
    NoParams,
    Pair,
    Result,
    Retryable,
    Skip,
    Target,
)
from gateway.evaluation.protocol import DETAIL_BYTES, Loaded, Told
from gateway.evaluation.running import Alarm, Held, OutOfTime, Runner, prompt_version, without_content

EXCHANGE = Exchange(
    id="e1",
    messages=(Message("system", "s"), Message("user", "q")),
    choices=(Message("assistant", "what the model said"),),
    request=b"{}",
    response=b"{}",
    prompt_version="p1",
    cost_usd=0.5,
)


def run(evaluate: Any, target: Target = EXCHANGE, **needs: Any) -> Told:
    """Let a function be an evaluator."""
    kind = type("Kind", (Evaluator,), {"evaluate": lambda self, seen: evaluate(seen)})
    runner = Runner()
    told = runner.run(Held(kind(NoParams()), Loaded(evaluator="mine", **needs)), 7, target)
    runner.drop_loop()
    return told


def raised(error: BaseException) -> Any:
    """Make an evaluator that raises."""

    def evaluate(target: Exchange) -> bool:
        content = target.text
        raise error if content else AssertionError

    return evaluate


@pytest.mark.parametrize(
    ("error", "result", "reason"),
    [
        (Skip("no_schema"), "skipped", "no_schema"),
        (Skip(), "skipped", "skipped"),
        (Skip("x" * 1000), "skipped", "x" * 64),
        (Retryable("busy"), "retry", "busy"),
        (JudgeError("judge_format"), "error", "judge_format"),
        (ValueError("odd"), "error", "exception"),
        (MemoryError(), "error", "oom"),
        (SystemExit(0), "error", "exception"),
        (KeyboardInterrupt(), "error", "exception"),
    ],
)
def test_what_is_raised_says_what_came_of_it(error: BaseException, result: str, reason: str) -> None:
    """Each kind has its word, and no score comes with it."""
    told = run(raised(error))

    assert (7, "mine", result, reason, []) == (told.number, told.evaluator, told.result, told.reason, told.given)


def test_traceback_shows_code_and_no_content() -> None:
    """Lines of the plugin's code and the message; neither locals nor frames of the host, at most 4 KiB."""
    short = run(raised(ValueError("odd"))).detail or ""
    long = run(raised(ValueError("odd " + "x" * 10_000 + " end"))).detail or ""

    assert "in evaluate\n    raise error" in short
    assert "ValueError: odd\n" in short
    assert "what the model said" not in short
    assert "evaluation/running.py" not in short
    assert long.endswith(" end\n")
    assert DETAIL_BYTES >= len(long.encode())


def test_values_become_results() -> None:
    """A plain value is the main score; several results keep their names; an async evaluator gives the same."""

    async def later(_: Target) -> bool:
        await asyncio.sleep(0)
        return True

    assert [("", True)] == [(each.name, each.value) for each in run(lambda _: True).given]
    assert [("", True)] == [(each.name, each.value) for each in run(later).given]
    assert ["a", "b"] == [each.name for each in run(lambda _: [Result(1, name="a"), Result(2, name="b")]).given]
    assert "contract" == run(lambda _: object()).reason


def test_without_need_of_content_there_is_none() -> None:
    """Facts only: no message, no answer, no tool, no body, of no kind of target."""
    seen: list[Any] = []
    run(lambda target: seen.append(target) or True, content=False)
    run(lambda target: seen.append(target.a) or True, Pair(a=EXCHANGE, b=EXCHANGE), content=False)
    run(
        lambda target: seen.append(target.exchanges[0]) or True,
        Conversation(session="s", exchanges=(EXCHANGE,)),
        content=False,
    )

    for bare in seen:
        assert ((), (), (), None, None) == (bare.messages, bare.choices, bare.tools, bare.request, bare.response)
        assert ("e1", 0.5) == (bare.id, bare.cost_usd)


def test_without_reference_who_needs_one_is_skipped() -> None:
    """It is not run at all."""
    told = run(lambda _: 1 / 0, reference=True)

    assert ("skipped", "no_reference") == (told.result, told.reason)
    assert "ok" == run(lambda _: True, Exchange(id="e", reference="r"), reference=True).result


def test_prompt_version_is_that_of_the_target() -> None:
    """Of a conversation the last exchange's."""
    other = Exchange(id="e2", prompt_version="p2")

    assert "p1" == prompt_version(EXCHANGE)
    assert "p2" == prompt_version(Conversation(session="s", exchanges=(EXCHANGE, other)))
    assert "p1" == prompt_version(Pair(a=EXCHANGE, b=other))
    assert EXCHANGE.id == without_content(EXCHANGE).id  # type: ignore[union-attr]


@pytest.mark.parametrize("is_async", [False, True])
def test_soft_limit_ends_the_evaluator_and_not_the_process(is_async: bool) -> None:
    """Also out of a regular expression and an event loop; the next one runs as if nothing had been."""

    async def waits(_: Target) -> bool:
        await asyncio.Event().wait()
        return True

    runner = Runner()
    hangs = waits if is_async else lambda _: re.match(r"(a+)+$", "a" * 64 + "b") is None
    kinds = [type("Kind", (Evaluator,), {"evaluate": lambda self, x, f=f: f(x)}) for f in (hangs, lambda _: True)]
    held = [Held(kind(NoParams()), Loaded(evaluator="mine", wall_s=0.05)) for kind in kinds]
    first, second = (runner.run(each, 1, EXCHANGE) for each in held)
    runner.drop_loop()

    assert ("error", "timeout") == (first.result, first.reason)
    assert "test_running.py" in (first.detail or "")
    assert "ok" == second.result


def test_alarm_rings_behind_a_shield_and_not_within() -> None:
    """What must not be cut in two is not."""
    alarm = Alarm()
    steps = []
    with pytest.raises(OutOfTime):
        alarm.start(0.02)
        with alarm.shielded():
            begun = time.process_time()
            while time.process_time() < begun + 0.2:
                pass
            steps.append("whole")
        while True:
            pass

    assert ["whole"] == steps


def test_alarm_does_not_ring_after_stop() -> None:
    """A late signal hurts nobody."""
    alarm = Alarm()
    alarm.start(60)
    alarm.stop()
    alarm._ring(14, None)
