"""What of a batch belongs to which day, and which of it is new?"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.journal.evaluated import Evaluated
from gateway.journal.reader import Finished
from gateway.store import schema

_DAY_US = schema.DAY_MS * 1000


@dataclass(slots=True)
class Part:
    """What of a batch belongs to one day. `gone`: evaluations of days that are no longer there, to be counted."""

    finished: list[Finished] = field(default_factory=list)
    evaluated: list[Evaluated] = field(default_factory=list)
    gone: list[Evaluated] = field(default_factory=list)


class Parted(NamedTuple):
    """A part, with its new exchanges and its amendments apart."""

    rows: dict[bytes, Finished]
    amendments: dict[bytes, Finished]
    part: Part


def by_day(
    finished: Sequence[Finished], evaluated: Sequence[Evaluated], exists: Callable[[int], bool]
) -> Mapping[int, Part]:
    """Part a batch by days. `exists`: whether there is something of a day already.

    An evaluation may come before its exchange, by a little: but for the days around its own it begins no day.
    """
    days: defaultdict[int, Part] = defaultdict(Part)
    for one in finished:
        days[schema.day_number(one.key)].finished.append(one)
    for each in evaluated:
        day, today = schema.day_number(each.exchange), each.created_us // _DAY_US
        if day in days or abs(today - day) <= 1 or exists(day):
            days[day].evaluated.append(each)
        else:
            days[today].gone.append(each)
    return days


def by_key(part: Part) -> Parted:
    """Part new exchanges from amendments; an amendment of an exchange of the same batch is merged into it."""
    rows: dict[bytes, Finished] = {}
    amendments: dict[bytes, Finished] = {}
    for one in part.finished:
        if not one.amends:
            if one.key not in amendments:  # what amends it says all that it says
                rows.setdefault(one.key, one)
            continue
        before = rows if one.key in rows else amendments
        earlier = before.get(one.key)
        if earlier is None:
            before[one.key] = one
            continue
        before[one.key] = one._replace(request=earlier.request + one.request, response=earlier.response + one.response)
    return Parted(rows, amendments, part)
