"""Was every balance charged what its exchanges cost, and is that what the store and the ledger have added up?"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from gateway.audit.findings import Findings
from gateway.core import charging
from gateway.core.record import Record
from gateway.ledger.file import Kept
from gateway.ledger.lease import Balance, Place
from gateway.store.charges import ChargeKey, Charges


def check_charges(record: Record, found: Findings) -> None:
    """Compare what each balance was charged with what the exchange cost."""
    job_open = charging.is_open(record)
    for hold in record.holds:
        found.look_into("charges")
        name = f"{hold.series} from {hold.start_s}"
        if hold.unit == charging.USD:
            cost = hold.held if job_open else record.cost_nano_usd
            found.expect("charges", name, hold.charged + hold.late, cost)
        else:
            # That a provider was called cannot be read here, but that none was.
            found.expect("charges", name, hold.charged + hold.late, 1 if hold.charged and record.attempts else 0)


class Sums:
    """What the log charges, by holder and balance: of each day, to compare with its table, and in all."""

    def __init__(self) -> None:
        self._day = Charges()
        self._all = Charges()

    def add(self, record: Record) -> None:
        """Count a row."""
        self._day.add(record)
        self._all.add(record)

    def end_day(self, stored: Mapping[ChargeKey, tuple[int, int]] | None, found: Findings) -> None:
        """Compare a day's table with its rows, and begin the next day. None: only a part of its rows was counted."""
        counted, self._day = self._day, Charges()
        if stored is None:
            return
        for key in sorted(stored.keys() | counted.amounts.keys()):
            found.look_into("sums")
            told = (counted.amounts[key], counted.late[key])
            found.expect("sums", f"charges of {key[0]}: {key[1]} from {key[2]}", stored.get(key, (0, 0)), told)

    def by_place(self) -> dict[Place, "Logged"]:
        """Return what each balance was charged."""
        logged: dict[Place, Logged] = {}
        for (holder, series, start_s), amount in self._all.amounts.items():
            late = self._all.late[holder, series, start_s]
            one = logged.setdefault(Place(series, start_s), Logged({}, {}))
            one.charged[holder] = amount - late
            if late:
                one.late[holder] = late
        return logged


class Logged(NamedTuple):
    """What the log charges a balance, by holder: when exchanges ended, and late."""

    charged: dict[str, int]
    late: dict[str, int]


class Ledgers(NamedTuple):
    """The ledger as it was before the log was read, and after. `over`: whether a balance counts no more.

    `gone_until_s`: balances that begin before then may have been charged by exchanges whose rows are gone.
    """

    before: Kept
    after: Kept
    over: Callable[[Place], bool]
    gone_until_s: int = 0


def compare(sums: Sums, ledgers: Ledgers, found: Findings, team: str | None = None) -> None:
    """Compare the ledger with the log. `team`: only its rows were counted, so only its own balances can be compared."""
    logged = sums.by_place()
    before, after = dict(ledgers.before.balances), dict(ledgers.after.balances)
    for place in sorted(logged.keys() | before.keys()):
        if team is not None and not place.series.startswith(f"{team}/"):
            continue
        if place not in before and ledgers.over(place):
            continue  # it is forgotten there
        log = logged.get(place, Logged({}, {}))
        differences = list(_differences(place, before.get(place, Balance()), log))
        if differences and before.get(place) != after.get(place):
            differences = list(_differences(place, after.get(place, Balance()), log))
            if differences:
                found.skip("ledger", "the balance changed meanwhile")
                continue
        if differences and place.start_s < ledgers.gone_until_s:
            found.skip("ledger", "exchanges of the balance were removed by retention")
            continue
        found.look_into("balances")
        for what, recorded, recomputed in differences:
            found.expect("ledger", what, recorded, recomputed)


def _differences(place: Place, balance: Balance, log: Logged) -> Iterable[tuple[str, int, int]]:
    """Give what the ledger says otherwise: what, its amount, the log's.

    Of workers that run the log may tell more than they have told the ledger; once they hold nothing it is the same.
    """
    name = f"{place.series} from {place.start_s}"
    gone = sum(amount for holder, amount in log.charged.items() if holder not in balance.leases)
    if balance.spent != gone:
        yield f"{name}: spent by workers that are gone", balance.spent, gone
    for holder, lease in balance.leases.items():
        charged = log.charged.get(holder, 0)
        if charged < lease.settled or (lease.settled == lease.granted != charged):
            yield f"{name}: spent by {holder}", lease.settled, charged
    for holder in sorted(balance.late.keys() | log.late.keys()):
        told, known = balance.late.get(holder, 0), log.late.get(holder, 0)
        if told != known:
            yield f"{name}: known late of {holder}", told, known
