"""The measurement of the recorder carries what it says, in every shape."""

import pytest

from bench.recording import measure, prose, shapes
from tests.http.uv import on_uvloop


@pytest.mark.parametrize("name", ["json", "stream", "large"])
@on_uvloop
async def test_every_exchange_of_a_shape_arrives(name: str) -> None:
    """A figure comes only of exchanges that are all in the store; `measure` raises when one is missing."""
    shape = shapes()[name]

    assert await measure(shape, shape.company + 1) > 0


def test_prose_is_of_its_length_and_compresses_as_text() -> None:
    """It is the same each time, so that figures of two days can be compared."""
    assert 5_000 == len(prose(5_000))
    assert prose(100) == prose(5_000)[:100]
