"""What is not of the expected type is as if it were not there."""

from typing import Any

import pytest

from gateway.evaluation.normal.values import dicts, encoded_bytes, first, members, schema, text, whole, words


@pytest.mark.parametrize("value", [None, 7, "x", [], True, [1], {}])
def test_other_types_are_nothing(value: Any) -> None:
    """Nothing fails, and nothing is guessed."""
    assert [] == dicts(value)
    assert {} == members(value)
    assert text(value) in ("", value)
    assert schema(value) in (None, {})
    assert whole(value) in (None, 7)


def test_the_first_that_says_something() -> None:
    """An empty text says nothing; 0 and False do."""
    assert 0 == first({"a": None, "b": "", "c": 0}, "a", "b", "c")
    assert first({"a": ""}, "a", "b") is None


def test_words_of_parts() -> None:
    """Under each other; no deeper than parts can be."""
    nested: Any = "deep"
    for _ in range(50):
        nested = [nested]

    assert "a\nb\nc" == words(["a", {"text": "b"}, {"content": [{"thinking": "c"}]}, {"type": "image"}, 7])
    assert "" == words(nested)


@pytest.mark.parametrize(
    ("coded", "expected"),
    [("data:image/png;base64,AAAA", 3), ("QUJD", 3), ("QUI=", 2), ("https://a/b.png", 0), (None, 0), ("gs://a/b", 0)],
)
def test_sizes_of_media(coded: Any, expected: int) -> None:
    """What stands in the body has a size; what it refers to has none here."""
    assert expected == encoded_bytes(coded)
