"""Queries see every day file, page without gaps, never write, and end in time."""

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.usage import Usage
from gateway.journal.frame import RESPONSE
from gateway.journal.reader import Finished
from gateway.metrics.totals import Tally
from gateway.store import schema
from gateway.store.filters import BadFilter
from gateway.store.interface import AmbiguousId, NoSuchExchange, Query, StoreRefused
from gateway.store.opening import Deadline, opened
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
def reader(tmp_path: Path) -> StoreReader:
    """A reader beside it."""
    return StoreReader(tmp_path)


def delete(folder: Path, pattern: str) -> None:
    """Delete files as retention does."""
    for path in folder.glob(pattern):
        path.unlink()


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let this process read but not write a folder; root, who may write everywhere, becomes somebody else."""
    user = os.geteuid()
    (folder / "2026-11-23.db").chmod(0o444)
    folder.chmod(0o555)
    try:
        if user == 0:
            os.seteuid(65534)
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o755)


async def test_nothing_stored_is_an_empty_answer(tmp_path: Path) -> None:
    """A store that does not exist yet has no exchanges, and asking does not make it."""
    reader = StoreReader(tmp_path / "store")

    assert reader.is_empty
    assert ([], None, True) == await reader.exchanges(Query())
    assert ([], 0, 0) == ((await reader.spend("team")).rows, (await reader.spend("team")).total.requests, 0)
    assert [] == (await reader.series(Query(), "day")).rows
    assert (0, False, True) == await reader.count(Query())
    assert 0 == (await reader.following().newest()).seq
    assert not (tmp_path / "store").exists()


async def test_pages_cover_everything_once_newest_first(store: SqliteStore, reader: StoreReader) -> None:
    """Page by page over several days: no exchange twice, none missing, whatever the page size."""
    records = [record(NOON_MS + number * DAY_MS // 4) for number in range(10)]
    store.commit([finished(one) for one in records], {})
    expected = [one.id for one in reversed(records)]
    for size in (1, 3, 4, 10, 50):
        found: list[str] = []
        query = Query(limit=size)
        while True:
            page = await reader.exchanges(query)
            found += [one.id for one in page.records]
            if page.cursor is None:
                break
            query = Query(limit=size, before=page.cursor)

        assert expected == found


def various() -> list[Finished]:
    """Exchanges that differ in everything that can be filtered by, each named by its agent."""
    b = record(
        NOON_MS + 1, agent="b", team="web", model_requested="fast", route="cheap", client="claude-cli/2.0",
        tags=["x", "y", "x"], duration_ms=99.0,
    )  # fmt: skip
    c = record(
        NOON_MS + 2, agent="c", key="cron", provider="anthropic", model_served="claude-x", cost_nano_usd=2_000_000,
        endpoint="messages", finish_reason="tool_use", tool_calls=2, tags=["z"], response_id="resp_1",
        usage=Usage(input_total=990, output_total=10),
    )  # fmt: skip
    d = record(
        NOON_MS + 3, agent="d", status=429, outcome="rate_limited", cost_nano_usd=0, error="connection reset",
        bodies="none", usage=None,
    )  # fmt: skip
    e = record(
        NOON_MS + 4, agent="e", session="s1", user="ann", duration_ms=9000.0, usage_source="estimated", stream=True,
        first_token_ms=15.0, trace_id="0af7651916cd43dd8448eb211c80319c",
    )  # fmt: skip
    return [
        finished(record(NOON_MS, agent="a", tags=["x"], metadata={"ticket": "4711"}), b"a needle in hay"),
        finished(b, None, b'{"x":"caf\\u00e9"}'),
        finished(c),
        finished(d, None, None),
        finished(e, b'{"t":"say \\"hi\\""}'),
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(team="web"), "b"),
        (Query(team="w*"), "b"),
        (Query(key="cron"), "c"),
        (Query(model="claude-*"), "c"),
        (Query(model="fast"), "b"),
        (Query(provider="anthropic"), "c"),
        (Query(status="429"), "d"),
        (Query(status="4xx"), "d"),
        (Query(outcome="rate_limited"), "d"),
        (Query(ok=False), "d"),
        (Query(ok=True), "abce"),
        (Query(session="s1"), "e"),
        (Query(user="ann"), "e"),
        (Query(min_cost_nano_usd=1_000_000), "c"),
        (Query(max_cost_nano_usd=0), "d"),
        (Query(min_duration_ms=5000.0), "e"),
        (Query(since_ms=NOON_MS + 3), "de"),
        (Query(until_ms=NOON_MS + 1), "a"),
        (Query(text="NEEDLE"), "a"),
        (Query(text="é"), "b"),
        (Query(text='say "hi"'), "e"),
        (Query(team="search", status="2xx", min_duration_ms=5000.0), "e"),
        (Query(team="nobody"), ""),
        (Query(route="cheap"), "b"),
        (Query(endpoint="messages"), "c"),
        (Query(error="RESET"), "d"),
        (Query(finish_reason="tool*"), "c"),
        (Query(usage_source="estimated"), "e"),
        (Query(bodies="none"), "d"),
        (Query(bodies="full"), "abce"),
        (Query(stream=True), "e"),
        (Query(stream=False, has_tool_calls=True), "c"),
        (Query(has_tool_calls=False), "abde"),
        (Query(agent="[ab]"), "ab"),
        (Query(client="claude-cli*"), "b"),
        (Query(any_tag=("x", "z")), "abc"),
        (Query(all_tags=("x", "y")), "b"),
        (Query(metadata=("ticket", "47*")), "a"),
        (Query(metadata=("ticket", "11")), ""),
        (Query(response_id="resp_1"), "c"),
        (Query(trace_id="0af7651916cd43dd8448eb211c80319c"), "e"),
        (Query(min_tokens=1_000), "c"),
        (Query(max_tokens=119), "d"),
        (Query(max_duration_ms=100.0), "b"),
        (Query(min_first_token_ms=10.0, max_first_token_ms=20.0), "e"),
    ],
)
async def test_filters(store: SqliteStore, reader: StoreReader, query: Query, expected: str) -> None:
    """Each filter finds exactly what it names; several apply together."""
    store.commit(various(), {})
    page = await reader.exchanges(query)

    assert expected == "".join(sorted(str(one.agent) for one in page.records))


async def test_one_exchange_by_the_beginning_of_its_id(store: SqliteStore, reader: StoreReader) -> None:
    """A unique beginning is enough; several matches and none are told apart."""
    one, other = record(NOON_MS), record(NOON_MS + DAY_MS)
    store.commit([finished(one, b"ask", b"tell"), finished(other)], {})
    found = await reader.exchange(one.id[:20])

    assert one == found.record
    assert ([(0, b"ask")], [(0, b"tell")]) == (
        found.request and found.request.pieces,
        found.response and found.response.pieces,
    )
    assert other == (await reader.exchange(other.id.upper())).record
    with pytest.raises(AmbiguousId):
        await reader.exchange("01")
    with pytest.raises(NoSuchExchange):
        await reader.exchange("ffff")
    with pytest.raises(BadFilter):
        await reader.exchange("latest")


async def test_cut_body_says_so(store: SqliteStore, reader: StoreReader) -> None:
    """Head and tail are given at their places, with the true length."""
    one = record(response_bytes=1000, truncated=True)
    cut = finished(one, None)._replace(response=[(RESPONSE, 0, b"head"), (RESPONSE, 996, b"tail")])
    store.commit([cut], {})
    found = await reader.exchange(one.id)

    assert found.request is None
    assert found.response is not None
    assert ([(0, b"head"), (996, b"tail")], 1000) == found.response
    assert not found.response.is_whole


async def test_spend_adds_up_over_days(store: SqliteStore, reader: StoreReader) -> None:
    """Sums are exact integers, by every group, and bounded in time."""
    usage = Usage(input_total=10, output_total=5)
    store.commit(
        [
            finished(record(NOON_MS, cost_nano_usd=1, usage=usage)),
            finished(record(NOON_MS + DAY_MS, cost_nano_usd=10**12, usage=usage)),
            finished(
                record(NOON_MS + DAY_MS, team="web", cost_nano_usd=5, usage=None, model_served=None, provider=None)
            ),
        ],
        {},
    )

    assert [("search", 2, 20, 10, 10**12 + 1), ("web", 1, 0, 0, 5)] == [
        (one.name, one.requests, one.input_tokens, one.output_tokens, one.cost_nano_usd)
        for one in (await reader.spend("team")).rows
    ]
    assert ["search/ci", "web/ci"] == [one.name for one in (await reader.spend("key")).rows]
    assert ["gpt-4o-mini"] == [one.name for one in (await reader.spend("model")).rows]
    assert ["openai", "-"] == [one.name for one in (await reader.spend("provider")).rows]
    days = await reader.spend("day")
    assert [1, 10**12 + 5] == [one.cost_nano_usd for one in days.rows]
    assert [NOON_MS // 86_400_000 * 86_400 + day * 86_400 for day in (0, 1)] == [one.start_s for one in days.rows]
    assert 10**12 + 6 == days.total.cost_nano_usd
    assert 1 == len((await reader.spend("day", Query(since_ms=NOON_MS + 1))).rows)
    with pytest.raises(BadFilter, match="one of team"):
        await reader.spend("colour")


async def test_the_last_exchange_of_keys(store: SqliteStore, reader: StoreReader, tmp_path: Path) -> None:
    """The newest of each that is asked for; older days are looked at for those that were not found yet."""
    old, new, other, foreign = (
        record(NOON_MS - DAY_MS),
        record(),
        record(NOON_MS - DAY_MS, key="other"),
        record(NOON_MS - 2 * DAY_MS, team="web"),
    )
    store.commit([finished(one) for one in (old, new, other, foreign)], {})
    keys = {("search", "ci"), ("search", "other"), ("web", "ci"), ("web", "never")}
    found = await reader.last_of_keys(NOON_MS - DAY_MS, keys)

    assert {("search", "ci"): new.id, ("search", "other"): other.id} == found
    assert foreign.id == (await reader.last_of_keys(0, keys))["web", "ci"]
    (tmp_path / "2026-11-22.db").write_bytes(b"no database" * 999)
    assert new.id == (await reader.last_of_keys(0, {("search", "ci")}))["search", "ci"]


async def test_deadline_keeps_what_was_found(store: SqliteStore, tmp_path: Path) -> None:
    """A search that would take too long returns what it has, says that it is not all, and where to go on."""
    body = os.urandom(200_000).hex().encode()
    store.commit([finished(record(NOON_MS + number), body) for number in range(150)], {})
    page = await StoreReader(tmp_path, deadline_s=0.02).exchanges(Query(text="not there"))

    assert ([], False) == (page.records, page.complete)


async def test_reading_never_writes(store: SqliteStore, reader: StoreReader, tmp_path: Path) -> None:
    """Connections are read-only: not even a mistake in a query could change the log."""
    store.commit([finished(record())], {})
    with opened(tmp_path / "2026-11-23.db", Deadline(10.0)) as sql, pytest.raises(Exception, match="readonly"):
        sql.execute("DELETE FROM exchanges")


async def test_deleted_files_are_passed_over(store: SqliteStore, reader: StoreReader, tmp_path: Path) -> None:
    """A day file that retention unlinks leaves the other days as they are."""
    old, new = record(NOON_MS - DAY_MS), record(NOON_MS)
    store.commit([finished(old), finished(new)], {})
    delete(tmp_path, "2026-11-22.db*")

    assert [new] == (await reader.exchanges(Query())).records


async def test_cleanly_closed_files_of_others_are_readable() -> None:
    """Without a gateway running, in a folder that one may only read, the log can still be shown."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = SqliteStore(folder, Tally().count)
        one = record()
        store.commit([finished(one)], {})
        store.close()
        with read_only(folder):
            assert [one] == (await StoreReader(folder).exchanges(Query())).records


async def test_newer_files_are_refused(
    store: SqliteStore, reader: StoreReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of a later release is not shown half understood."""
    store.commit([finished(record())], {})
    monkeypatch.setattr(schema, "VERSION", 0)

    with pytest.raises(StoreRefused, match="pip install"):
        await reader.exchanges(Query())


async def test_what_is_no_day_file_says_so(tmp_path: Path) -> None:
    """A damaged file is an error at once."""
    (tmp_path / "2026-11-23.db").write_bytes(os.urandom(5_000))
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        await StoreReader(tmp_path).exchanges(Query())
