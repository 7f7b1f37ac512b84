"""What did users say of a conversation: of all of it, and of its exchanges? Read out of the day files."""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from uuid import UUID

from gateway.core.ids import day_of
from gateway.store.judgements import Opinion, opinions_of
from gateway.store.opening import connect

Value = bool | float | str


def opinions(folder: Path, team: str, session: str, exchanges: Iterable[str]) -> dict[str, Value]:
    """Return the last word of each name; what was said of the session counts more than what was of one exchange.

    Labels of people are not among them: evaluators are measured by those.
    """
    by_day: defaultdict[str, list[bytes]] = defaultdict(list)
    for exchange in exchanges:
        by_day[day_of(exchange)].append(UUID(exchange).bytes)
    found: list[Opinion] = []
    # A word on a session is kept in the day on which it was said.
    for path in sorted(folder.glob("????-??-??.db")):
        if by_day and path.stem >= min(by_day):
            found += _of_day(path, team, session, by_day.get(path.stem, []))
    return {one.name: _value(one) for one in sorted(found, key=lambda one: (one.is_of_session, one.created_us))}


def _of_day(path: Path, team: str, session: str, keys: list[bytes]) -> list[Opinion]:
    with suppress(FileNotFoundError), closing(connect(path)) as sql:
        return opinions_of(sql, team, session, keys)
    return []


def _value(one: Opinion) -> Value:
    if one.label is not None:
        return one.label
    value = one.value or 0.0
    return bool(value) if one.type == "boolean" else value
