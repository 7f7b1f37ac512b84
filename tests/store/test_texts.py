"""With an index over the bodies a search finds what it finds without, only sooner."""

import asyncio
import sqlite3
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.journal.frame import RESPONSE
from gateway.metrics.totals import Tally
from gateway.store import texts
from gateway.store.interface import Query
from gateway.store.reader import StoreReader
from gateway.store.sqlite import SqliteStore
from tests.records import NOON_MS, finished, record

TEXT = st.text(st.sampled_from('abcAÉé"\\ \n漢字😀*'), max_size=12)


async def found(folder: Path, text: str) -> list[str]:
    """Return the sessions of what is found."""
    page = await StoreReader(folder).exchanges(Query(text=text))
    assert page.complete
    return [str(one.session) for one in page.records]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.one_of(TEXT.map(str.encode), TEXT.map(msgspec.json.encode), st.binary(max_size=9)), max_size=6), TEXT
)
@example([b'"caf\\u00e9 au lait"'], "café au")
@example([b"100 %* OR x"], "%* OR")
def test_index_finds_what_reading_finds(bodies: list[bytes], text: str) -> None:
    """Whatever stands in bodies and search."""

    answers = []
    for full_text in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            store = SqliteStore(Path(folder), Tally().count, full_text=full_text)
            batch = [finished(record(NOON_MS + at, session=str(at)), body, b"tail") for at, body in enumerate(bodies)]
            store.commit(batch, {})
            store.close()
            answers.append(asyncio.run(found(Path(folder), text)) if text else [])

    assert answers[0] == answers[1]


async def test_bodies_that_do_not_match_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is what the index is for; what is shorter than three characters it does not know."""
    store = SqliteStore(tmp_path, Tally().count, full_text=True)
    store.commit([finished(record(session=str(at)), b"body number %d of many" % at) for at in range(50)], {})
    store.close()
    read: list[bytes] = []
    monkeypatch.setattr("gateway.store.opening.decompress", lambda packed: read.append(packed[-1]) or packed[-1])

    assert ["7"] == await found(tmp_path, "number 7 of")
    assert 1 == len(read)
    assert 50 == len(await found(tmp_path, "of"))
    assert 51 == len(read)


async def test_amended_bodies_are_found_as_they_are_now(tmp_path: Path) -> None:
    """What came behind the end is in the index, and nothing twice: once forgotten, nothing of it is left."""
    store = SqliteStore(tmp_path, Tally().count, full_text=True)
    one = record(session="s", response_bytes=9)
    store.commit([finished(one, b"ask", b"first")], {})
    more = finished(one, None, None, amends=True)._replace(response=[(RESPONSE, 5, b" second")])
    for _ in range(2):
        store.commit([more], {})
    store.close()

    for text in ("first sec", "ask"):
        assert ["s"] == await found(tmp_path, text)
    sql = sqlite3.connect(tmp_path / "2026-11-23.db")
    ((seq,),) = sql.execute("SELECT seq FROM contents")
    sql.execute(texts.FORGET, (seq, texts.said([(0, b"ask")], [(0, b"first second")])))
    sql.execute("CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, texts, row)")
    assert [] == sql.execute("SELECT term FROM words").fetchall()
    sql.close()


async def test_index_is_decided_when_a_file_is_made(tmp_path: Path) -> None:
    """Switched on or off, every row of a file is in its index, or there is none."""
    for full_text in (False, True, False):
        store = SqliteStore(tmp_path, Tally().count, full_text=full_text)
        store.commit([finished(record(session=str(full_text)), b"needle")], {})
        store.close()

    assert 3 == len(await found(tmp_path, "needle"))
    sql = sqlite3.connect(tmp_path / "2026-11-23.db")
    assert None is sql.execute(texts.HAS_INDEX).fetchone()
    sql.close()


def test_short_texts_are_not_looked_up() -> None:
    """Trigrams know nothing of two characters; quotes are doubled."""
    assert None is texts.wanted("ab")
    assert '("abc")' == texts.wanted("abc")
    assert '("a""b")' in str(texts.wanted('a"b'))
