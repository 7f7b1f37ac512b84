"""Equal values have equal bytes, whatever order they were written in."""

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.evaluation.canonical import NotJson, canonical


def test_the_vector() -> None:
    """Sorted names, no spaces, no escapes of letters; 2.0 keeps its point."""
    written = canonical({"b": 1, "a": [1, 2.0, "é"]})

    assert '{"a":[1,2.0,"é"],"b":1}'.encode() == written
    assert "266a62844fe10645" == sha256(written).hexdigest()[:16]


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), {"a": [float("-inf")]}, {1: 2}, {"a": {1, 2}}, b"x", "\ud800", object()]
)
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    """Nothing becomes null in silence."""
    with pytest.raises(NotJson):
        canonical(value)


def test_a_list_in_itself_is_refused() -> None:
    """A plugin's evidence may be anything."""
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(NotJson, match="deeper"):
        canonical(endless)


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=6), st.randoms())
def test_the_order_of_names_does_not_matter(value: dict[str, int], random: Any) -> None:
    """Also of names whose sorting is delicate."""
    items = list(value.items())
    random.shuffle(items)

    assert canonical(value) == canonical(dict(items))
