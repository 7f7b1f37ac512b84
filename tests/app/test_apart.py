"""Answers of another process are those of this one; it comes and goes, and dies of a question at nobody else's cost."""

import asyncio
import os
import pickle
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from gateway.app.apart import Apart, framed, taken
from gateway.metrics.alive import is_alive
from gateway.metrics.totals import Tally
from gateway.store.filters import BadFilter
from gateway.store.interface import AmbiguousId, NoAnswer, NoSuchExchange, Query, ScoreQuery, StoreBusy, StoreRefused
from gateway.store.opening import QueryTimeout
from gateway.store.reader import StoreReader
from gateway.store.sqlite import SqliteStore
from tests.app import finds
from tests.http.uv import until
from tests.records import DAY_MS, NOON_MS, finished, record

LONG_S = 60.0


@asynccontextmanager
async def apart(idle_s: float = LONG_S) -> AsyncIterator[Apart]:
    """Have answers found elsewhere, and end that."""
    other = Apart(idle_s=idle_s)
    try:
        yield other
    finally:
        await other.close()


@contextmanager
def stored(folder: Path) -> Iterator[list[str]]:
    """Have a store of some days; give the ids."""
    store = SqliteStore(folder, Tally().count)
    records = [record(NOON_MS + at * DAY_MS, session="s", cost_nano_usd=at) for at in range(3)]
    store.commit([finished(one, b"asked", os.urandom(300_000)) for one in records], {})
    yield [one.id for one in records]
    store.close()


async def answers(reader: StoreReader, ids: list[str]) -> list[object]:
    """Ask for everything that can be asked for."""
    return [
        await reader.exchanges(Query(limit=2)),
        await reader.count(Query(session="s")),
        await reader.exchange(ids[0]),
        await reader.spend("session", Query(), limit=1),
        await reader.series(Query(), "day", "team"),
        await reader.last_of_keys(0, {("search", "ci")}),
        await reader.scores_of(ids),
        await reader.feedback("search", "s"),
        await reader.evaluations(ScoreQuery()),
        [each async for each in reader.scored(ScoreQuery())],
    ]


async def test_answers_are_those_of_threads(tmp_path: Path) -> None:
    """All of them, bodies of many pieces of a socket included."""
    async with apart() as other:
        with stored(tmp_path) as ids:
            expected = await answers(StoreReader(tmp_path), ids)
            found = await answers(StoreReader(tmp_path, answering=other), ids)

    assert expected == found


async def test_what_goes_wrong_there_is_raised_here(tmp_path: Path) -> None:
    """With the same words, and where nobody expects it, with its traceback."""
    (tmp_path / "2026-11-23.db").write_bytes(b"no database" * 999)
    async with apart() as other:
        reader = StoreReader(tmp_path, answering=other)
        with pytest.raises(BadFilter, match=r"one of team, .* not 'luck'") as bad:
            await reader.spend("luck")
        with pytest.raises(Exception, match="file is not a database"):
            await reader.exchanges(Query())
        with pytest.raises(NoSuchExchange):
            await reader.exchange("0199")
        with pytest.raises(LookupError, match=r"where is it\?") as failed:
            await other.answer(finds.failing, tmp_path, LONG_S)
        with pytest.raises(RuntimeError, match="function cannot be told"):
            await other.answer(finds.unspeakable, tmp_path, LONG_S)
        with pytest.raises(RuntimeError, match=r"Unmade\(3\) cannot be told"):
            await other.answer(finds.unmade, tmp_path, LONG_S)

    assert "by" == bad.value.name
    assert "in failing" in "".join(failed.value.__notes__)


@pytest.mark.parametrize(
    "error", [BadFilter("by", "no"), *(kind("no") for kind in (QueryTimeout, StoreRefused, StoreBusy, AmbiguousId))]
)
def test_errors_of_the_store_survive_the_way(error: Exception) -> None:
    """A kind of error that cannot be made again would end the connection."""
    there = pickle.loads(pickle.dumps(error))

    assert (type(error), str(error), vars(error)) == (type(there), str(there), vars(there))


async def test_it_goes_last(tmp_path: Path) -> None:
    """Traffic, and the ledger, come first."""
    async with apart() as other:
        found = await other.answer(finds.priority, tmp_path, LONG_S)

    assert (19, os.SCHED_IDLE) == found


async def test_ctrl_c_is_not_for_it_to_decide(tmp_path: Path) -> None:
    """It reaches every process of a terminal, and the recorder may have something to ask yet."""
    async with apart() as other:
        pid = await other.answer(finds.process, tmp_path, LONG_S)
        os.kill(pid, signal.SIGINT)

        assert pid == await other.answer(finds.process, tmp_path, LONG_S)


async def test_it_is_there_while_it_is_asked(tmp_path: Path) -> None:
    """One process for many questions; gone when there were none for a while, and there again for the next."""
    async with apart(idle_s=0.0) as other:
        first, second = await asyncio.gather(*(other.answer(finds.process, tmp_path, LONG_S) for _ in range(2)))
        await until(lambda: not is_alive(first))
        third = await other.answer(finds.process, tmp_path, LONG_S)

    assert first == second != third
    assert not is_alive(third)


