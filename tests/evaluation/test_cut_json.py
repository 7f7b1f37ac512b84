"""The beginning of a document says what stands in it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.evaluation.cut_json import closed


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"a": [1, 2, {"b": "x"}, {"c": "y', {"a": [1, 2, {"b": "x"}, {"c": "y"}]}),
        (b'{"a": 1, "b": "half \\u00', {"a": 1, "b": "half "}),
        (b'{"a": 1, "b": "half \\', {"a": 1, "b": "half "}),
        (b'{"a": 1, "b": "caf\xc3', {"a": 1, "b": "caf"}),
        (b'{"a": 1, "na', {"a": 1}),
        (b'{"a": "x, [y]{", "b": [tr', {"a": "x, [y]{"}),
        (b'{"a": 1, "b": 12', {"a": 1}),
        (b'{"a": 1', None),
        (b"<html>, <b>", None),
        (b"]]],", None),
        (b"", None),
    ],
)
def test_cut_documents(data: bytes, expected: Any) -> None:
    """Strings as far as they came; of numbers and names that may be halves nothing."""
    assert expected == closed(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def is_part(part: Any, whole: Any) -> bool:
    """Tell whether one is a beginning of the other."""
    if isinstance(part, str) and isinstance(whole, str):
        return whole.startswith(part)
    if isinstance(part, list) and isinstance(whole, list):
        return all(is_part(a, b) for a, b in zip(part, whole, strict=False)) and len(part) <= len(whole)
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(name in whole and is_part(value, whole[name]) for name, value in part.items())
    return bool(part == whole)


@given(st.lists(JSON, min_size=1, max_size=4), st.floats(0, 1), st.booleans())
def test_nothing_is_made_up(whole: list[Any], share: float, ascii_only: bool) -> None:
    """Wherever it is cut: what is read stands in the document."""
    data = json.dumps(whole, ensure_ascii=ascii_only).encode()
    found = closed(data[: int(len(data) * share)])

    assert found is None or is_part(found, whole)


@given(st.binary(max_size=60))
def test_garbage_never_fails(data: bytes) -> None:
    """Bytes of any kind."""
    closed(data)


@pytest.mark.parametrize("data", [b'"' * 500_000, b"\\" * 500_000, b'{"a":"' + b"\\" * 500_001, b'["x",' * 200_000])
def test_hostile_bytes_come_to_an_end(data: bytes) -> None:
    """The time grows with the length, no faster: otherwise this would take hours."""
    closed(data)
