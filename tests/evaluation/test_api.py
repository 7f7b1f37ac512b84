"""What plugins are given, and what they inherit."""

import pickle
from typing import Any

import pytest

from gateway.evaluation.api import Conversation, Evaluator, Exchange, Message, NoParams


class Short(Evaluator[NoParams]):
    """An evaluator without anything special."""

    name = "short"
    version = "1.0"

    def evaluate(self, target: Any) -> bool:
        """Say whether the answer is short."""
        return len(target.text) < 10


def exchange(*texts: str, answer: str = "") -> Exchange:
    """Make one with these messages."""
    return Exchange(
        id="x", messages=tuple(Message("user", text) for text in texts), choices=(Message("assistant", answer),)
    )


def test_an_evaluator_is_a_class_with_one_method() -> None:
    """Parameters, needs and scores have defaults."""
    assert Short(NoParams()).evaluate(exchange("Hi", answer="Hello"))


def test_without_having_asked_for_a_judge_there_is_none() -> None:
    """And the error says what to declare."""
    with pytest.raises(RuntimeError, match="judge=True"):
        _ = Short(NoParams()).judge


def test_an_evaluator_without_a_method_says_so() -> None:
    """Instead of scoring nothing."""
    with pytest.raises(NotImplementedError, match="Evaluator needs a method `evaluate`"):
        Evaluator(NoParams()).evaluate(exchange())


def test_a_conversation_is_told_once() -> None:
    """An agent sends the history each time: the longest, and the answer to it."""
    first, second = exchange("a", answer="b"), exchange("a", "c", answer="d")
    talk = Conversation(session="s", exchanges=(first, second))

    assert ["a", "c", "d"] == [message.text for message in talk.messages]
    assert () == Conversation(session="s", exchanges=()).messages


def test_an_exchange_can_be_sent_to_another_process() -> None:
    """It is plain data."""
    made = exchange("Hi", answer="Hello")

    assert made == pickle.loads(pickle.dumps(made))
