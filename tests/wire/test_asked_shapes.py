"""Only what is read takes memory, and what is not there has a default."""

import msgspec
import pytest

from gateway.wire import asked_shapes

SHAPES = [
    shape
    for shape in vars(asked_shapes).values()
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct) and shape is not msgspec.Struct
]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_member_may_be_missing_and_any_other_may_be_there(shape: type[msgspec.Struct]) -> None:
    """Requests hold what their SDK writes, and more as time goes by."""
    decode = msgspec.json.Decoder(shape).decode

    assert decode(b"{}") == decode(b'{"of_next_year":[{"a":1}]}')
