"""The end of a JSON value is found exactly."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.scan import value_end

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, st.sampled_from(["", " ", "\n "]), st.sampled_from([",", "}", "]"]), st.booleans())
def test_the_end_of_a_value_is_found(value: Any, space: str, behind: str, ascii_only: bool) -> None:
    """The decoder's own message says where the value ended: this pins the message's form."""
    text = json.dumps(value, ensure_ascii=ascii_only).encode() + space.encode()

    assert 3 + len(text) == value_end(b"{x:" + text + behind.encode(), 3)


def test_half_a_value_has_no_end() -> None:
    """What is cut or no JSON gives None."""
    assert [None, None, None] == [value_end(data, 0) for data in (b'{"a":', b"nope", b"")]
    assert None is value_end(b"[" * 100_000, 0)
