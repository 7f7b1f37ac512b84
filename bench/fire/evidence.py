"""What was seen of a run: what agents and provider noted, what stands in log and ledger, put side by side."""

import os
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from bench.fire.asking import Call
from bench.fire.billing import Bill
from bench.fire.fleet import Fleet
from bench.fire.rules import Balance, Place, Rule
from bench.fire.stand import Ledger, Strike, Watch, slot_and_birth
from gateway.core.record import Record, decode

SHOWN = int(os.environ.get("FIRE_SHOWN", "5"))  # of each kind of finding


class Findings:
    """Broken promises, by kind."""

    def __init__(self) -> None:
        self.found: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, kind: str, what: str) -> None:
        """Note one."""
        self.found[kind].append(what)

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(map(len, self.found.values()))

    def lines(self) -> Iterator[str]:
        """Write them down, the first of each kind."""
        for kind, found in self.found.items():
            yield f"BROKEN {kind}: {len(found)}"
            yield from (f"    {what}" for what in found[:SHOWN])


class Row(NamedTuple):
    """A row of the log with what we know of it. Unix times; `ended_s` is infinite where a dead worker's row tells none.

    `spends`: the balances that it must have spent from, `asked`: the provider has heard of it.
    """

    record: Record
    call: Call
    began_s: float
    ended_s: float
    spends: list[tuple[Rule, Balance]]
    bills: Sequence[Bill]

    @property
    def asked(self) -> bool:
        """Whether the provider has heard of it."""
        return len(self.bills) > 0

    @property
    def billed(self) -> int:
        """What the provider wants for it."""
        return sum(bill.amount for bill in self.bills)

    @property
    def is_refused(self) -> bool:
        """Whether it was refused for a budget, and never sent."""
        return self.record.outcome == "budget_blocked" and not self.record.holds

    def amount(self, unit: str) -> int:
        """Return what the provider's book says in a budget's unit."""
        return self.billed if unit == "usd" else len(self.bills)


@dataclass
class Evidence:
    """Everything that was seen. `troubled`: times in which the death of a process was not cleared up."""

    fleet: Fleet
    calls: list[Call]
    book: Mapping[str, Sequence[Bill]]
    records: list[Record]
    ledger: Ledger
    charges: dict[Place, int]
    watch: Watch
    strikes: list[Strike] = field(default_factory=list)
    troubled: list[tuple[float, float]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    spent: Counter[Place] = field(default_factory=Counter)
    billed: Counter[Place] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        known = {call.nonce: call for call in self.calls}
        for record in self.records:
            call = known.get(record.agent or "")
            if call is None:
                continue
            began_s = datetime.fromisoformat(record.started_at).timestamp()
            ended_s = began_s + record.duration_ms / 1000 if record.duration_ms is not None else float("inf")
            bills = self.book.get(call.nonce, ())
            self.rows.append(Row(record, call, began_s, ended_s, self.fleet.spends(call), bills))
        for row in self.rows:
            for hold in row.record.holds:
                self.spent[Place(hold.series, hold.start_s)] += hold.charged + hold.late
            starts = {hold.series: hold.start_s for hold in row.record.holds}
            for rule, balance in row.spends:
                start_s = starts.get(balance.series, rule.start(row.began_s))
                self.billed[Place(balance.series, start_s)] += row.amount(balance.unit)

    def mode(self, place: Place) -> str:
        """Return the mode of a balance's budget."""
        rule = self.fleet.rule(place.series)
        return rule.mode if rule is not None else ""

    @property
    def mean_cost(self) -> int:
        """Return what a request costs that costs something."""
        costs = [record.cost_nano_usd for record in self.records if record.cost_nano_usd]
        return sum(costs) // max(1, len(costs))

    def is_troubled(self, from_s: float, until_s: float) -> bool:
        """Tell whether anything was being cleared up in that time."""
        return any(begin_s <= until_s and from_s <= end_s for begin_s, end_s in self.troubled)

    def left_s(self, row: Row) -> float:
        """Return when a request held nothing any more: when it ended, or its worker was killed."""
        slot, _ = slot_and_birth(row.record.holder or "")
        kills = (strike.at_s for strike in self.strikes if strike.name == slot and strike.at_s >= row.began_s)
        return min(row.ended_s, min(kills, default=row.ended_s))

    def before_trouble(self, at_s: float) -> float:
        """Return an instant, or one before it at which no death was waiting to be cleared up.

        What a worker has spent beyond its lease is not known to anybody while it is dead, or while the recorder is.
        """
        for begin_s, end_s in sorted(self.troubled, reverse=True):
            if begin_s <= at_s <= end_s:
                at_s = begin_s
        return at_s


# ==== what is read ====================================================================================================


def read_log(data: Path) -> list[Record]:
    """Read every row of the store."""
    found: list[Record] = []
    for path in sorted((data / "store").glob("????-??-??.db")):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0)) as sql:
            found += [decode(record) for (record,) in sql.execute("SELECT record FROM contents ORDER BY seq")]
    return found


def read_charges(data: Path) -> dict[Place, int]:
    """Read what the store has added up for the ledger."""
    found: Counter[Place] = Counter()
    for path in sorted((data / "store").glob("????-??-??.db")):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0)) as sql:
            if not sql.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'charges'").fetchone()[0]:
                continue
            for series, start_s, amount in sql.execute("SELECT series, start_s, amount FROM charges"):
                found[Place(series, start_s)] += amount
    return dict(found)


def is_settled(ledger: Ledger, spent: Mapping[Place, int]) -> bool:
    """Tell whether everything has come to rest: nothing granted is unspent, and the ledger is where the log is."""
    return all(one.is_quiet and one.total == spent.get(place, 0) for place, one in ledger.items())


def sums(records: Iterable[Record]) -> Counter[Place]:
    """Add up what records charged, by balance."""
    found: Counter[Place] = Counter()
    for record in records:
        for hold in record.holds:
            found[Place(hold.series, hold.start_s)] += hold.charged + hold.late
    return found
