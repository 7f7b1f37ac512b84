"""Patterns: shell wildcards over whole names."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policies.patterns import Patterns


@pytest.mark.parametrize(
    ("texts", "name", "expected"),
    [
        (["gpt-*"], "gpt-4o", True),
        (["gpt-*"], "my-gpt-4o", False),
        (["gpt-*"], "GPT-4o", False),
        (["o?", "o?-*"], "o3", True),
        (["o?", "o?-*"], "o3-mini", True),
        (["o?", "o?-*"], "omni", False),
        (["*/*"], "meta/llama", True),
        (["*"], "two\nlines", True),
        (["gpt-4o"], "gpt-4o\n", False),
        ([], "anything", False),
        ([""], "anything", False),
    ],
)
def test_pattern_matches_the_whole_name(texts: list[str], name: str, expected: bool) -> None:
    """A pattern stands for whole names, in the case it is written in; without patterns nothing matches."""
    assert expected == Patterns(texts).matches(name)


@given(st.lists(st.text("ab*?[]!-/", max_size=6), max_size=4), st.text("ab*?[]!-/", max_size=6))
def test_many_patterns_are_the_same_as_each_alone(texts: list[str], name: str) -> None:
    """Compiling patterns into one expression changes nothing about what they match."""
    assert any(fnmatchcase(name, text) for text in texts) == Patterns(texts).matches(name)


def test_only_names_without_wildcards_can_be_listed() -> None:
    """What a list of models shows are names, not patterns."""
    assert ("gpt-4o", "llama3") == Patterns(["gpt-4o", "gpt-*", "o?", "llama3", "x[12]"]).exact()
