"""What runs tests on uvloop ends with them."""

import asyncio
from pathlib import Path

import pytest

from tests.http.uv import on_uvloop


async def serve(path: Path) -> None:
    """Leave a server open."""
    await asyncio.get_running_loop().create_unix_server(asyncio.Protocol, str(path))


def test_one_that_fails_says_why_whatever_it_leaves_open(tmp_path: Path) -> None:
    """And does not wait for it."""

    @on_uvloop
    async def fails() -> None:
        await serve(tmp_path / "s")
        raise LookupError

    with pytest.raises(LookupError):
        fails()


def test_nothing_may_be_left_open(tmp_path: Path) -> None:
    """It would be a leak."""

    @on_uvloop
    async def leaves() -> None:
        await serve(tmp_path / "s")

    with pytest.raises(AssertionError, match="unclosed resource <UnixServer"):
        leaves()
