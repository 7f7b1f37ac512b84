"""What several evaluators share: reading answers, texts, JSON, patterns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.evaluation.api import Skip
from gateway_plugins._answer import answer_of, facts_of, whole_answer_of, words_of
from gateway_plugins._json import NotJson, canonical, equal, first_object, read
from gateway_plugins._patterns import compiled, compiled_somehow
from gateway_plugins._schema import BadSchema, Schemas
from gateway_plugins._text import MOST_BYTES, capped, prose, words
from tests.plugins.making import CALL, said


@pytest.mark.parametrize("endpoint", ["chat", "text_completion", "responses", "messages", "generate_content"])
def test_talking_endpoints_have_answers(endpoint: str) -> None:
    """All others are skipped."""
    assert "Paris" == answer_of(said("Paris", endpoint=endpoint)).text
    with pytest.raises(Skip, match="other_endpoint"):
        answer_of(said("Paris", endpoint="embeddings"))


@pytest.mark.parametrize("status", [199, 300, 404, 500, None])
def test_failed_exchange_has_no_answer(status: int | None) -> None:
    """What a provider says about its error is no answer."""
    with pytest.raises(Skip, match="failed"):
        answer_of(said("Paris", status=status))
    with pytest.raises(Skip, match="failed"):
        facts_of(said("Paris", status=status))


def test_whole_answers_and_their_words() -> None:
    """What is missing, refused, or no words, has a reason each."""
    assert "Paris" == whole_answer_of(said("Paris")).text
    assert " Paris" == words_of(said(" Paris"))
    for exchange, why in (
        (said("Pa", is_complete=False), "incomplete"),
        (said("Pa", is_truncated=True), "body_cut"),
        (said(refusal="no"), "refused"),
        (said(calls=(CALL,)), "tool_calls"),
        (said("\n"), "no_text"),
    ):
        with pytest.raises(Skip, match=why):
            words_of(exchange)


def test_words() -> None:
    """NFKC, without case; punctuation parts them."""
    assert ["ﬁ".replace("ﬁ", "fi"), "strasse", "don", "t", "2"] == words("ﬁ STRAßE, don't ²")


def test_cap_is_in_bytes() -> None:
    """256 KiB are looked at, no half character, and the evidence says when that was not all."""
    assert ("a" * MOST_BYTES, {}) == capped("a" * MOST_BYTES)
    assert ("a" * MOST_BYTES, {"truncated_input": True}) == capped("a" * MOST_BYTES + "b")
    assert "a" + "é" * (MOST_BYTES // 2 - 1) == capped("a" + "é" * MOST_BYTES)[0]


def test_prose_is_without_code_tables_and_data() -> None:
    """A fence that is never closed goes to the end."""
    text = "One.\n```py\nx = 1\n```\nTwo.\n| a | b |\n~~~\ny\n~~~\nThree.\n```\nz"

    assert ["One", "Two", "Three"] == [line.strip(".") for line in prose(text).split("\n") if line]
    assert "" == prose("aB3" * 40)
    assert "-" * 200 == prose("-" * 200)


@pytest.mark.parametrize("text", ["", "nul", "[1,]", "01", "1 2", '"\x00"', "{a: 1}"])
def test_what_is_no_json(text: str) -> None:
    """The grammar is strict."""
    with pytest.raises(NotJson, match="unparsable"):
        read(text)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_json_that_was_written_is_read(value: object) -> None:
    """Whatever was written, in one spelling or another; values equal themselves."""
    import json

    written = json.dumps(value)

    assert equal(value, read(f"\ufeff {written}\n"))
    assert canonical(written) == canonical(f" {written} ")


def test_first_object() -> None:
    """From the first brace on; a list is none."""
    assert {"a": 1} == first_object('So: {"a": 1} {"b": 2}')
    for text in ("[1]", "{a}", '{"a": 1', "{" * 100_000):
        with pytest.raises(NotJson):
            first_object(text)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        ("1", 1, False),
        ([1, [2]], [1.0, [2]], True),
        ([1], [1, 1], False),
        ({"a": [True]}, {"a": [1]}, False),
        ({"a": None}, {}, False),
        (None, None, True),
    ],
)
def test_equal(one: object, other: object, expected: bool) -> None:
    """JSON has one kind of numbers, and truth is none."""
    assert expected is equal(one, other)


def test_canonical_arguments() -> None:
    """Members are sorted; what is no JSON stays."""
    assert '{"a":[1,2],"b":1}' == canonical('{ "b": 1, "a": [1, 2] }')
    assert "ls -l" == canonical(" ls -l\n")


def test_patterns() -> None:
    """RE2 first; Python for what RE2 does not know; wrong ones are errors."""
    assert compiled("A", ignore_case=True).search("a")
    assert compiled_somehow("(?=A)", ignore_case=True).search("a")
    for pattern in ("(", "*"):
        with pytest.raises(ValueError, match="no regular expression"):
            compiled_somehow(pattern)


def test_known_schemas_are_bounded() -> None:
    """Agents that make a new schema for each request do not fill the memory."""
    schemas = Schemas()
    for number in range(600):
        assert [] == schemas.problems({"const": number}, number)

    assert len(schemas._known) <= 256
    with pytest.raises(BadSchema):
        schemas.problems({"x": object()}, 1)
