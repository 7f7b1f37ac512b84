"""The list in force: the newest good one that was kept, else the bundled one, and never none."""

import asyncio
import logging
from pathlib import Path

import pytest

from gateway.app.price_shelf import FILE, Shelf, fingerprint, kept_file
from gateway.policies.price_file import Reading, check, header_of, kept
from gateway.policies.price_table import bundled
from tests.prices import source

AT_S = 1_795_600_000.0


def keep(folder: Path, usd: float, at_s: float = AT_S) -> str:
    """Keep a list in which gpt-4o costs so much, as the recorder does; return its version."""
    checked = check(source(model="gpt-4o", input_mtok=usd), 0)
    header = header_of(checked, "here", at_s)
    new = folder / "new"
    new.write_bytes(kept(header, checked))
    new.replace(folder / FILE)
    return header.version


def price(shelf: Shelf) -> int:
    """Look up what a token to gpt-4o costs."""
    found = shelf.prices.find("openai", "https://api.openai.com/v1", ["gpt-4o"], {}, AT_S)
    assert found is not None
    return found.base.input


async def test_without_a_kept_list_the_bundled_one_holds(tmp_path: Path) -> None:
    """Nothing has to be fetched before the first request."""
    shelf = Shelf(tmp_path)

    assert bundled().version == (await shelf.take(refreshed=True)).version == shelf.prices.version
    assert shelf.header is None


async def test_the_kept_list_holds_as_long_as_config_names_a_source(tmp_path: Path) -> None:
    """From the first look on; without a source the bundled one does, whatever lies about."""
    version = keep(tmp_path, 7)
    shelf = Shelf(tmp_path)
    await shelf.take(refreshed=True)

    assert (7_000_000, version) == (price(shelf), shelf.prices.version)
    assert shelf.header is not None
    assert (AT_S, bundled().size) == (shelf.header.obtained_at, shelf.header.models)

    await shelf.take(refreshed=False)
    assert (2_500_000, None) == (price(shelf), shelf.header)
    await shelf.take(refreshed=True)
    assert 7_000_000 == price(shelf)


async def test_another_file_is_loaded_and_the_same_is_not(tmp_path: Path) -> None:
    """Most changes of a config have nothing to do with prices."""
    keep(tmp_path, 7)
    shelf = Shelf(tmp_path)
    first = await shelf.take(refreshed=True)
    assert first is await shelf.take(refreshed=True)

    keep(tmp_path, 8)
    assert first is not await shelf.take(refreshed=True)
    assert 8_000_000 == price(shelf)

    kept_file(tmp_path).unlink()
    assert 2_500_000 == (await shelf.take(refreshed=True) and price(shelf))


@pytest.mark.parametrize("damage", [b"", b"[]", b"not JSON", b"cut"])
async def test_a_damaged_file_changes_nothing_and_is_told(
    damage: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The list before it stays, at the start the bundled one; once mended the file counts."""
    keep(tmp_path, 7)
    shelf, late = Shelf(tmp_path), Shelf(tmp_path)
    await shelf.take(refreshed=True)
    file = kept_file(tmp_path)
    file.write_bytes(file.read_bytes()[:-1000] if damage == b"cut" else damage)
    for each in (shelf, late):
        await each.take(refreshed=True)

    assert (7_000_000, 2_500_000) == (price(shelf), price(late))
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert all(str(file) in line and "stays in force" in line for line in said)
    assert 2 == len(said)
    keep(tmp_path, 9)
    assert (9_000_000, 9_000_000) == tuple([await each.take(refreshed=True) and price(each) for each in (shelf, late)])


async def test_others_get_their_turn_while_a_list_is_loaded(tmp_path: Path) -> None:
    """A worker goes on serving: between any two steps of the work the loop comes around."""
    keep(tmp_path, 7)
    steps = sum(1 for _ in Reading(kept_file(tmp_path).read_bytes()).steps())
    shelf = Shelf(tmp_path)
    loading = asyncio.create_task(shelf.take(refreshed=True))
    turns = 0
    while not loading.done():
        await asyncio.sleep(0)
        turns += 1

    assert 7_000_000 == price(shelf)
    assert turns >= steps > 40  # one for each provider at least


def test_versions_of_a_file_are_told_apart(tmp_path: Path) -> None:
    """Also where a new one has the same size."""
    file = tmp_path / "x"
    assert None is fingerprint(file)
    file.write_text("a")
    first = fingerprint(file)
    (tmp_path / "y").write_text("b")
    (tmp_path / "y").replace(file)

    assert None is not first != fingerprint(file)
