"""Two answers compared, with their places swapped."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from gateway.evaluation.api import Exchange, JudgeAnswer, Message, Pair, Result, Skip
from gateway_plugins.pairwise import Pairwise, PairwiseParams

ASKED = (Message("user", "Capital of France?"),)


def exchange(text: str) -> Exchange:
    """Answer the question."""
    return Exchange(id=text, messages=ASKED, choices=(Message("assistant", text),))


class Judge:
    """A judge with a rule: it sees the question's text and returns first, second or tie."""

    def __init__(self, rule: Callable[[str], str]) -> None:
        self.rule = rule
        self.calls = 0

    async def ask(self, system: str, user: str, schema: Mapping[str, Any], **_: Any) -> JudgeAnswer:
        """Decide by the rule."""
        self.calls += 1
        return JudgeAnswer({"reasoning": "because", "verdict": self.rule(user)}, "m")


def likes(word: str) -> Callable[[str], str]:
    """Prefer the answer with a word, wherever it stands."""
    return lambda user: "first" if user.index(word) < user.index("<second-") else "second"


async def compared(judge: Judge, a: str = "Paris", b: str = "Rome", **params: Any) -> list[Result]:
    """Compare two answers."""
    return await Pairwise(PairwiseParams(**params), judge).evaluate(Pair(a=exchange(a), b=exchange(b)))


@pytest.mark.parametrize(
    ("rule", "verdict", "points"),
    [
        (likes("Paris"), "A", 1.0),
        (likes("Rome"), "B", 0.0),
        (lambda _: "tie", "tie", 0.5),
        (lambda _: "first", "inconsistent", 0.5),
        (lambda _: "second", "inconsistent", 0.5),
    ],
)
async def test_verdict_counts_only_if_it_survives_the_swap(
    rule: Callable[[str], str], verdict: str, points: float
) -> None:
    """The same winner in both orders wins; a judge that always likes the first place is inconsistent."""
    main, score = await compared(Judge(rule))

    assert (verdict, points) == (main.value, score.value)


async def test_one_win_and_one_tie_is_a_tie() -> None:
    """Half a preference is none."""
    verdicts = iter(["first", "tie"])
    main, _ = await compared(Judge(lambda _: next(verdicts)))

    assert "tie" == main.value


async def test_equal_texts_cost_nothing() -> None:
    """Nobody is asked which of two equal answers is better."""
    judge = Judge(lambda _: "first")
    main, _ = await compared(judge, "Paris", "Paris")

    assert ("tie", 0) == (main.value, judge.calls)


async def test_single_order_is_one_call_in_a_place_by_lot() -> None:
    """At half the price, who stands first changes from pair to pair and is the same for the same pair."""
    firsts = []
    for number in range(40):
        judge = Judge(lambda _: "first")
        main, _ = await compared(judge, f"a{number}", f"b{number}", order="one")
        assert 1 == judge.calls
        firsts.append(main.value)

    assert {"A", "B"} == set(firsts)
    assert 10 <= firsts.count("A") <= 30


async def test_nothing_is_no_answer() -> None:
    """An empty answer is not compared."""
    with pytest.raises(Skip, match="no_answer"):
        await compared(Judge(lambda _: "first"), "", "Rome")
