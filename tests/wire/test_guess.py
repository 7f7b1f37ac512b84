"""What an answer's text is taken for, where its tokens are not told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.guess import ANTHROPIC, BY_SIZE, GEMINI, OPENAI, Guess, Numbers, utf8_length


@pytest.mark.parametrize(("numbers", "tokens"), [(OPENAI, 100), (GEMINI, 100), (ANTHROPIC, 114)])
def test_text_counts_by_its_bytes(numbers: Numbers, tokens: int) -> None:
    """In UTF-8, whatever the script; what is no text is nothing."""
    guess = Guess(numbers)
    guess.text("word " * 80)
    for nothing in ("", None, 7, ["word"], {"text": "word"}):
        guess.text(nothing)

    assert tokens == round(guess.flow())
    assert 0 == guess.once()


@given(st.text(max_size=50))
def test_length_is_that_of_the_encoded_text(text: str) -> None:
    """Lone surrogates, which JSON may hold, count as what stands for them."""
    assert len(text.encode("utf-8", "replace")) == utf8_length(text)
    assert 1 == utf8_length("\ud800")


def test_deltas_of_a_token_each_are_counted() -> None:
    """Four bytes a token would be a quarter off for long words, and far off for digits; longer deltas hold more."""
    for words, expected in ((["1"] * 40, 40), ([" gatew"] * 40, 40), ([" some words more"] * 40, 160)):
        guess = Guess(OPENAI)
        for word in words:
            guess.text(word)
            guess.deltas += 1

        assert expected == guess.flow()


def test_a_call_counts_its_frame_its_name_and_its_arguments() -> None:
    """As a text, as an object, or not at all where they flow."""
    counted = []
    for arguments in ('{"city":"Paris"}', {"city": "Paris"}, None, 7):
        guess = Guess(ANTHROPIC)
        guess.call("weather", arguments)
        counted.append(guess.once())
        assert 0 == guess.flow()

    assert [40 + 23 / 3.5, 40 + 23 / 3.5, 40 + 7 / 3.5, 40 + 8 / 3.5] == pytest.approx(counted)


@pytest.mark.parametrize(
    ("numbers", "sealed", "tokens"), [(OPENAI, 13_668, 2112), (GEMINI, 3400, 685), (ANTHROPIC, 1268, 187)]
)
def test_sealed_reasoning_counts_by_its_length(numbers: Numbers, sealed: int, tokens: int) -> None:
    """As recorded of each provider; a seal with nothing in it is nothing."""
    guess = Guess(numbers)
    guess.seal("x" * sealed)
    empty = Guess(numbers)
    empty.seal("x" * numbers.seal_bytes)
    empty.seal("")
    empty.seal(None)

    assert tokens == pytest.approx(guess.once(), rel=0.15)
    assert 0 == empty.once()


def test_reasoning_that_is_shown_and_sealed_counts_once() -> None:
    """As the longer of the two: what is shown may be a summary."""
    guess = Guess(ANTHROPIC)
    guess.thought("x" * 700)
    guess.seal("x" * (250 + 100 * 16 // 3))
    assert (200, 0) == (guess.flow(), guess.once())

    guess.seal("x" * (250 + 300 * 16 // 3))

    assert (200, 200) == (guess.flow(), pytest.approx(guess.once(), abs=1))


def test_where_a_dialect_does_not_say_how_the_size_counts() -> None:
    """Of everything in the document."""
    guess = Guess(BY_SIZE.numbers)
    BY_SIZE.read({"a": "word" * 99}, guess)

    assert 101 == round(guess.flow())
