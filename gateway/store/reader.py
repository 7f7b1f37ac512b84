"""Reading the day files: lists by filters, one exchange with its bodies, sums; never writes, never for long."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from gateway.core.ids import started_ms
from gateway.core.record import Record
from gateway.core.score import Evaluation
from gateway.store import judgements, scan, schema
from gateway.store.dayview import DayView, exchange_of
from gateway.store.filters import id_bounds, key_of
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
from gateway.store.opening import Deadline, QueryTimeout, connect, opened, watched
from gateway.store.rollups_file import folded_days
from gateway.store.spending import spending

T = TypeVar("T")

DEADLINE_S = 10.0
COUNTED_MOST = 10_000
# Questions that are answered at the same time; others wait, and their deadline with them.
THREADS = 4
# When was each key used last, and by which exchange: the sums know the first, so that few rows are looked at.
_LAST_OF_KEYS = "SELECT team, key, max(last_ms) AS last FROM claims GROUP BY team, key HAVING last >= ?"
_NEWEST_OF_KEY = """SELECT max(exchanges.id) FROM exchanges CROSS JOIN kinds USING (kind)
    WHERE exchanges.id >= ? AND exchanges.id < ? AND team = ? AND key = ?"""


class StoreReader:
    """Query the day files of `folder`; works with or without a running gateway, also before there is any file."""

    def __init__(self, folder: Path, *, deadline_s: float = DEADLINE_S) -> None:
        self._folder = folder
        self._deadline_s = deadline_s
        self._threads = ThreadPoolExecutor(THREADS, "store-reader")

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever stored here."""
        return not self._days()

    async def exchanges(self, query: Query) -> Page:
        """Return the newest exchanges that match; if time runs out, those found so far, and where to go on."""
        return await self._answer(lambda deadline: self._page(query, deadline))

    async def count(self, query: Query) -> Counted:
        """Count the exchanges that match, up to COUNTED_MOST."""
        return await self._answer(lambda deadline: self._counted(query, deadline))

    async def exchange(self, id_or_prefix: str) -> Exchange:
        """Return one exchange by its id or the beginning of it."""
        found = await self._answer(lambda deadline: self._by_id(id_or_prefix, deadline))
        if not found:
            raise NoSuchExchange(f"no exchange with id {id_or_prefix}")
        if len(found) > 1:
            raise AmbiguousId(f"several ids begin with {id_or_prefix}: {found[0].record.id}, {found[1].record.id}, …")
        return found[0]

    async def spend(self, by: str, query: Query | None = None, *, limit: int | None = None) -> Spending:
        """Add up what matches by a group of GROUPS, dearest first, or by a step of STEPS, in order."""
        wanted = query or Query()
        return await self._answer(lambda deadline: spending(self._folder, wanted, by, None, deadline, limit=limit))

    async def series(self, query: Query, step: str, by: str | None = None, *, limit: int | None = None) -> Spending:
        """Add up what matches over time, in steps of STEPS, in all or by a group; with how durations spread."""
        return await self._answer(lambda deadline: spending(self._folder, query, by, step, deadline, limit=limit))

    def days(self, query: Query) -> list[str]:
        """Name the days within a query's bounds that have a file, oldest first."""
        return [path.stem for path in reversed(self._days_within(query))]

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
        return await self._answer(lambda deadline: self._newest_of(since_ms, keys, deadline))

    async def scores_of(self, exchange_ids: Iterable[str]) -> dict[str, list[Evaluation]]:
        """Return what was judged of each of these exchanges, oldest first; those of which nothing was are left out."""
        ids = list(exchange_ids)
        return await self._answer(lambda deadline: self._scores_of(ids, deadline))

    async def feedback(self, team: str, session: str, since_ms: int | None = None) -> list[Evaluation]:
        """Return what people and agents of a team said of one of its sessions, since then: the last words, oldest
        first."""
        return await self._answer(lambda deadline: self._feedback(team, session, since_ms, deadline))

    async def judged(self, record: Record) -> list[Evaluation]:
        """Return what was judged of an exchange, and said of its session."""
        found = (await self.scores_of([record.id])).get(record.id, [])
        if record.session is None:
            return found
        return found + await self.feedback(record.team, record.session, started_ms(record.id))

    async def evaluations(self, query: ScoreQuery) -> EvaluationPage:
        """Return the newest evaluations that match; if time runs out, those found so far, and where to go on."""
        return await self._answer(lambda deadline: self._evaluations(query, deadline))

    async def scored(self, query: ScoreQuery) -> AsyncIterator[list[Scored]]:
        """Give the scores of all evaluations that match, newest first, in portions; each has the deadline anew.

        What was said again of a session in a later day counts there alone.
        """
        last_words: set[bytes] = set()
        for day in self._days(query.since_ms, query.until_ms):
            place = judgements.place_of(query.before)
            while rows := await self._answer(partial(_portion, day, query, place)):
                place = judgements.Place(rows[-1].exchange, rows[-1].evaluation)
                yield _last_words(rows, last_words)

    def following(self) -> Following:
        """Return what reads on from a position: every portion has the deadline anew."""
        return Following(self._days, lambda path: watched(path, Deadline(self._deadline_s)))

    async def _answer(self, find: Callable[[Deadline], T]) -> T:
        """Let a thread find the answer; where nobody waits for it any more, it stops."""
        deadline = Deadline(self._deadline_s)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, find, deadline)
        except asyncio.CancelledError:
            deadline.call_off()
            raise

    def _page(self, query: Query, deadline: Deadline) -> Page:
        records: list[Record] = []
        looked_until_ms: int | None = None
        try:
            for day in self._days_within(query):
                with suppress(FileNotFoundError), opened(day, deadline) as sql:
                    for where in scan.stretches(sql, query):
                        records.extend(scan.matches(sql, query, where, query.limit + 1 - len(records)))
                        looked_until_ms = where.first_ms
                        if len(records) > query.limit:
                            shown = records[: query.limit]
                            return Page(shown, shown[-1].id, complete=True)
        except QueryTimeout:
            # What stands before this was looked at: a search that found nothing yet can go on there.
            return Page(records, _cursor(records, looked_until_ms), complete=False)
        return Page(records, None, complete=True)

    def _counted(self, query: Query, deadline: Deadline) -> Counted:
        found = 0
        try:
            for day in self._days_within(query):
                with suppress(FileNotFoundError), opened(day, deadline) as sql:
                    for where in scan.stretches(sql, query):
                        found += scan.count(sql, query, where, COUNTED_MOST + 1 - found)
                        if found > COUNTED_MOST:
                            return Counted(COUNTED_MOST, capped=True, complete=True)
        except QueryTimeout:
            return Counted(found, capped=False, complete=False)
        return Counted(found, capped=False, complete=True)

    def _by_id(self, id_or_prefix: str, deadline: Deadline) -> list[Exchange]:
        lowest, highest = id_bounds(id_or_prefix)
        found: list[Exchange] = []
        for day in self._days(schema.ms_of(lowest), schema.ms_of(highest)):
            with suppress(FileNotFoundError), opened(day, deadline) as sql:
                found += [exchange_of(row) for row in sql.execute(schema.SELECT_BETWEEN, (lowest, highest))]
        return found

    def _scores_of(self, ids: Sequence[str], deadline: Deadline) -> dict[str, list[Evaluation]]:
        found: dict[str, list[Evaluation]] = {}
        by_day: defaultdict[str, list[str]] = defaultdict(list)
        for one in ids:
            by_day[day_of(started_ms(one))].append(one)
        for day, some in by_day.items():
            with suppress(FileNotFoundError), opened(self._folder / f"{day}.db", deadline) as sql:
                for one in some:
                    if judged := judgements.of_exchange(sql, key_of(one)):
                        found[one] = judged
        return found

    def _feedback(self, team: str, session: str, since_ms: int | None, deadline: Deadline) -> list[Evaluation]:
        found: dict[str, Evaluation] = {}
        for day in reversed(self._days(since_ms)):
            with suppress(FileNotFoundError), opened(day, deadline) as sql:
                found |= {one.id: one for one in judgements.of_session(sql, team, session)}
        return sorted(found.values(), key=lambda one: one.created_at)

    def _evaluations(self, query: ScoreQuery, deadline: Deadline) -> EvaluationPage:
        found: list[tuple[judgements.Place, Evaluation]] = []
        place = judgements.place_of(query.before)
        try:
            for day in self._days(query.since_ms, query.until_ms):
                with suppress(FileNotFoundError), opened(day, deadline) as sql:
                    found += judgements.page(sql, query, place, query.limit + 1 - len(found))
                if len(found) > query.limit:
                    return _evaluation_page(found[: query.limit], complete=True)
        except QueryTimeout:
            return _evaluation_page(found, complete=False)
        return EvaluationPage([one for _, one in found], None, complete=True)

    def _newest_of(self, since_ms: int, keys: Set[tuple[str, str]], deadline: Deadline) -> dict[tuple[str, str], str]:
        found: dict[tuple[str, str], str] = {}
        for day in self._days(since_ms):
            if keys <= found.keys():
                break
            with suppress(FileNotFoundError), opened(day, deadline) as sql:
                for team, key, last_ms in sql.execute(_LAST_OF_KEYS, (since_ms,)).fetchall():
                    if (team, key) not in found:
                        bounds = schema.first_key(last_ms), schema.first_key(last_ms + 1)
                        (newest,) = sql.execute(_NEWEST_OF_KEY, (*bounds, team, key)).fetchone()
                        found[team, key] = str(UUID(bytes=newest))
        return found

    def _days(self, first_ms: int | None = None, last_ms: int | None = None) -> list[Path]:
        """List the day files, newest first."""
        first = "" if first_ms is None else day_of(first_ms)
        last = "~" if last_ms is None else day_of(last_ms)
        paths = sorted(self._folder.glob("????-??-??.db"), reverse=True)
        return [path for path in paths if first <= path.stem <= last]

    def _days_within(self, query: Query) -> list[Path]:
        return self._days(*scan.bounds(query))


