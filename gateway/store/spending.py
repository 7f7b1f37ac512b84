"""What do all files together say of what was used? Sums of days, put together by group and by step of time."""

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from heapq import nsmallest
from operator import add
from pathlib import Path
from typing import Any

from gateway.store import scan, schema, sums
from gateway.store.filters import BadFilter
from gateway.store.interface import GROUPS, STEPS, Query, Spend, Spending
from gateway.store.opening import Deadline, opened
from gateway.store.sums import Asked, Row

# More steps of time than this nobody looks at, and they would take long.
STEPS_MOST = 10_000

_SECONDS = {
    "minute": 60,
    "hour": schema.HOUR_S,
    "day": schema.DAY_S,
    "week": 7 * schema.DAY_S,
    "month": 28 * schema.DAY_S,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MEASURED = len(schema.MEASURES)
_COST = schema.MEASURES.index("cost_nano_usd")
_Group = tuple[int, str]


def spending(
    folder: Path, deadline: Deadline, query: Query, by: str | None, step: str | None, limit: int | None = None
) -> Spending:
    """Add up what matches, by group and step; of groups without a step the dearest `limit`."""
    if by in STEPS and step is None:
        by, step = None, by
    if by is not None and by not in GROUPS:
        raise BadFilter("by", f"one of {', '.join((*GROUPS, *STEPS))}, not {by!r}")
    if step is not None and step not in STEPS:
        raise BadFilter("step", f"one of {', '.join(STEPS)}, not {step!r}")
    buckets = step is not None and (by is None or "kinds" in GROUPS[by])
    asked = Asked(query, by, None if step is None else min(_SECONDS[step], schema.DAY_S), buckets)
    # Nothing but tuples of numbers and texts: hundreds of thousands of lists would keep the garbage collector busy.
    found: dict[_Group, tuple[int, ...]] = {}
    by_source: dict[str, dict[_Group, int]] = {}
    for start_s, name, source, amounts in _rows(folder, asked, step, deadline):
        group = 0 if step is None else step_start_s(start_s, step), name
        known = found.get(group)
        found[group] = amounts if known is None else tuple(map(add, known, amounts))
        if source:
            requests = by_source.setdefault(source, {})
            requests[group] = requests.get(group, 0) + amounts[0]
    # In order of time, and the dearest first.
    most = len(found) if step is not None or limit is None else limit
    shown = []
    for group in nsmallest(most, found, key=lambda group: (group[0], -found[group][_COST], group[1])):
        sources = {source: requests[group] for source, requests in by_source.items() if group in requests}
        shown.append(_spend(None if step is None else group[0], group[1], found[group], sources))
    total = _spend(None, "total", [sum(column) for column in zip(*found.values(), strict=True)], {})
    return Spending(shown, total, len(found) - len(shown))


def _rows(folder: Path, asked: Asked, step: str | None, deadline: Deadline) -> Iterable[Row]:
    """Add up all files as they are at one instant: a day that is folded meanwhile is neither lost nor counted twice."""
    while True:
        folded, rows = _past(folder, asked, deadline)
        rows += _of_files(folder, asked, step, deadline, folded)
        if _past(folder, None, deadline)[0] == folded:
            return rows


def _past(folder: Path, asked: Asked | None, deadline: Deadline) -> tuple[frozenset[str], list[Row]]:
    """Return the names of files that were folded, and what is left of them."""
    try:
        with opened(folder / schema.ROLLUPS_FILE, deadline) as sql:
            sql.execute("BEGIN")
            folded = frozenset(name for (name,) in sql.execute(schema.SELECT_FOLDED))
            return folded, [] if asked is None else list(sums.remembered(sql, asked, *scan.bounds(asked.query)))
    except FileNotFoundError:
        return frozenset(), []


def _of_files(
    folder: Path, asked: Asked, step: str | None, deadline: Deadline, folded: Collection[str]
) -> Iterator[Row]:
    first_ms, end_ms = scan.bounds(asked.query)
    files = {_day_ms(path): path for path in sorted(folder.glob("????-??-??.db"))}
    within = {day_ms: path for day_ms, path in files.items() if day_ms < end_ms and day_ms + schema.DAY_MS > first_ms}
    if step is not None and within:
        _refuse_too_many(step, max(first_ms, min(within)), min(end_ms, max(within) + schema.DAY_MS))
    for day_ms, path in within.items():
        with suppress(FileNotFoundError), opened(path, deadline) as sql:
            ((name,),) = sql.execute(schema.SELECT_META, (schema.FILE,))
            if name not in folded:
                yield from sums.add_up(sql, asked, day_ms, first_ms, end_ms)


def _refuse_too_many(step: str, first_ms: int, end_ms: int) -> None:
    steps = math.ceil((end_ms - first_ms) / 1000 / _SECONDS[step])
    if steps > STEPS_MOST:
        raise BadFilter("step", f"that makes {steps:,} steps, of which {STEPS_MOST:,} can be told: take a longer one")


def step_start_s(at_s: int, step: str) -> int:
    """Return when the step begins that holds an instant: weeks on Monday, all in UTC."""
    if step == "month":
        return int((_EPOCH + timedelta(seconds=at_s)).replace(day=1).timestamp()) // schema.DAY_S * schema.DAY_S
    if step == "week":
        day = at_s // schema.DAY_S
        return (day - (day + 3) % 7) * schema.DAY_S  # the epoch was a Thursday
    return at_s // _SECONDS[step] * _SECONDS[step]


def step_name(start_s: int, step: str) -> str:
    """Write when a step begins: as a date, a month, or a minute."""
    instant = _EPOCH + timedelta(seconds=start_s)
    return instant.strftime({"month": "%Y-%m", "week": "%Y-%m-%d", "day": "%Y-%m-%d"}.get(step, "%Y-%m-%dT%H:%MZ"))


def percentile_ms(buckets: Iterable[int], share: float) -> float | None:
    """Tell how long so large a share of exchanges took at most, within its bucket as if they spread evenly there.

    None: nobody knows any. Beyond the last edge: that edge, as Prometheus says it.
    """
    counts = list(buckets)
    wanted = share * sum(counts)
    if not wanted:
        return None
    lower, below = 0, 0
    for edge, count in zip(schema.EDGES_MS, counts, strict=True):
        if edge is None or (count and below + count >= wanted):
            return float(lower) if edge is None else lower + (edge - lower) * (wanted - below) / count
        lower, below = edge, below + count
    return None


def _spend(start_s: int | None, name: str, amounts: Sequence[int], sources: dict[str, int]) -> Spend:
    measured: dict[str, Any] = dict(zip(schema.MEASURES, amounts, strict=False))
    return Spend(name=name, start_s=start_s, buckets=list(amounts[_MEASURED:]), sources=sources, **measured)


def _day_ms(path: Path) -> int:
    return int(datetime.fromisoformat(path.stem).replace(tzinfo=UTC).timestamp()) * 1000
