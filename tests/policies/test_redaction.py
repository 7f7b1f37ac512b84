"""A team's rules: what they find, what is wrong with some, and that none of them can hold a worker up."""

import time
from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policies.redaction import (
    MARK,
    OVERLAP_BYTES,
    WINDOW_BYTES,
    Effort,
    Hit,
    Redaction,
    TooMuch,
    compile_pattern,
    merged,
    parse_path,
)


def effort() -> Effort:
    """As much time as a body gets."""
    return Effort(time.thread_time_ns)


def test_own_patterns_are_found_beside_the_built_in_kinds() -> None:
    """Under one mark of their own, in lines of their own where they ask for that."""
    redaction = Redaction(patterns=[r"PROJECT-\d{4}", r"^secret:.*$"])

    assert (b"[redacted] [email]\n[redacted]\nx", 3) == redaction.text(
        b"PROJECT-1234 a@b.example\nsecret: all of it\nx", effort()
    )


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("(", "no regular expression"),
        (r"(?<=a)b", "no regular expression"),
        (r"(a)\1", "no regular expression"),
        ("x*", "matches the empty text"),
        ("", "matches the empty text"),
        ("a{1000}b{1000}c{1000}", "too large"),
    ],
)
def test_pattern_that_cannot_be_used_is_an_error_that_says_why(pattern: str, complaint: str) -> None:
    """When the config is read, not when a request comes."""
    with pytest.raises(ValueError, match=complaint):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("user", ("user",)),
        ("metadata.*", ("metadata", "*")),
        ("messages[*].content", ("messages", "*", "content")),
        ("documents[*]", ("documents",)),
    ],
)
def test_paths_are_steps(text: str, path: tuple[str, ...]) -> None:
    """All elements of a list are the list itself, so that plain numbers in it go, too."""
    assert path == parse_path(text)


@pytest.mark.parametrize("text", ["", "a..b", "$.a", "a[0]", "[*]", "a b"])
def test_path_that_is_none_is_an_error(text: str) -> None:
    """Only names, dots and `[*]`."""
    with pytest.raises(ValueError, match="no path"):
        parse_path(text)


@given(
    before=st.integers(0, 3 * WINDOW_BYTES),
    length=st.integers(1, OVERLAP_BYTES),
    behind=st.integers(0, 2 * WINDOW_BYTES),
)
def test_windows_change_nothing(before: int, length: int, behind: int) -> None:
    """Wherever a match stands and however long it is, up to the overlap: it is found whole."""
    text = b" " * before + b"<" + b"x" * length + b">" + b" " * behind

    kept, count = Redaction(kinds=[], patterns=["<x+>"]).text(text, effort())

    assert (b" " * before + MARK + b" " * behind, 1) == (kept, count)


def test_match_of_any_length_goes_once_it_has_begun() -> None:
    """A token that is longer than a window is one hit, not one and a rest that nobody recognises."""
    token = b"Bearer " + b"a1B2" * 20_000

    assert (b"x [secret] y", 1) == Redaction().text(b"x " + token + b" y", effort())


def test_pattern_that_takes_quadratic_time_is_given_up() -> None:
    """RE2 is linear for one match, not for all of them. What cannot be judged in time is not kept."""
    text = b"a" * 1_000_000
    began = time.thread_time()

    assert (MARK, 1) == Redaction(kinds=[], patterns=[r"a[\s\S]*Z|a"]).text(text, effort())
    assert time.thread_time() - began < 3


@pytest.mark.parametrize(
    "text",
    [b"4444 " * 50_000, b"+4" * 100_000, b"a@b." * 60_000, b"AB12" * 60_000, b"-----BEGIN PRIVATE KEY-----!" * 9_000,
     b"://a:" * 50_000, b"eyJaaaaaaaa." * 20_000, b"\\u0040" * 40_000],
)  # fmt: skip
def test_hostile_text_takes_no_longer_than_others(text: bytes) -> None:
    """About a quarter of a megabyte each: some tens of milliseconds at most."""
    began = time.thread_time()
    Redaction().text(text, effort())

    assert time.thread_time() - began < 0.5


def test_time_that_is_used_up_ends_it() -> None:
    """Whatever takes so long: a body has its share of time, and no more."""
    clock = count(0, 60_000_000)

    with pytest.raises(TooMuch):
        Redaction().find(b"hello", Effort(lambda: next(clock)))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10))))
def test_merged_hits_cover_the_same_and_do_not_overlap(spans: list[tuple[int, int]]) -> None:
    """Nothing that was found is left, nothing else goes, and nothing is replaced twice."""
    hits = [Hit(start, start + length, b"[x]") for start, length in spans]
    joined = merged(hits)

    covered = {place for hit in hits for place in range(hit.start, hit.end)}
    assert covered == {place for hit in joined for place in range(hit.start, hit.end)}
    assert all(one.end <= other.start for one, other in pairwise(joined))
