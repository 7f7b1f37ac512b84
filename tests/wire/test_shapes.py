"""Only the members that are named are decoded; whatever stands in the others, and in these, does no harm."""

import msgspec
import pytest

from gateway.wire.shapes import Answer, ChatChunk, GeminiChunk, MessagesEvent, ResponsesEvent

SHAPES = [Answer, ChatChunk, GeminiChunk, MessagesEvent, ResponsesEvent]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_members_may_be_anything_and_others_are_skipped(shape: type[msgspec.Struct]) -> None:
    """A provider's new member, or an odd value in an old one, must not cost the usage beside it."""
    odd = dict.fromkeys([*shape.__struct_fields__, "brand_new"], 1) | {"response": None}
    msgspec.json.decode(msgspec.json.encode(odd), type=shape)

    empty = msgspec.json.decode(b"{}", type=shape)
    assert not any(
        bytes(value) if isinstance(value, msgspec.Raw) else value for value in msgspec.structs.astuple(empty)
    )
