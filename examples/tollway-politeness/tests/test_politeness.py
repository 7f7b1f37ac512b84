"""It keeps what all evaluators promise, and finds rude words."""

import pytest
from tollway_politeness import Params, Politeness

from gateway.evaluation.api import Exchange, Message, Result, Skip
from gateway.evaluation.conformance import assert_conforms


def answer(text: str) -> Exchange:
    """Make an exchange with this answer."""
    return Exchange(id="1", choices=(Message("assistant", text),))


def test_it_conforms() -> None:
    """On exchanges of all kinds."""
    assert_conforms(Politeness)
    assert_conforms(Politeness, {"words": ["rome"], "most": 2})


def test_rude_words_are_found() -> None:
    """Whole ones, however they are written."""
    main, count = Politeness(Params()).evaluate(answer("You idiot, SHUT UP. An idiotic idea."))

    assert Result(False, evidence={"offsets": [4, 11]}) == main
    assert Result(2, name="rude_words") == count


def test_some_may_be_allowed() -> None:
    """Up to a number."""
    main, _ = Politeness(Params(most=1)).evaluate(answer("idiot"))

    assert main.value is True


def test_where_nothing_was_said_there_is_nothing_to_say() -> None:
    """A tool call has no words."""
    with pytest.raises(Skip):
        Politeness(Params()).evaluate(Exchange(id="1"))
