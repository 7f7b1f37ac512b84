"""A follower sees every exchange once, in the order of storing, whatever is committed while it looks."""

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiosqlite
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.record import Record
from gateway.metrics.totals import Tally
from gateway.store import answers
from gateway.store.following import BEGINNING, Following, Position
from gateway.store.interface import Query
from gateway.store.reader import StoreReader
from gateway.store.sqlite import SqliteStore
from tests.records import DAY_MS, NOON_MS, finished, record


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A store that stays open, as the recorder's does."""
    store = SqliteStore(tmp_path, Tally().count)
    yield store
    store.close()


@pytest.fixture
def following(tmp_path: Path) -> Following:
    """A follower of it."""
    return StoreReader(tmp_path).following()


async def to_the_end(following: Following, position: Position, most: int = 1000) -> list[Record]:
    """Read on until there is nothing more."""
    records: list[Record] = []
    while True:
        found = await following.read(position, Query(), most)
        records += [one for _, one in found.rows]
        if found.position.seq == position.seq:
            return records
        position = found.position


async def test_each_exchange_is_seen_once(store: SqliteStore, following: Following) -> None:
    """In the order of storing, from where the follower began, also what belongs to an older day."""
    store.commit([finished(record())], {})
    began = await following.newest()
    nothing = await following.read(began, Query())
    late, fresh, foreign = record(NOON_MS - DAY_MS), record(NOON_MS + 5), record(team="web")
    store.commit([finished(fresh), finished(foreign), finished(late)], {})
    found = await following.read(nothing.position, Query(team="search"))

    assert ([], began.seq, False) == (nothing.rows, nothing.position.seq, nothing.is_behind)
    assert [late, fresh] == [one for _, one in found.rows]
    assert [] == (await following.read(found.position, Query())).rows


async def test_portions_are_bounded(store: SqliteStore, following: Following) -> None:
    """By what is looked at, not by what matches: a rare filter must not hold a reader up."""
    store.commit([finished(record(NOON_MS + number)) for number in range(25)], {})
    first = await following.read(Position.after(1), Query(team="nobody"), 10)

    assert ([], True) == (first.rows, first.is_behind)
    assert 15 == await following.count(first.position, first.newest)
    assert 25 == len(await to_the_end(following, Position.after(1), 10))


async def test_a_number_that_was_noted_is_enough_to_go_on(
    store: SqliteStore, following: Following, tmp_path: Path
) -> None:
    """Days later, and whatever file the rest stands in; files that were not written since are not opened."""
    store.commit([finished(record(NOON_MS - 9 * DAY_MS))], {})
    noted = await following.newest()
    later = [record(NOON_MS - day * DAY_MS) for day in range(8)]
    for one in later:
        store.commit([finished(one)], {})
    store.close()
    old_s = time.time() - 3600
    (tmp_path / "2026-11-14.db").write_bytes(b"no database" * 999)  # to open it would be noticed
    os.utime(tmp_path / "2026-11-14.db", (old_s, old_s))

    assert later == await to_the_end(following, Position.after(noted.seq))


async def test_a_portion_does_not_forget_when_its_files_were_written(
    store: SqliteStore, following: Following, tmp_path: Path
) -> None:
    """What was there and was not read yet stands in a file that nobody may have written to since."""
    store.commit([finished(record(NOON_MS + number)) for number in range(25)], {})
    store.close()
    first = await following.read(Position.after(1), Query(), 10)
    long_ago_s = time.time() - 3600
    os.utime(tmp_path / "2026-11-23.db", (long_ago_s, long_ago_s))

    assert 15 == len(await to_the_end(following, first.position))


@pytest.mark.parametrize("opened", range(8))
def test_no_commit_slips_through_between_two_files(opened: int, tmp_path: Path) -> None:
    """The newer file was read already when a batch comes for both, and then another for the older one."""
    old, new = NOON_MS - DAY_MS, NOON_MS
    stored, seen = asyncio.run(_played(tmp_path, [[old, new], [old, new], [old]], [0] * opened + [2], 1000))

    assert stored == seen


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=4), min_size=1, max_size=12),
    st.lists(st.integers(0, 3), min_size=1, max_size=30),
    st.integers(1, 5),
)
def test_commits_between_two_looks_hide_nothing(batches: list[list[int]], pauses: list[int], most: int) -> None:
    """A reader opens one file after the other, and the writer commits whenever it likes, to several of them."""
    with tempfile.TemporaryDirectory() as folder:
        times = [[NOON_MS + day * DAY_MS for day in batch] for batch in batches]
        stored, seen = asyncio.run(_played(Path(folder), times, pauses, most))

    assert stored == seen


async def _played(folder: Path, batches: list[list[int]], pauses: list[int], most: int) -> tuple[list[str], list[str]]:
    """Store a batch, and so many more before each time that a file is opened; return what was stored and what seen."""
    store = SqliteStore(folder, Tally().count)
    stored: list[Record] = []
    left = [[record(at_ms) for at_ms in batch] for batch in batches]
    steps = iter(pauses)

    def commit(count: int) -> None:
        for _ in range(min(count, len(left))):
            batch = left.pop(0)
            store.commit([finished(one) for one in batch], {})
            stored.extend(sorted(batch, key=lambda one: one.id[:13]))

    commit(1)
    reader = StoreReader(folder)
    following = Following(
        lambda: answers.days(folder), _interrupted(reader.following(), lambda: commit(next(steps, 9)))
    )
    seen, position = [], BEGINNING
    while left or len(seen) < len(stored):
        found = await following.read(position, Query(), most)
        seen += [one.id for _, one in found.rows]
        if found.position.seq == position.seq and not left:
            break
        position = found.position
    store.close()
    return [one.id for one in stored], seen


def _interrupted(
    plain: Following, between: Callable[[], object]
) -> Callable[[Path], contextlib.AbstractAsyncContextManager[aiosqlite.Connection]]:
    @contextlib.asynccontextmanager
    async def connect(path: Path) -> AsyncIterator[aiosqlite.Connection]:
        between()
        async with plain._connect(path) as db:
            yield db

    return connect
