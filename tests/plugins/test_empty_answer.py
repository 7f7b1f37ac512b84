"""What counts as nothing."""

import pytest

from gateway.evaluation.api import Media, Message
from gateway_plugins.empty_answer import EmptyAnswer
from tests.plugins.making import CALL, made, outcome, said

PLUGIN = made(EmptyAnswer)


def answered(message: Message, **facts: object) -> object:
    """Make an exchange with this message."""
    return said(choices=(message,), **facts)


@pytest.mark.parametrize("text", ["", " \n\t\u00a0", "\u200b\ufeff\u2060", "\ufffd\ufffd", "\u00ad"])
def test_invisible_text_is_empty(text: str) -> None:
    """White space, invisible characters and U+FFFD are nothing to read."""
    assert outcome(PLUGIN, said(text)) is True


@pytest.mark.parametrize(
    "exchange",
    [
        said("."),
        said("\u200b4"),
        said(calls=(CALL,)),
        said(refusal="I can't."),
        answered(Message("assistant", media=(Media("image"),))),
        said("Pa", is_complete=False),
        said("Pa", is_truncated=True),
    ],
)
def test_anything_is_not_empty(exchange: object) -> None:
    """Words, tool calls, refusals, pictures: also of an answer that did not come to its end."""
    assert outcome(PLUGIN, exchange) is False


def test_mere_thoughts_are_empty() -> None:
    """What the model only thought nobody gets to read."""
    assert outcome(PLUGIN, answered(Message("assistant", reasoning="Hmm."))) is True


def test_blocked_prompt_is_empty() -> None:
    """A provider that blocks a prompt answers without any choice."""
    assert outcome(PLUGIN, said(choices=(), finish="content_filter")) is True


@pytest.mark.parametrize(
    ("exchange", "why"),
    [
        (said("", status=500), "failed"),
        (said("", status=None), "failed"),
        (said("", is_complete=False), "incomplete"),
        (said("", is_truncated=True), "body_cut"),
        (said("", endpoint="embeddings"), "other_endpoint"),
        (said(choices=()), "no_answer"),
    ],
)
def test_what_nobody_knows_is_skipped(exchange: object, why: str) -> None:
    """Errors, and answers whose rest is not there, are not empty ones."""
    assert f"skip {why}" == outcome(PLUGIN, exchange)
