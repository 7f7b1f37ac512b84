"""What reaches the journal of an exchange of which not everything may be kept: when, and in which frames."""

import asyncio
import gc
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.record import Record, decode
from gateway.exchange.books import Entry
from gateway.exchange.redacted_entry import Keeping, RedactedEntry, new_entry
from gateway.exchange.redacting import WORK_BYTES
from gateway.journal.frame import AMEND, BEGIN, END, PART, REQUEST, RESPONSE
from gateway.journal.writer import Journal
from gateway.policies.redaction import DEFAULT
from tests.canaries import ALL
from tests.exchange.test_books import body, frames

CANARY = ALL[0]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path, "test")
    # Collecting the garbage of a whole run of tests would use up the time that a body may take.
    gc.disable()
    yield journal
    gc.enable()
    journal.close()


def entry(journal: Journal, *, bodies: str = "redacted", most_bytes: int = 1 << 20, **fields: object) -> Entry:
    """Open the books on an exchange."""
    record = Record(
        id="01a20a31-7720-71c7-8d56-4365b3ed0dd5", started_at="", team="t", key="k", attempts=[], bodies=bodies
    )
    for name, value in fields.items():
        setattr(record, name, value)
    keeping = Keeping(DEFAULT, most_bytes)
    return new_entry(journal, record, keeping, begun_ns=time.perf_counter_ns(), started_ns=0)


def written(folder: Path) -> bytes:
    """Everything that is in the journal."""
    return b"".join(path.read_bytes() for path in folder.glob("*.seg"))


async def test_bodies_come_redacted_with_the_end(journal: Journal, tmp_path: Path) -> None:
    """The beginning tells how long the request is, and nothing of it; true lengths stand in the end."""
    one = entry(journal, tags=[CANARY])
    asked = json.dumps({"messages": [{"content": CANARY}]}).encode()
    one.begin(asked)
    assert (BEGIN, []) == (frames(tmp_path)[0].kind, frames(tmp_path)[0].pieces)
    one.answer(asked)
    one.close("ok")

    begun, ended = frames(tmp_path)
    kept = asked.replace(CANARY.encode(), b"[secret]")
    assert (kept, kept) == (body([ended], REQUEST), body([ended], RESPONSE))
    record = decode(ended.meta)
    assert (len(asked), len(asked), 3) == (record.request_bytes, record.response_bytes, record.redactions)
    assert (len(asked), ["[secret]"]) == (decode(begun.meta).request_bytes, decode(begun.meta).tags)
    assert CANARY.encode() not in written(tmp_path)


async def test_long_request_is_read_in_turns(journal: Journal, tmp_path: Path) -> None:
    """The loop is free between them, and at the end only the rest is left to do; long bodies go ahead of the end."""
    one = entry(journal)
    asked = json.dumps([f"text {number} {CANARY}" for number in range(6_000)]).encode()
    one.begin(asked)
    assert isinstance(one, RedactedEntry)
    waiting = len(one._unread)
    assert waiting > 10
    await asyncio.sleep(0)
    assert waiting - 1 == len(one._unread)
    for _ in range(waiting):
        await asyncio.sleep(0)
    assert not one._unread
    one.close("ok")

    found = frames(tmp_path)
    assert {BEGIN, PART, END} == {frame.kind for frame in found}
    assert asked.replace(CANARY.encode(), b"[secret]") == body(found, REQUEST)
    assert 6_000 == decode(found[-1].meta).redactions
    assert waiting == -(-len(asked) // WORK_BYTES)


async def test_request_that_streams_through_is_kept_whole(journal: Journal, tmp_path: Path) -> None:
    """A canary may stand in two of its pieces."""
    one = entry(journal)
    text = json.dumps({"a": f"{CANARY} " * 500}).encode()
    one.begin(text[:100])
    for at in range(100, len(text), 1000):
        one.request(text[at : at + 1000])
    one.close("ok")

    found = frames(tmp_path)
    assert text.replace(CANARY.encode(), b"[secret]") == body(found, REQUEST)
    assert len(text) == decode(found[-1].meta).request_bytes


async def test_what_comes_behind_the_end_is_not_kept(journal: Journal, tmp_path: Path) -> None:
    """A secret might have begun before it: what was written cannot be taken back."""
    one = entry(journal)
    one.begin(b"{}")
    one.answer(b'{"a":"b"}')
    one.close("ok")
    one.answer(CANARY.encode())
    one.amend()

    found = frames(tmp_path)
    assert AMEND == found[-1].kind
    assert b'{"a":"b"}' == body(found, RESPONSE)
    assert 9 + len(CANARY) == decode(found[-1].meta).response_bytes
    assert decode(found[-1].meta).truncated


async def test_cut_body_says_so(journal: Journal, tmp_path: Path) -> None:
    """Its beginning is kept."""
    one = entry(journal, most_bytes=50)
    one.begin(json.dumps({"a": "hello " * 50}).encode())
    one.close("ok")

    found = frames(tmp_path)
    assert decode(found[-1].meta).truncated
    assert body(found, REQUEST).startswith(b'{"a": "hello hello')


async def test_nothing_is_kept_where_nothing_may_be(journal: Journal, tmp_path: Path) -> None:
    """And what the record quotes is redacted, as it is where more may be kept."""
    one = entry(journal, bodies="none", most_bytes=0)
    one.begin(b'{"a":"b"}')
    one.answer(b'{"a":"b"}')
    one.record.error = f"no {CANARY}"
    one.close("client_error")

    found = frames(tmp_path)
    assert [] == [piece for frame in found for piece in frame.pieces]
    assert ("no [secret]", 9) == (decode(found[-1].meta).error, decode(found[-1].meta).response_bytes)


async def test_what_may_be_kept_whole_costs_nothing(journal: Journal) -> None:
    """Only who asks for less pays for it."""
    assert type(entry(journal, bodies="full")) is Entry
