"""What the admin port asks has one time, as filters write it."""

from pathlib import Path

from tests.admin.parts import NOON_S, serving


async def test_time_is_that_of_the_port(tmp_path: Path) -> None:
    """Filters count from it."""
    async with serving(tmp_path) as port:
        assert NOON_S * 1000 == port.sources.now_ms()
