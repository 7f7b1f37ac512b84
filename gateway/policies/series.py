"""What does the name of a balance say? Of `search/loop#requests?user=ann`: the budget, what it counts, whose it is."""

from typing import Final, NamedTuple
from urllib.parse import unquote

from gateway.policies.scope import SHARED

_PART: Final = "?"
_UNIT: Final = "#"


class Series(NamedTuple):
    """A name, taken apart. `values`: what it is parted by; of a very long value the head and a digest.

    `shared`: it is the one of all that have none of their own. `every`: it stands for all balances that are parted.
    """

    budget: str
    unit: str
    values: dict[str, str]
    shared: bool = False
    every: bool = False


def read(series: str) -> Series:
    """Take a name apart that `budget.series` or `every` has written."""
    head, parted, part = series.partition(_PART)
    budget, _, unit = head.partition(_UNIT)
    written = dict(pair.split("=", 1) for pair in part.split("&")) if part else {}
    return Series(
        budget=budget,
        unit=unit or "usd",
        values={name: unquote(value) for name, value in written.items()},
        shared=bool(written) and set(written.values()) == {SHARED},
        every=bool(parted) and not part,
    )


def head(series: str) -> str:
    """Return what of a name says budget and unit."""
    return series.partition(_PART)[0]


def every(series: str) -> str | None:
    """Name all balances that one of them is parted from: `search/loop?`; None: it is not parted."""
    return every_of(head(series)) if _PART in series else None


def every_of(head: str) -> str:
    """Name all balances whose names begin so."""
    return head + _PART


def is_every(series: str) -> bool:
    """Tell whether a name stands for all balances that are parted."""
    return series.endswith(_PART)