async def test_it_stays_for_a_question_that_is_under_way(tmp_path: Path) -> None:
    """However long that takes: nobody asks it anything else meanwhile."""
    async with apart() as other:
        await other.answer(finds.process, tmp_path, LONG_S)
        going = other._going
        long = asyncio.create_task(other.answer(finds.waiting, tmp_path, LONG_S, "begun", "ended"))
        await until((tmp_path / "begun").exists)
        await other.answer(finds.process, tmp_path, LONG_S)
        long.cancel()
        await asyncio.gather(long, return_exceptions=True)
        await until((tmp_path / "ended").exists)

    assert going is not None
    assert going.cancelled()
    assert going is not other._going


async def test_what_nobody_waits_for_is_called_off(tmp_path: Path) -> None:
    """Else four who gave up would keep all others from asking."""
    async with apart() as other:
        asked = [
            asyncio.create_task(other.answer(finds.waiting, tmp_path, LONG_S, f"begun{at}", f"ended{at}"))
            for at in range(4)
        ]
        await until(lambda: len(list(tmp_path.glob("begun*"))) == 4)
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        await other.answer(finds.process, tmp_path, LONG_S)
        await until(lambda: len(list(tmp_path.glob("ended*"))) == 4)


async def test_a_deadline_holds_there(tmp_path: Path) -> None:
    """It is the answerer's to keep, so that what was found by then is told."""
    async with apart() as other:
        await other.answer(finds.waiting, tmp_path, 0.01, "begun", "ended")

    assert (tmp_path / "ended").exists()


async def test_who_is_stopped_answers_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it gets no processor, the asker is told instead of waiting for ever."""
    monkeypatch.setattr("gateway.app.apart.LATE_S", 0.01)
    async with apart() as other:
        pid = await other.answer(finds.process, tmp_path, LONG_S)
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(QueryTimeout, match="since traffic goes first: ask for less"):
                await other.answer(finds.process, tmp_path, 0.01)
        finally:
            os.kill(pid, signal.SIGCONT)


async def test_the_end_waits_for_nobody(tmp_path: Path) -> None:
    """Who gets no processor would keep the recorder from ending."""
    async with apart() as other:
        pid = await other.answer(finds.process, tmp_path, LONG_S)
        os.kill(pid, signal.SIGSTOP)

    assert not is_alive(pid)


async def test_a_death_is_told_and_a_leave_is_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Once, in the recorder's own log."""
    async with apart() as other:
        await other.answer(finds.process, tmp_path, LONG_S)
    assert [] == caplog.messages
    async with apart() as other:
        await other.answer(finds.dying, tmp_path, LONG_S, 1)
        await until(lambda: caplog.messages)

    assert ["the process that looks for answers has died"] == caplog.messages


@pytest.mark.parametrize(("deaths", "expected"), [(0, 0), (1, 1)])
async def test_a_death_is_made_up_for(tmp_path: Path, deaths: int, expected: int) -> None:
    """A question changes nothing, so it can be asked again."""
    async with apart() as other:
        found = await other.answer(finds.dying, tmp_path, LONG_S, deaths)

    assert expected == found


async def test_who_kills_it_each_time_is_refused(tmp_path: Path) -> None:
    """And others are answered by the next one."""
    async with apart() as other:
        with pytest.raises(NoAnswer, match="has died of this question, twice: ask for less"):
            await other.answer(finds.dying, tmp_path, LONG_S, 99)
        assert await other.answer(finds.dying, tmp_path, LONG_S, 2) == 2


async def test_others_do_not_answer_for_who_kills_it(tmp_path: Path) -> None:
    """All that was under way dies with the process, once; then each is asked alone."""
    async with apart() as other:
        asked = [other.answer(finds.harmless, tmp_path, LONG_S, name) for name in range(3)]
        killer = other.answer(finds.dying_beside, tmp_path, LONG_S, 3)
        found = await asyncio.gather(killer, *asked, return_exceptions=True)

    assert [0, 1, 2] == found[1:]
    assert isinstance(found[0], NoAnswer)


async def test_after_the_end_nobody_is_asked(tmp_path: Path) -> None:
    """Neither what comes then nor what was under way starts another process."""
    async with apart() as other:
        long = asyncio.create_task(other.answer(finds.waiting, tmp_path, LONG_S, "begun", "ended"))
        await until((tmp_path / "begun").exists)
        await other.close()
        for asked in (long, other.answer(finds.process, tmp_path, LONG_S)):
            with pytest.raises(NoAnswer, match="the gateway ends"):
                await asked


async def test_where_no_process_can_be_had_the_question_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recorder has other things to do than to find answers."""
    monkeypatch.setattr("gateway.app.apart.sys.executable", str(tmp_path / "nothing"))
    async with apart() as other:
        with pytest.raises(NoAnswer, match="no process to look for answers can be started"):
            await other.answer(finds.process, tmp_path, LONG_S)


def test_messages_come_in_any_pieces() -> None:
    """Byte by byte, and several at once."""
    told = [("a", 1), {"x": b"y" * 10}]
    heard, found = bytearray(), []
    for byte in b"".join(map(framed, told)):
        heard.append(byte)
        if (message := taken(heard)) is not None:
            found.append(message)
    heard += b"".join(map(framed, told))
    found += [taken(heard), taken(heard), taken(heard)]

    assert [*told, *told, None] == found
