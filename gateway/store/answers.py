"""What do the day files answer? Each function here looks through a folder's files until its deadline.

They take nothing but values and return nothing else, so that another process can be asked, too.
"""

from collections import defaultdict
from collections.abc import Sequence, Set
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from gateway.core.ids import started_ms
from gateway.core.record import Record
from gateway.core.score import Evaluation
from gateway.store import judgements, scan, schema
from gateway.store.dayview import exchange_of
from gateway.store.filters import id_bounds, key_of
from gateway.store.interface import Counted, EvaluationPage, Exchange, Page, Query, ScoreQuery
from gateway.store.judgements import Scored
from gateway.store.opening import Deadline, QueryTimeout, opened

COUNTED_MOST = 10_000
# When was each key used last, and by which exchange: the sums know the first, so that few rows are looked at.
_LAST_OF_KEYS = "SELECT team, key, max(last_ms) AS last FROM claims GROUP BY team, key HAVING last >= ?"
_NEWEST_OF_KEY = """SELECT max(exchanges.id) FROM exchanges CROSS JOIN kinds USING (kind)
    WHERE exchanges.id >= ? AND exchanges.id < ? AND team = ? AND key = ?"""


def page(folder: Path, deadline: Deadline, query: Query) -> Page:
    """Return the newest exchanges that match; if time runs out, those found so far, and where to go on."""
    records: list[Record] = []
    looked_until_ms: int | None = None
    try:
        for day in days_within(folder, query):
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


def counted(folder: Path, deadline: Deadline, query: Query) -> Counted:
    """Count the exchanges that match, up to COUNTED_MOST."""
    found = 0
    try:
        for day in days_within(folder, query):
            with suppress(FileNotFoundError), opened(day, deadline) as sql:
                for where in scan.stretches(sql, query):
                    found += scan.count(sql, query, where, COUNTED_MOST + 1 - found)
                    if found > COUNTED_MOST:
                        return Counted(COUNTED_MOST, capped=True, complete=True)
    except QueryTimeout:
        return Counted(found, capped=False, complete=False)
    return Counted(found, capped=False, complete=True)


def by_id(folder: Path, deadline: Deadline, id_or_prefix: str) -> list[Exchange]:
    """Return the exchanges whose id begins so."""
    lowest, highest = id_bounds(id_or_prefix)
    found: list[Exchange] = []
    for day in days(folder, schema.ms_of(lowest), schema.ms_of(highest)):
        with suppress(FileNotFoundError), opened(day, deadline) as sql:
            found += [exchange_of(row) for row in sql.execute(schema.SELECT_BETWEEN, (lowest, highest))]
    return found


def scores_of(folder: Path, deadline: Deadline, ids: Sequence[str]) -> dict[str, list[Evaluation]]:
    """Return what was judged of each of these exchanges, oldest first; those of which nothing was are left out."""
    found: dict[str, list[Evaluation]] = {}
    by_day: defaultdict[str, list[str]] = defaultdict(list)
    for one in ids:
        by_day[day_of(started_ms(one))].append(one)
    for day, some in by_day.items():
        with suppress(FileNotFoundError), opened(folder / f"{day}.db", deadline) as sql:
            for one in some:
                if judged := judgements.of_exchange(sql, key_of(one)):
                    found[one] = judged
    return found


def feedback(folder: Path, deadline: Deadline, team: str, session: str, since_ms: int | None) -> list[Evaluation]:
    """Return what people and agents of a team said of one of its sessions, since then: the last words, oldest first."""
    found: dict[str, Evaluation] = {}
    for day in reversed(days(folder, since_ms)):
        with suppress(FileNotFoundError), opened(day, deadline) as sql:
            found |= {one.id: one for one in judgements.of_session(sql, team, session)}
    return sorted(found.values(), key=lambda one: one.created_at)


def evaluations(folder: Path, deadline: Deadline, query: ScoreQuery) -> EvaluationPage:
    """Return the newest evaluations that match; if time runs out, those found so far, and where to go on."""
    found: list[tuple[judgements.Place, Evaluation]] = []
    place = judgements.place_of(query.before)
    try:
        for day in days(folder, query.since_ms, query.until_ms):
            with suppress(FileNotFoundError), opened(day, deadline) as sql:
                found += judgements.page(sql, query, place, query.limit + 1 - len(found))
            if len(found) > query.limit:
                return _evaluation_page(found[: query.limit], complete=True)
    except QueryTimeout:
        return _evaluation_page(found, complete=False)
    return EvaluationPage([one for _, one in found], None, complete=True)


def scored(folder: Path, deadline: Deadline, day: str, query: ScoreQuery, before: judgements.Place) -> list[Scored]:
    """Return a portion of the scores of a day's evaluations that match, newest first."""
    try:
        with opened(folder / f"{day}.db", deadline) as sql:
            return judgements.portion(sql, query, before)
    except FileNotFoundError:
        return []


def newest_of_keys(
    folder: Path, deadline: Deadline, since_ms: int, keys: Set[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """Return the id of the newest exchange since then of each of these keys (team, name), where there is one."""
    found: dict[tuple[str, str], str] = {}
    for day in days(folder, since_ms):
        if keys <= found.keys():
            break
        with suppress(FileNotFoundError), opened(day, deadline) as sql:
            for team, key, last_ms in sql.execute(_LAST_OF_KEYS, (since_ms,)).fetchall():
                if (team, key) not in found:
                    bounds = schema.first_key(last_ms), schema.first_key(last_ms + 1)
                    (newest,) = sql.execute(_NEWEST_OF_KEY, (*bounds, team, key)).fetchone()
                    found[team, key] = str(UUID(bytes=newest))
    return found


def days(folder: Path, first_ms: int | None = None, last_ms: int | None = None) -> list[Path]:
    """List the day files, newest first."""
    first = "" if first_ms is None else day_of(first_ms)
    last = "~" if last_ms is None else day_of(last_ms)
    paths = sorted(folder.glob("????-??-??.db"), reverse=True)
    return [path for path in paths if first <= path.stem <= last]


def days_within(folder: Path, query: Query) -> list[Path]:
    """List the day files that a query's bounds reach, newest first."""
    return days(folder, *scan.bounds(query))


def day_of(instant_ms: int) -> str:
    """Name the day of an instant; far-off instants are cut to the calendar's range."""
    seconds = min(max(instant_ms // 1000, 0), 253_402_300_799)
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _evaluation_page(found: Sequence[tuple[judgements.Place, Evaluation]], *, complete: bool) -> EvaluationPage:
    cursor = f"{found[-1][1].exchange}.{found[-1][1].id}" if found else None
    return EvaluationPage([one for _, one in found], cursor, complete)


def _cursor(records: list[Record], looked_until_ms: int | None) -> str | None:
    if records:
        return records[-1].id
    return None if looked_until_ms is None else str(UUID(bytes=schema.first_key(looked_until_ms)))
