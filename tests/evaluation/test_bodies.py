"""Kept stretches become bytes, and bytes documents or the documents of a stream."""

import gzip
from typing import Any

import pytest

from gateway.evaluation.bodies import Body, beginning, body_of, document, events


@pytest.mark.parametrize(
    ("stretches", "length", "expected"),
    [
        ([(0, b"abc")], 3, Body(b"abc", True, 3)),
        ([(0, b"abc")], 9, Body(b"abc", False, 3)),
        ([(0, b"ab"), (2, b"c")], 3, Body(b"abc", True, 3)),
        ([(0, b"ab"), (5, b"c")], 6, Body(b"ab\n\nc", False, 2)),
        ([(3, b"c")], 4, Body(b"\n\nc", False, 0)),
        ([], 0, Body(b"", True, 0)),
    ],
)
def test_stretches(stretches: list[tuple[int, bytes]], length: int, expected: Body) -> None:
    """What is missing is said; what is left of two events does not become one."""
    assert expected == body_of(stretches, length, None)


def test_a_coded_body_ends_where_it_was_cut() -> None:
    """What lies behind the gap cannot be decoded."""
    coded = gzip.compress(bytes(range(256)) * 40, compresslevel=0)
    cut = body_of([(0, coded[:600]), (900, coded[900:])], len(coded), "gzip")

    assert not cut.is_whole
    assert cut.data == (bytes(range(256)) * 40)[: len(cut.data)]
    assert 500 < len(cut.data) < 600


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"a":1}', {"a": 1}),
        (b'\n\n {"a":1}', {"a": 1}),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        (b'{"a":"\xff"}', {"a": "�"}),
        (b'{"a":"\\uD800 \\udc00x \\\\ud800"}', {"a": "� �x \\ud800"}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "😀"}),
        (b'{"a":', None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_documents(data: bytes, expected: Any) -> None:
    """JSON, and what is JSON but for a mark, broken UTF-8 or half of a pair."""
    assert expected == document(data)


def test_the_beginning_of_a_cut_document() -> None:
    """What stands before the gap; of a whole document that is broken nothing is made up."""
    cut = body_of([(0, b'{"a":"x","b":"y'), (90, b'","c":1}')], 98, None)

    assert {"a": "x", "b": "y"} == beginning(cut)
    assert beginning(body_of([(0, b'{"a":"x","b":')], 13, None)) is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'data: {"a":1}\n\ndata: {"a":2}\n\ndata: [DONE]\n\n', [{"a": 1}, {"a": 2}, {"done": True}]),
        (b': hello\n\nevent: x\r\ndata: {"a":\r\ndata: 1}\r\n\r\n', [{"a": 1}]),
        (b'data: {"a":1}\n\ndata: {"a', [{"a": 1}]),
        (b'{"a":1}\n{"a":2}\n', [{"a": 1}, {"a": 2}]),
        (b'[{"a":1}\n,\r\n{"a":2}]', [{"a": 1}, {"a": 2}]),
        (b'{"a":1}', None),
        (b'{\n "a": 1\n}', None),
        (b"[1", None),
        (b"", None),
    ],
)
def test_streams(data: bytes, expected: list[dict[str, Any]] | None) -> None:
    """Of events, of lines, of a list; or one document."""
    found = events(data)

    assert expected == (None if found is None else list(found))


def test_whether_a_coded_body_is_whole() -> None:
    """It is not where its coding is damaged; of one that nobody knows the bytes are there as they are."""
    coded = gzip.compress(b"abc" * 100)
    damaged = coded[:30] + b"\xff" * 30

    assert Body(b"abc" * 100, True, 300) == body_of([(0, coded)], len(coded), "gzip")
    assert Body(b"\x01", True, 1) == body_of([(0, b"\x01")], 1, "snappy")
    assert body_of([(0, damaged)], len(damaged), "gzip").data in (damaged, b"abc" * 100)
