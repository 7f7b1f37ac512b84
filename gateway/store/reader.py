"""Reading the day files: lists by filters, one exchange with its bodies, sums; never writes, never for long."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from gateway.core.ids import started_ms
from gateway.core.record import Record
from gateway.core.score import Evaluation
from gateway.store import answers, judgements, schema
from gateway.store.answers import day_of
from gateway.store.dayview import DayView
from gateway.store.following import Following
from gateway.store.interface import (
    AmbiguousId,
    Counted,
    EvaluationPage,
    Exchange,
    NoSuchExchange,
    Page,
    Query,
    ScoreQuery,
    Spending,
)
from gateway.store.judgements import Scored
from gateway.store.opening import Deadline, connect, watched
from gateway.store.rollups_file import folded_days
from gateway.store.spending import spending

P = ParamSpec("P")
T = TypeVar("T")
# A function of a module, which another process can import, too.
Find = Callable[Concatenate[Path, Deadline, P], T]

DEADLINE_S: Final = 10.0
# Questions that are answered at the same time; others wait, and their deadline with them.
THREADS: Final = 4


class Answering(Protocol):
    """Lets somebody find an answer within so many seconds; where nobody waits for it any more, it is called off."""

    async def answer(self, find: Callable[..., T], folder: Path, allowed_s: float, *given: Any) -> T:
        """Return what `find` returns, and raise what it raises."""


class Threads:
    """Threads of this process find answers."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "store-reader")

    async def answer(self, find: Callable[..., T], folder: Path, allowed_s: float, *given: Any) -> T:
        """Let a thread find the answer."""
        deadline = Deadline(allowed_s)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, find, folder, deadline, *given)
        except asyncio.CancelledError:
            deadline.call_off()
            raise


class StoreReader:
    """Query the day files of `folder`; works with or without a running gateway, also before there is any file."""

    def __init__(self, folder: Path, *, deadline_s: float = DEADLINE_S, answering: Answering | None = None) -> None:
        self._folder = folder
        self._deadline_s = deadline_s
        self._answering = answering or Threads()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever stored here."""
        return not answers.days(self._folder)

    async def exchanges(self, query: Query) -> Page:
        """Return the newest exchanges that match; if time runs out, those found so far, and where to go on."""
        return await self._answer(answers.page, query)

    async def count(self, query: Query) -> Counted:
        """Count the exchanges that match, up to COUNTED_MOST."""
        return await self._answer(answers.counted, query)

    async def exchange(self, id_or_prefix: str) -> Exchange:
        """Return one exchange by its id or the beginning of it."""
        found = await self._answer(answers.by_id, id_or_prefix)
        if not found:
            raise NoSuchExchange(f"no exchange with id {id_or_prefix}")
        if len(found) > 1:
            raise AmbiguousId(f"several ids begin with {id_or_prefix}: {found[0].record.id}, {found[1].record.id}, …")
        return found[0]

    async def spend(self, by: str, query: Query | None = None, *, limit: int | None = None) -> Spending:
        """Add up what matches by a group of GROUPS, dearest first, or by a step of STEPS, in order."""
        return await self._answer(spending, query or Query(), by, None, limit)

    async def series(self, query: Query, step: str, by: str | None = None, *, limit: int | None = None) -> Spending:
        """Add up what matches over time, in steps of STEPS, in all or by a group; with how durations spread."""
        return await self._answer(spending, query, by, step, limit)

    def days(self, query: Query) -> list[str]:
        """Name the days within a query's bounds that have a file, oldest first."""
        return [path.stem for path in reversed(answers.days_within(self._folder, query))]

    def folded(self, query: Query) -> list[str]:
        """Name the days within a query's bounds of which only the sums are left, oldest first."""
        first = "" if query.since_ms is None else day_of(query.since_ms)
        last = "~" if query.until_ms is None else day_of(query.until_ms)
        return [day for day in folded_days(self._folder) if first <= day <= last]

    @asynccontextmanager
    async def view(self, day: str, query: Query) -> AsyncIterator[DayView]:
        """Look at what matches of a day as it is at this instant, without a deadline.

        As long as that lasts, what is committed to its file meanwhile cannot be folded into it.
        """
        sql = connect(self._folder / f"{day}.db")
        try:
            sql.text_factory = _as_text
            sql.execute("BEGIN")
            sql.execute("SELECT 1 FROM meta").fetchall()  # from here on nothing changes for us
            yield DayView(day, sql, query, whole=_is_whole(day, query))
        finally:
            sql.close()

    async def last_of_keys(self, since_ms: int, keys: Set[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Return the id of the newest exchange since then of each of these keys (team, name), where there is one."""
        return await self._answer(answers.newest_of_keys, since_ms, frozenset(keys))

    async def scores_of(self, exchange_ids: Iterable[str]) -> dict[str, list[Evaluation]]:
        """Return what was judged of each of these exchanges, oldest first; those of which nothing was are left out."""
        return await self._answer(answers.scores_of, list(exchange_ids))

    async def feedback(self, team: str, session: str, since_ms: int | None = None) -> list[Evaluation]:
        """Return what people and agents of a team said of one of its sessions, since then: the last words, oldest
        first."""
        return await self._answer(answers.feedback, team, session, since_ms)

    async def judged(self, record: Record) -> list[Evaluation]:
        """Return what was judged of an exchange, and said of its session."""
        found = (await self.scores_of([record.id])).get(record.id, [])
        if record.session is None:
            return found
        return found + await self.feedback(record.team, record.session, started_ms(record.id))

    async def evaluations(self, query: ScoreQuery) -> EvaluationPage:
        """Return the newest evaluations that match; if time runs out, those found so far, and where to go on."""
        return await self._answer(answers.evaluations, query)

    async def scored(self, query: ScoreQuery) -> AsyncIterator[list[Scored]]:
        """Give the scores of all evaluations that match, newest first, in portions; each has the deadline anew.

        What was said again of a session in a later day counts there alone.
        """
        last_words: set[bytes] = set()
        for day in answers.days(self._folder, query.since_ms, query.until_ms):
            place = judgements.place_of(query.before)
            while rows := await self._answer(answers.scored, day.stem, query, place):
                place = judgements.Place(rows[-1].exchange, rows[-1].evaluation)
                yield _last_words(rows, last_words)

    def following(self) -> Following:
        """Return what reads on from a position: every portion has the deadline anew."""
        return Following(lambda: answers.days(self._folder), lambda path: watched(path, Deadline(self._deadline_s)))

    async def _answer(self, find: Find[P, T], *given: P.args, **_: P.kwargs) -> T:
        return await self._answering.answer(find, self._folder, self._deadline_s, *given)


def _last_words(rows: list[Scored], seen: set[bytes]) -> list[Scored]:
    """Leave out what somebody said of a session again later. `seen`: what was said of sessions in later days."""
    words = {row.evaluation for row in rows if row.said and row.target is not None}
    if not words:
        return rows
    shown = [row for row in rows if row.evaluation not in seen]
    seen |= words
    return shown


def _as_text(data: bytes) -> str:
    """Read text that may be damaged: one such value must not hide the whole day."""
    return data.decode("utf-8", "replace")


def _is_whole(day: str, query: Query) -> bool:
    """Whether a query takes all rows of a day, as far as its bounds in time say."""
    begins_ms = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000
    from_there = query.since_ms is None or query.since_ms <= begins_ms
    return from_there and (query.until_ms is None or query.until_ms >= begins_ms + schema.DAY_MS)
