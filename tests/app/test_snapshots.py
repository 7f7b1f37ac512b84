"""Texts and price list become one snapshot."""

from pathlib import Path

import pytest

from gateway.app.channel import Config
from gateway.app.snapshots import Snapshots
from gateway.config.problems import ConfigError
from gateway.policies.price_table import bundled
from tests.app.test_price_shelf import keep

HEAD = '[server]\ndata_dir = "data"\n'
REFRESHED = HEAD + '[prices]\nsource = "prices.json"\nrefresh = "1 h"\n'


def message(root: Path, generation: int, text: str) -> Config:
    """Say what the supervisor says."""
    return Config(generation=generation, sources={"config.toml": text}, root=str(root))


async def test_the_list_in_force_is_part_of_the_snapshot(tmp_path: Path) -> None:
    """A kept list counts from the first snapshot on where config names a source, and a newer one from the next on."""
    (tmp_path / "data").mkdir()
    version = keep(tmp_path / "data", 7)
    snapshots = Snapshots({})

    first = await snapshots.first(message(tmp_path, 1, HEAD))
    second = await snapshots.of(message(tmp_path, 2, REFRESHED))
    newer = keep(tmp_path / "data", 8)
    third = await snapshots.of(message(tmp_path, 3, REFRESHED))

    versions = [each.prices.listed.version for each in (first, second, third)]
    assert [bundled().version, version, newer] == versions
    assert [1, 2, 3] == [each.generation for each in (first, second, third)]
    assert (None, "3600") == (first.price_source, third.price_source and f"{third.price_source.refresh_s:g}")


async def test_the_place_of_the_list_is_that_of_the_start(tmp_path: Path) -> None:
    """A changed data_dir takes effect at the next start: until then the recorder writes where it did."""
    (tmp_path / "data").mkdir()
    version = keep(tmp_path / "data", 7)
    snapshots = Snapshots({})
    await snapshots.first(message(tmp_path, 1, REFRESHED))

    moved = await snapshots.of(message(tmp_path, 2, REFRESHED.replace('"data"', '"elsewhere"')))

    assert version == moved.prices.listed.version


async def test_a_broken_text_is_no_snapshot(tmp_path: Path) -> None:
    """The caller goes on with the one that it has."""
    with pytest.raises(ConfigError):
        await Snapshots({}).first(message(tmp_path, 1, "["))
    snapshots = Snapshots({})
    await snapshots.first(message(tmp_path, 1, HEAD))
    with pytest.raises(ConfigError):
        await snapshots.of(message(tmp_path, 2, "["))

    assert "data" == snapshots.config.company.server.data_dir
