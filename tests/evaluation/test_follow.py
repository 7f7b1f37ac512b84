"""What is new is read once, in order, and what is kept of an exchange is given as it is kept."""

import os
from pathlib import Path

import pytest

from gateway.core.record import decode
from gateway.evaluation.follow import CONVERSATION_MOST, Ends, Follow
from gateway.metrics.totals import Tally
from gateway.store.sqlite import SqliteStore
from tests.records import DAY_MS, NOON_MS, finished, record

TODAY, YESTERDAY = "2026-11-23", "2026-11-22"


@pytest.fixture
def store(tmp_path: Path):  # type: ignore[no-untyped-def]
    """A store that stays open, as the recorder's does."""
    store = SqliteStore(tmp_path, Tally().count)
    yield store
    store.close()


def test_each_exchange_is_read_once(store: SqliteStore, tmp_path: Path) -> None:
    """From the cursors on, also what comes late for an older day."""
    follow = Follow(tmp_path)
    old, new, late = record(), record(NOON_MS + 1), record(NOON_MS - DAY_MS)
    store.commit([finished(old)], {})
    cursors = follow.end()
    nothing = follow.read(cursors)
    store.commit([finished(new), finished(late)], {})
    batch = follow.read(cursors)

    assert ([], {}, False) == nothing[:3]
    assert [(YESTERDAY, late), (TODAY, new)] == [(row.day, row.record) for row in batch.rows]
    assert batch.cursors == follow.end()
    assert [] == follow.read(batch.cursors).rows


def test_file_at_rest_is_not_opened_again(store: SqliteStore, tmp_path: Path) -> None:
    """Unless somebody did not get beyond an earlier place: what was read may not have been committed."""
    store.commit([finished(record())], {})
    store.close()
    path = tmp_path / f"{TODAY}.db"
    follow, ends = Follow(tmp_path), Ends()
    os.utime(path, (1, 1))
    first, again = follow.read({}), follow.read({})
    ends.note(TODAY, 100.0, 7)

    assert (1, 1, 0) == (len(first.rows), len(again.rows), len(follow.read(first.cursors).rows))
    assert [True, False] == [ends.is_read(path, cursor) for cursor in (7, 6)]
    os.utime(path, (99, 99))
    assert not ends.is_read(path, 7)


def test_portions_are_bounded(store: SqliteStore, tmp_path: Path) -> None:
    """Over all files, and nothing is skipped between them."""
    records = [record(NOON_MS + (number - 5) * DAY_MS // 5) for number in range(12)]
    store.commit([finished(each) for each in records], {})
    follow, cursors, found, sizes = Follow(tmp_path), {}, [], []
    while True:
        batch = follow.read(cursors, 5)
        cursors |= batch.cursors
        found += batch.rows
        sizes.append((len(batch.rows), batch.is_behind))
        if not batch.is_behind:
            break

    assert [(5, True), (5, True), (2, False)] == sizes
    assert sorted(each.id for each in records) == sorted(row.record.id for row in found)


def test_damaged_row_holds_nobody_up(store: SqliteStore, tmp_path: Path) -> None:
    """It is counted, and passed over."""
    store.commit([finished(record()), finished(record())], {})
    with store.open_day(tmp_path / f"{TODAY}.db") as day:
        day.sql.execute("UPDATE contents SET record = x'7b' WHERE seq = (SELECT min(seq) FROM contents)")
    batch = Follow(tmp_path).read({})

    assert (1, 1, follow_end(tmp_path)) == (len(batch.rows), batch.unreadable, batch.cursors)


def follow_end(folder: Path) -> dict[str, int]:
    """Return where the log ends."""
    return Follow(folder).end()


def test_past_is_what_began_in_a_stretch(store: SqliteStore, tmp_path: Path) -> None:
    """From a place on, in portions; from its first millisecond until before its last one."""
    records = [record(NOON_MS + offset) for offset in (-DAY_MS, -1, 0, 5, 10, 2 * DAY_MS)]
    store.commit([finished(each) for each in records], {})
    follow = Follow(tmp_path)
    all_of_it = [row.record for batch in follow.past(NOON_MS - DAY_MS, NOON_MS + 10, most=2) for row in batch.rows]
    first, *_ = follow.past(NOON_MS - DAY_MS, NOON_MS + 10, most=2)
    second, *_ = follow.past(NOON_MS - 1, NOON_MS + 10, most=2)
    ((day, seq),) = second.cursors.items()
    rest = [row.record for batch in follow.past(NOON_MS - 1, NOON_MS + 10, day, seq) for row in batch.rows]

    assert records[:4] == all_of_it
    assert records[:1] == [row.record for row in first.rows]
    assert records[3:4] == rest


def test_bodies_are_given_as_they_are_kept(store: SqliteStore, tmp_path: Path) -> None:
    """With the record as it stands, and their true length; what is gone is not among them."""
    whole, cut = record(request_bytes=7, response_bytes=7), record(request_bytes=70, response_bytes=7, truncated=True)
    bare = record()
    store.commit([finished(whole), finished(cut), finished(bare, None, None)], {})
    follow = Follow(tmp_path)
    seqs = [row.seq for row in follow.read({}).rows]
    kept = follow.keep(TODAY, [*seqs, 1])

    assert seqs == sorted(kept)
    first, second, third = (kept[seq] for seq in seqs)
    assert [whole, cut, bare] == [decode(each.record) for each in (first, second, third)]
    assert ([(0, b'{"a":1}')], 7, [(0, b'{"b":2}')], 7) == (
        first.request,
        first.request_bytes,
        first.response,
        first.response_bytes,
    )
    assert ([(0, b'{"a":1}')], 70) == (second.request, second.request_bytes)
    assert (None, 0, None, 0) == (third.request, third.request_bytes, third.response, third.response_bytes)
    assert {} == follow.keep("2020-01-01", seqs)


def test_conversation_is_the_exchanges_of_a_session_in_order(store: SqliteStore, tmp_path: Path) -> None:
    """Of that team, up to the one that was last, over midnight; a name with wildcards is only itself."""
    name = "s[1]*"
    mine = [
        record(NOON_MS - DAY_MS + 1, session=name),
        record(NOON_MS, session=name),
        record(NOON_MS + 5, session=name),
    ]
    other = [record(NOON_MS + 1, session="s1x"), record(NOON_MS + 2, session=name, team="web")]
    store.commit([finished(each) for each in (*mine, *other)], {})
    follow = Follow(tmp_path)
    place = follow.place(mine[1].id, TODAY)
    assert place is not None

    assert mine[:2] == [decode(each.record) for each in follow.conversation("search", name, TODAY, place)]
    assert [] == follow.conversation("search", "nobody", TODAY, place)
    assert follow.place(mine[0].id, TODAY) is None


def test_conversation_is_bounded(store: SqliteStore, tmp_path: Path) -> None:
    """The newest of it."""
    records = [record(NOON_MS + number, session="s") for number in range(CONVERSATION_MOST + 50)]
    store.commit([finished(each) for each in records], {})
    follow = Follow(tmp_path)
    found = follow.conversation("search", "s", TODAY, max(follow.end().values()))

    assert records[50:] == [decode(each.record) for each in found]
