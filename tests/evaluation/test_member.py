"""One process of a lane: what it may say, and when it must end; the process itself is played here."""

import asyncio
from typing import Any

import pytest

from gateway.evaluation.member import GRACE_S, MOST_BASE_BYTES, SLACK_BYTES, Member, Order
from gateway.evaluation.protocol import Asking, Begun, Garbled, Loaded, Told
from tests.evaluation.lanes import job

MIB = 1 << 20


class Played:
    """Stands where a process is, for what a Member asks of it."""

    def __init__(self) -> None:
        self.memory = 50 * MIB
        self.waited = 0.0
        self.sent: list[Any] = []

    def memory_bytes(self) -> int:
        return self.memory

    def waited_s(self) -> float:
        return self.waited

    def send(self, message: Any) -> int:
        self.sent.append(message)
        return 100


def member(**needs: Any) -> tuple[Member, Played, list[Any]]:
    """Make a member that holds the evaluators a and b."""
    played = Played()
    calls: list[Any] = []
    loaded = {name: Loaded(evaluator=name, **needs) for name in ("a", "b")}
    one = Member(played, loaded, lambda _, asking: calls.append(asking), lambda: calls.append("freed"))  # type: ignore[arg-type]
    return one, played, calls


def order(number: int = 1, *evaluators: str) -> Order:
    """Order a job of both."""
    return Order(job(number, *(evaluators or ("a", "b"))), asyncio.get_running_loop().create_future())


def told(evaluator: str, number: int = 1, **fields: Any) -> Told:
    """Say what an evaluator says."""
    return Told(number=number, evaluator=evaluator, **{"result": "ok"} | fields)


def asking(evaluator: str) -> Asking:
    """Ask the judge."""
    return Asking(
        number=1, evaluator=evaluator, call=0, system="", user="", schema=b"{}", max_tokens=1, temperature=0.0
    )


async def test_job_is_done_when_each_evaluator_has_spoken() -> None:
    """In the order of the job, each begun before it speaks; then there is room for the next."""
    one, _, calls = member()
    first = order()
    one.give(first)
    for name in ("a", "b"):
        one.hear(Begun(number=1, evaluator=name))
        one.hear(told(name))

    assert ["a", "b"] == [each.evaluator for each in await first.done]
    assert ["freed"] == calls
    assert not one.orders


@pytest.mark.parametrize(
    "said",
    [
        [Begun(number=1, evaluator="b")],
        [Begun(number=2, evaluator="a")],
        [told("a")],
        [Begun(number=1, evaluator="a"), Begun(number=1, evaluator="a")],
        [Begun(number=1, evaluator="a"), told("b")],
        [Begun(number=1, evaluator="a"), told("a", number=2)],
        [Begun(number=1, evaluator="a"), told("a", result="great")],
        [Begun(number=1, evaluator="a"), Loaded(evaluator="a")],
        [asking("a")],
        [Begun(number=1, evaluator="a"), asking("b")],
        [Begun(number=1, evaluator="a"), asking("a"), asking("a"), asking("a")],
    ],
    ids=str,
)
async def test_what_is_said_out_of_turn_breaks_the_protocol(said: list[Any]) -> None:
    """Whoever writes into the line of its host cannot speak for others, not even well-formed messages."""
    one, _, _ = member(max_judge_calls=2)
    one.give(order())
    *before, last = said
    for message in before:
        one.hear(message)
    with pytest.raises(Garbled):
        one.hear(last)


async def test_nobody_speaks_without_a_job() -> None:
    """An idle process has nothing to say."""
    one, _, _ = member()
    with pytest.raises(Garbled):
        one.hear(Begun(number=1, evaluator="a"))


async def test_words_are_cut_to_what_is_kept() -> None:
    """Whoever talks to us directly need not have kept to the limits of the host."""
    one, _, _ = member()
    first = order(1, "a")
    one.give(first)
    one.hear(Begun(number=1, evaluator="a"))
    one.hear(told("a", result="error", reason="r" * 100, detail="d" * 10_000))
    (heard,) = await first.done

    assert (64, 4096) == (len(heard.reason or ""), len(heard.detail or ""))


async def test_facts_about_a_run_are_facts_or_none() -> None:
    """A version of a megabyte fits into no frame, and a time below zero is read by nobody: the run would be lost."""
    one, _, _ = member()
    first = order(1, "a")
    one.give(first)
    one.hear(Begun(number=1, evaluator="a"))
    one.hear(told("a", prompt_version="v" * 10_000, duration_us=-5))
    (heard,) = await first.done

    assert (64, 0) == (len(heard.prompt_version or ""), heard.duration_us)


async def test_time_is_up_when_it_was_up_twice_and_waiting_does_not_count() -> None:
    """A look that came late is no proof, nor is time that the process waited for a processor."""
    one, played, _ = member(wall_s=1.0)
    one.give(order())
    one.hear(Begun(number=1, evaluator="a"))
    now = asyncio.get_running_loop().time()

    assert one.check(now + 1.0) is None
    assert one.check(now + 1.1 + GRACE_S) is None
    played.waited = 5.0
    assert one.check(now + 1.2 + GRACE_S) is None
    assert one.check(now + 6.1 + GRACE_S) is None
    assert "timeout" == one.check(now + 6.2 + GRACE_S).reason  # type: ignore[union-attr]


async def test_each_evaluator_has_its_own_time() -> None:
    """What the first one took is not the second one's."""
    one, _, _ = member(wall_s=1.0)
    one.give(order())
    one.hear(Begun(number=1, evaluator="a"))
    one.check(asyncio.get_running_loop().time() + 2)
    one.hear(told("a"))
    one.hear(Begun(number=1, evaluator="b"))

    assert one.check(asyncio.get_running_loop().time() + 0.5) is None


async def test_memory_is_counted_beyond_what_loading_took() -> None:
    """Python and its libraries are nobody's fault; a plugin that takes more than it declares is ended."""
    one, played, _ = member(memory_mb=100)
    played.memory = 150 * MIB

    assert one.check(0.0) is None
    assert one.fills(0.8)
    played.memory = 151 * MIB + SLACK_BYTES
    assert "oom" == one.check(0.0).reason  # type: ignore[union-attr]


async def test_base_of_memory_is_bounded() -> None:
    """Who takes all the memory while it is loaded does not get as much again."""
    played = Played()
    played.memory = MOST_BASE_BYTES + 200 * MIB
    one = Member(played, {"a": Loaded(evaluator="a", memory_mb=100)}, lambda *_: None, lambda: None)  # type: ignore[arg-type]

    assert "oom" == one.check(0.0).reason  # type: ignore[union-attr]
