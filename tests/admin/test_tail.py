"""All who watch share one poll; each gets everything once, and who is far behind is told how much it missed."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiosqlite
import orjson
import pytest

from gateway.admin.tail import News, Tail
from gateway.metrics.totals import Tally
from gateway.store.following import Followed, Following, Position
from gateway.store.interface import Query
from gateway.store.opening import QueryTimeout
from gateway.store.reader import StoreReader
from gateway.store.sqlite import SqliteStore
from tests.http.uv import until
from tests.records import finished, record

LIMIT_S = 20.0
EVERYTHING, NOTHING = Query(), Query(team="nobody")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A store that stays open, as the recorder's does."""
    store = SqliteStore(tmp_path, Tally().count)
    store.commit([finished(record())], {})
    yield store
    store.close()


class Counting(Following):
    """Counts how often it is asked. `fails`: so often it cannot be read."""

    def __init__(self, folder: Path) -> None:
        plain = StoreReader(folder).following()
        super().__init__(plain._files, self._counted)
        self.opened = 0
        self._plain = plain
        self.reads: list[tuple[Position, Query]] = []
        self.fails = 0

    def _counted(self, path: Path) -> contextlib.AbstractAsyncContextManager[aiosqlite.Connection]:
        self.opened += 1
        return self._plain._connect(path)

    async def read(self, position: Position, query: Query, most: int = 10) -> Followed:
        """Read."""
        self.reads.append((position, query))
        if self.fails:
            self.fails -= 1
            raise QueryTimeout("not now")
        return await super().read(position, query, most)


@pytest.fixture
def following(tmp_path: Path) -> Counting:
    """What is asked."""
    return Counting(tmp_path)


@pytest.fixture
async def tail(following: Counting) -> AsyncIterator[Tail]:
    """A tail that polls often."""
    tail = Tail(following, poll_s=0.001, most_behind=25)
    yield tail
    tail.end()


async def news(tail: Tail, position: Position, query: Query = EVERYTHING) -> News:
    """Wait for news."""
    async with asyncio.timeout(LIMIT_S):
        found = await tail.next(position, query)
    assert found is not None
    return found


def ids(events: bytes) -> list[str]:
    """Return the ids of the exchanges among some events."""
    datas = [line.removeprefix(b"data: ") for line in events.splitlines() if line.startswith(b"data: ")]
    return [data["id"] for data in map(orjson.loads, datas) if "id" in data]


async def test_who_asks_the_same_gets_the_same_from_one_look(
    store: SqliteStore, tail: Tail, following: Counting
) -> None:
    """However many they are; another filter has its own."""
    position = await tail.newest()
    one, other = record(), record(team="web")
    with tail.watching(), tail.watching():
        waiting = [asyncio.create_task(news(tail, position)) for _ in range(5)]
        apart = asyncio.create_task(news(tail, position, Query(team="web")))
        await asyncio.sleep(0)
        store.commit([finished(one), finished(other)], {})
        same, filtered = await asyncio.gather(*waiting), await apart

    assert [[one.id, other.id]] * 5 == [ids(each.events) for each in same]
    assert [other.id] == ids(filtered.events)
    assert 1 == len({id(each) for each in same})


async def test_what_does_not_match_moves_the_position(store: SqliteStore, tail: Tail) -> None:
    """So that nobody looks at it again, not even after a break."""
    position = await tail.newest()
    store.commit([finished(record())], {})
    with tail.watching():
        found = await news(tail, position, NOTHING)

    assert b"" == found.events
    assert position.seq + 1 == found.position.seq


async def test_who_is_far_behind_is_told_how_much_it_misses(store: SqliteStore, tail: Tail) -> None:
    """What was read is sent, the rest is counted, and it goes on with what is new."""
    position = await tail.newest()
    before = [record() for _ in range(36)]
    store.commit([finished(one) for one in before], {})
    after = record()
    with tail.watching():
        first = await news(tail, position)
        store.commit([finished(after)], {})
        second = await news(tail, first.position)

    assert [one.id for one in before[:10]] == ids(first.events)
    assert first.events.endswith(b'\nevent: dropped\ndata: {"exchanges":26}\n\n')
    assert [after.id] == ids(second.events)


async def test_who_is_a_little_behind_misses_nothing(store: SqliteStore, tail: Tail) -> None:
    """It gets it in portions."""
    position = await tail.newest()
    records = [record() for _ in range(35)]
    store.commit([finished(one) for one in records], {})
    seen: list[str] = []
    with tail.watching():
        while len(seen) < 35:
            found = await news(tail, position)
            position = found.position
            seen += ids(found.events)

    assert [one.id for one in records] == seen


async def test_who_waits_no_longer_takes_nobody_elses_answer_away(store: SqliteStore, tail: Tail) -> None:
    """Two wait for the same, one of them leaves."""
    position = await tail.newest()
    one = record()
    with tail.watching():
        leaving, staying = (asyncio.create_task(news(tail, position)) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        store.commit([finished(one)], {})

        assert [one.id] == ids((await staying).events)


async def test_nobody_polls_for_nobody(store: SqliteStore, tail: Tail) -> None:
    """With the last who watches the poll ends, and begins again with the next."""
    position = await tail.newest()
    store.commit([finished(record())], {})
    for _ in range(2):
        with tail.watching():
            assert await news(tail, position)
            assert 1 == polls()
        await asyncio.sleep(0)
        assert 0 == polls()


async def test_while_nothing_is_stored_no_file_is_opened(
    store: SqliteStore, tail: Tail, following: Counting, tmp_path: Path
) -> None:
    """To look when files were written is enough: watching an idle gateway costs next to nothing."""
    position = await tail.newest()
    long_ago_s = time.time() - 3600
    store.close()
    os.utime(tmp_path / "2026-11-23.db", (long_ago_s, long_ago_s))
    opened = following.opened
    with tail.watching():
        waiting = asyncio.create_task(tail.next(position, EVERYTHING))
        await until(lambda: len(following.reads) > 5)

        assert following.opened <= opened + 1
    waiting.cancel()


def polls() -> int:
    """Count the polls that run."""
    return sum(task.get_name() == "live tail" for task in asyncio.all_tasks())


async def test_a_store_that_cannot_be_read_is_tried_again(
    store: SqliteStore,
    tail: Tail,
    following: Counting,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is said, and nobody who watches notices more than a delay."""
    monkeypatch.setattr("gateway.admin.tail.RETRY_S", 0.001)
    position = await tail.newest()
    following.fails = 2
    store.commit([finished(record())], {})
    with tail.watching():
        assert (await news(tail, position)).events
    assert 2 == caplog.text.count("could not read the store")


async def test_the_end_reaches_everybody(tail: Tail) -> None:
    """Who waits, and who comes later."""
    position = await tail.newest()
    with tail.watching():
        waiting = asyncio.create_task(tail.next(position, EVERYTHING))
        await asyncio.sleep(0)
        tail.end()

        assert await waiting is None
        assert await tail.next(position, EVERYTHING) is None
