"""The texts of JSON as it comes: all of them, where they stand, and which of them go on."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.fragments import Fragment, Lexer, Unreadable

NAMES = st.text(min_size=1).map(lambda name: f"x{name}")
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


def texts(value: Any) -> list[str]:
    """Return every text of a document, names included, in order."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for name, each in value.items() for text in (name, *texts(each))]
    return [text for each in value for text in texts(each)] if isinstance(value, list) else []


def read(data: bytes, step: int, **settings: Any) -> tuple[list[Fragment], Lexer]:
    """Read a document in pieces of one size."""
    lexer = Lexer(**settings)
    found: list[Fragment] = []
    for at in range(0, len(data), step):
        found += lexer.feed(data[at : at + step])
    return found + lexer.feed(b"", final=True), lexer


@given(VALUES, st.integers(1, 40), st.sampled_from([None, 1]))
def test_every_text_is_seen(value: Any, step: int, indent: int | None) -> None:
    """However the document is written and cut; long numbers besides; and each stands where it is said to."""
    data = json.dumps([value], indent=indent).encode()

    found, lexer = read(data, step)

    assert not lexer.broken
    assert texts(value) == [json.loads(b'"' + each.text + b'"') for each in found if not each.bare]
    assert [each.text for each in found] == [data[each.start : each.end] for each in found]


def test_value_behind_a_name_that_stands_twice_is_seen() -> None:
    """A parser would drop it, and the bytes would still be kept."""
    found, _ = read(b'{"x1":"first","x1":"second"}', 100)

    assert [b"x1", b"first", b"x1", b"second"] == [each.text for each in found]


@given(VALUES, st.integers(1, 40), st.data())
def test_what_is_cut_is_seen_as_far_as_it_goes(value: Any, step: int, data: st.DataObject) -> None:
    """A text that was cut is a text, too."""
    whole = json.dumps({"x": [value]}).encode()
    cut = whole[: data.draw(st.integers(1, len(whole) - 1))]

    found, lexer = read(cut, step)

    assert lexer.broken
    seen = b"".join(each.text for each in found)
    assert seen == b"".join(each.text for each in read(whole, 1000)[0])[: len(seen)] or any(e.bare for e in found)


@pytest.mark.parametrize("data", [b"hello", b'{"a": hello}', b'{"a"} "b"]', b"}", b"[" * 600, b'{"a": "b"} x'])
def test_what_is_no_json_is_refused(data: bytes) -> None:
    """Nothing that could be said stands outside of the texts."""
    with pytest.raises(Unreadable):
        read(data, 3)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"choices":[{"index":1,"delta":{"content":"%s"}}]}', '{"choices":[{"delta":{"content":"%s"},"index":1}]}'),
        ('{"choices":[{"index":0,"delta":{"content":"%s"}}]}', '{"choices":[{"delta":{"content":"%s"}}]}'),
        ('{"type":"content_block_start","index":2,"content_block":{"type":"text","text":"%s"}}',
         '{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"%s"}}'),
        ('{"type":"t","output_index":1,"delta":"%s","obfuscation":"a"}', '{"type":"t","delta":"%s","output_index":1}'),
        ('[{"candidates":[{"content":{"parts":[{"text":"%s"}]}}]}]',
         '[{},{"candidates":[{"content":{"parts":[{"text":"%s"}]}}]}]'),
    ],
)  # fmt: skip
def test_texts_that_go_on_have_the_same_run(one: str, other: str) -> None:
    """Whatever the order of the members, and whether the first index is told or not."""
    runs = [
        {each.run for each in read((text % "xyz").encode(), 7, joins=True)[0] if each.text == b"xyz"}
        for text in (one, other)
    ]

    assert runs[0] == runs[1] != {None}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"choices":[{"index":0,"delta":{"content":"%s"}}]}', '{"choices":[{"index":1,"delta":{"content":"%s"}}]}'),
        ('{"index":0,"delta":{"text":"%s"}}', '{"index":1,"delta":{"text":"%s"}}'),
        ('{"index":0,"delta":{"text":"%s"}}', '{"index":0,"delta":{"thinking":"%s"}}'),
    ],
)
def test_texts_of_different_places_have_not(one: str, other: str) -> None:
    """Two choices, two blocks, what is thought and what is said."""
    runs = [
        each.run
        for text in (one, other)
        for each in read((text % "xyz").encode(), 9, joins=True)[0]
        if each.text == b"xyz"
    ]

    assert 2 == len(set(runs))


@pytest.mark.parametrize("step", [1, 5, 1000])
def test_values_at_paths_are_stretches(step: int) -> None:
    """Texts, numbers, lists and objects: whole, with their quotes or brackets, and nothing inside is told."""
    data = b'{"user":"me","metadata":{"a":1,"b":[1,{"c":"d"}],"e":null},"messages":[{"content":"x"},{"content":["y"]}]}'
    removed = (("user",), ("metadata", "*"), ("messages", "*", "content"))

    found, lexer = read(data, step, removed=removed)

    assert [b'"me"', b"1", b'[1,{"c":"d"}]', b"null", b'"x"', b'["y"]'] == [data[a:b] for a, b in lexer.stretches]
    assert not {b"me", b"c", b"d", b"x", b"y"} & {each.text for each in found}


def test_tokens_of_an_answer_told_once_more_go_whole() -> None:
    """No pattern finds a secret that stands there in pieces, and as numbers; an empty list stays."""
    data = b'{"choices":[{"logprobs":{"content":[{"token":"sk-","bytes":[115]}]}},{"logprobs":[]},{"logprobs":null}]}'

    _, lexer = read(data, 11, joins=True)

    assert [b'{"content":[{"token":"sk-","bytes":[115]}]}'] == [data[a:b] for a, b in lexer.stretches]


def test_long_string_is_read_once() -> None:
    """However many pieces it comes in: time grows with its length, not with its square."""
    data = b'"' + b"a\\\\" * 700_000 + b'"'
    began = time.thread_time()

    found, _ = read(data, 1024)

    assert data[1:-1] == found[0].text
    assert time.thread_time() - began < 1