def _evaluation_page(found: Sequence[tuple[judgements.Place, Evaluation]], *, complete: bool) -> EvaluationPage:
    cursor = f"{found[-1][1].exchange}.{found[-1][1].id}" if found else None
    return EvaluationPage([one for _, one in found], cursor, complete)


def _portion(day: Path, query: ScoreQuery, before: judgements.Place, deadline: Deadline) -> list[Scored]:
    try:
        with opened(day, deadline) as sql:
            return judgements.portion(sql, query, before)
    except FileNotFoundError:
        return []


def _last_words(rows: list[Scored], seen: set[bytes]) -> list[Scored]:
    """Leave out what somebody said of a session again later. `seen`: what was said of sessions in later days."""
    words = {row.evaluation for row in rows if row.said and row.target is not None}
    if not words:
        return rows
    shown = [row for row in rows if row.evaluation not in seen]
    seen |= words
    return shown


def day_of(instant_ms: int) -> str:
    """Name the day of an instant; far-off instants are cut to the calendar's range."""
    seconds = min(max(instant_ms // 1000, 0), 253_402_300_799)
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _cursor(records: list[Record], looked_until_ms: int | None) -> str | None:
    if records:
        return records[-1].id
    return None if looked_until_ms is None else str(UUID(bytes=schema.first_key(looked_until_ms)))


def _as_text(data: bytes) -> str:
    """Read text that may be damaged: one such value must not hide the whole day."""
    return data.decode("utf-8", "replace")


def _is_whole(day: str, query: Query) -> bool:
    """Whether a query takes all rows of a day, as far as its bounds in time say."""
    begins_ms = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000
    from_there = query.since_ms is None or query.since_ms <= begins_ms
    return from_there and (query.until_ms is None or query.until_ms >= begins_ms + schema.DAY_MS)
