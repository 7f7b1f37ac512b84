"""Do the three books agree, and was every promise kept? The log, the ledger and the provider's own bill, side by side.

Every check is a function of the evidence alone, so that a test can plant what it must find.
"""

import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from bench.fire.evidence import Evidence, Findings, Row
from bench.fire.rules import NANO, Balance, Place, Rule
from bench.fire.stand import LAG_S, slot_and_birth
from gateway.core.record import Hold

# Every process looks at the same clock, some of them a moment later.
BLUR_S = 0.02
_BUDGET = re.compile(r"\(budget ([^)]+)\)")
_NEEDED = re.compile(r"may need \$([0-9.]+[0-9])")
_EXACT = "provider"
REQUESTS = "#requests"


# ==== rows ============================================================================================================


def check_rows(seen: Evidence, findings: Findings) -> None:
    """Delivered means recorded, once; and whatever a provider was asked stands in the log."""
    ids = Counter(record.id for record in seen.records)
    names = Counter(row.call.nonce for row in seen.rows)
    for name, times in [*ids.items(), *names.items()]:
        if times > 1:
            findings.add("a request stands in the log twice", f"{name}: {times} times")
    rows = {row.call.nonce: row for row in seen.rows}
    for call in seen.calls:
        row = rows.get(call.nonce)
        if call.end == "whole" and call.status == 200 and (row is None or row.record.outcome != "ok"):
            outcome = row.record.outcome if row is not None else "no row"
            findings.add("delivered, and not in the log as that", f"{call.nonce} {call.id}: {outcome}")
    for nonce in seen.book:
        if nonce not in rows:
            findings.add("the provider was asked, and the log does not know", nonce)


def check_failures(seen: Evidence, findings: Findings) -> int:
    """While nothing is killed, nothing fails but what the provider fails at.

    Return how many were told to come again because the ledger's answer took too long: how many depends on the machine.
    """
    late = 0
    for call in seen.calls:
        if call.plan.fault != "none" or seen.is_troubled(call.began_s - BLUR_S, call.ended_s + BLUR_S):
            continue
        if call.error == "ledger_down":
            late += 1
        elif call.end == "broken" or call.status >= 500 or call.error not in ("", "budget_exceeded"):
            what = f"{call.nonce} of {call.team}: {call.status} {call.error} {call.told[:300]}"
            findings.add("failed though nothing was wrong", what)
    return late


# ==== holds and costs =================================================================================================


def check_holds(seen: Evidence, findings: Findings) -> None:
    """Whatever reached the provider has held and was charged in every balance that it spends from, and no other."""
    for row in seen.rows:
        record, name = row.record, row.call.nonce
        held = {hold.series: hold for hold in record.holds}
        if not row.asked and not held:
            continue
        expected = {balance.series: (rule, balance) for rule, balance in row.spends}
        if held.keys() != expected.keys():
            missing, more = sorted(expected.keys() - held.keys()), sorted(held.keys() - expected.keys())
            findings.add("went past a budget", f"{name} {record.id}: not held in {missing}, held in {more}")
        for series in held.keys() & expected.keys():
            hold, (rule, _) = held[series], expected[series]
            starts = {rule.start(row.began_s + shift_s) for shift_s in (-BLUR_S, 0, BLUR_S)}
            if hold.start_s not in starts:
                findings.add("charged to another window", f"{name} {series}: {hold.start_s}, not {starts}")
            charged = hold.charged + hold.late
            right = record.cost_nano_usd if hold.unit == "usd" else 1
            if charged != right and not (hold.unit == "requests" and not row.asked and charged == 0):
                findings.add("charged another amount than it cost", f"{name} {series}: {charged}, not {right}")


class Difference(NamedTuple):
    """Settlements of one cause that could not be exact."""

    times: int = 0
    booked: int = 0
    billed: int = 0


def cause_of(row: Row) -> str:
    """Say why nobody told what it cost."""
    if (row.record.error or "").startswith("worker died"):
        return "crash"
    if not row.asked:
        return "never arrived"
    if row.record.outcome == "cancelled":
        return "disconnect"
    end = row.bills[-1].end
    return {"mute": "no usage told", "cut": "cut", "drop": "no answer", "left": "cut by the gateway"}.get(end, end)


def check_costs(seen: Evidence, findings: Findings) -> dict[str, Difference]:
    """Where the provider told its price, the log has it to the nano-dollar. Return what was estimated, by cause."""
    estimated: dict[str, Difference] = {}
    for row in seen.rows:
        record, billed = row.record, row.billed
        if record.usage_source == _EXACT:
            if record.cost_nano_usd != billed:
                what = f"{row.call.nonce} {record.id}: {record.cost_nano_usd} in the log, {billed} on the bill"
                findings.add("the log has another price than the bill", what)
        elif record.usage_source == "none":
            if billed or record.cost_nano_usd:
                what = (
                    f"{row.call.nonce} {record.id} {record.outcome}: {record.cost_nano_usd} in the log, {billed} billed"
                )
                findings.add("billed, and free in the log", what)
        else:
            cause = cause_of(row)
            so_far = estimated.get(cause, Difference())
            estimated[cause] = Difference(
                so_far.times + 1, so_far.booked + record.cost_nano_usd, so_far.billed + billed
            )
            strict = any(rule.mode == "strict" and balance.unit == "usd" for rule, balance in row.spends)
            if strict and record.cost_nano_usd < billed:
                what = f"{row.call.nonce} {cause}: {record.cost_nano_usd} booked, {billed} billed"
                findings.add("strict: booked less than was billed", what)
    return estimated


def check_sendings(seen: Evidence, findings: Findings) -> None:
    """A request is sent once, or every time is held for: a provider that read it bills it each time."""
    for row in seen.rows:
        bound = row.record.bound_nano_usd
        if len(row.bills) > 1 and (bound is None or row.billed > bound):
            what = (
                f"{row.call.nonce} ({row.call.plan.fault}): {[bill.amount for bill in row.bills]} billed, bound {bound}"
            )
            findings.add("sent more than once", what)


# ==== limits ==========================================================================================================


class Standing(NamedTuple):
    """How the balances of a mode came out. `used_up`: to 90 % and more. `over_nano`: beyond their limits, all together.

    In per cent: `over_share` of the limits that were used up; `worst`, of one that is good for a hundred requests.
    """

    balances: int
    used_up: int
    over: int
    over_nano: int
    over_share: float
    worst: float


def check_strict(seen: Evidence, findings: Findings) -> dict[str, Standing]:
    """Not one nano-dollar, nor one request, beyond a strict limit: in the log, in the ledger, on the bill."""
    books = {"log": dict(seen.spent), "ledger": seen.watch.highest, "bill": dict(seen.billed)}
    found = {}
    for name, amounts in books.items():
        # What was seen of the ledger are sums over a rolling window already.
        counted = amounts if name == "ledger" else seen.fleet.limits.counted(amounts)
        strict = {place: amount for place, amount in counted.items() if seen.mode(place) == "strict"}
        found[name] = _standing(seen, strict)
        for place, amount in strict.items():
            limit = seen.fleet.limits.limit(place.series)
            if limit is not None and amount > limit:
                what = f"{place.series} from {place.start_s}: {amount} of {limit}, {amount - limit} over"
                findings.add(f"strict: over the limit ({name})", what)
    return found


def check_soft(seen: Evidence, findings: Findings) -> Standing:
    """A soft limit is crossed by no more than what those in flight at exhaustion cost beyond their holds."""
    ends: defaultdict[str, list[tuple[float, int, int]]] = defaultdict(list)
    for row in seen.rows:
        for hold in row.record.holds:
            excess = hold.charged + hold.late - hold.held
            if excess > 0:
                ends[hold.series].append((row.ended_s, hold.start_s, excess))
    counted = {
        place: amount
        for place, amount in seen.fleet.limits.counted(dict(seen.spent)).items()
        if seen.mode(place) == "soft"
    }
    for place, amount in counted.items():
        limit, rule = seen.fleet.limits.limit(place.series), seen.fleet.rule(place.series)
        if limit is None or rule is None or amount <= limit:
            continue
        reach_s = rule.reach(place.start_s)
        # The last moment at which all that could be spent was within the limit, and the ledger knew everything.
        since_s = seen.before_trouble(seen.watch.within_s.get(place, 0.0) - LAG_S - BLUR_S)
        allowed = sum(
            excess
            for ended_s, start_s, excess in ends[place.series]
            if ended_s >= since_s and reach_s <= start_s <= place.start_s
        )
        if amount - limit > allowed:
            what = f"{place.series} from {place.start_s}: {amount - limit} over, those in flight explain {allowed}"
            findings.add("soft: over by more than what was in flight", what)
    return _standing(seen, counted)


def _standing(seen: Evidence, counted: Mapping[Place, int]) -> Standing:
    known = [(place, amount, seen.fleet.limits.limit(place.series) or 0) for place, amount in counted.items()]
    used_up = [(place, amount, limit) for place, amount, limit in known if amount * 10 >= limit * 9]
    over = [(amount - limit, limit) for _, amount, limit in used_up if amount > limit]
    money = [(amount, limit) for place, amount, limit in used_up if REQUESTS not in place.series]
    over_nano = sum(max(0, amount - limit) for amount, limit in money)
    large = 100 * seen.mean_cost
    return Standing(
        len(known),
        len(used_up),
        len(over),
        over_nano,
        100 * over_nano / max(1, sum(limit for _, limit in money)),
        max((100 * (amount - limit) / limit for amount, limit in money if limit >= large > 0), default=0.0),
    )


# ==== refusals ========================================================================================================


class _Line:
    """What a series had settled and held, at most, between two instants."""

    def __init__(self, parts: Iterable[tuple[float, float, int, int]]) -> None:
        known = sorted(parts)  # (began, ended, most, final)
        self._began = [began_s for began_s, _, _, _ in known]
        self._most = [0, *accumulate(most for _, _, most, _ in known)]
        self._spare_begun = [0, *accumulate(most - final for _, _, most, final in known)]
        ended = sorted((ended_s, most - final) for _, ended_s, most, final in known)
        self._ended = [ended_s for ended_s, _ in ended]
        self._spare = [0, *accumulate(spare for _, spare in ended)]

    def most(self, since_s: float, from_s: float, until_s: float) -> int:
        """Return it for what began after `since_s`."""
        first, last = bisect_left(self._began, since_s), bisect_right(self._began, until_s)
        back = self._spare[bisect_left(self._ended, from_s)] - self._spare_begun[first]
        return self._most[last] - self._most[first] - max(0, back)


def check_refusals(seen: Evidence, findings: Findings) -> tuple[int, int]:
    """Nobody is refused while what is settled and held leaves room: what is certain to be wrong is found.

    Left out are refusals while a death is cleared up, since a dead worker's lease counts as spent until then, and those
    at a window's edge. Of a request that its worker did not outlive nobody knows how much it held of a soft budget: it
    may have been everything. Return how many refusals there were, and how many of them could be judged.
    """
    parts: defaultdict[str, list[tuple[float, float, int, int]]] = defaultdict(list)
    waiting: defaultdict[str, list[tuple[float, float, int, int]]] = defaultdict(list)
    for row in seen.rows:
        left_s = seen.left_s(row)
        for hold in row.record.holds:
            final = hold.charged + hold.late
            parts[hold.series].append((row.began_s, left_s, max(_held(row, hold), final), final))
        if not row.record.holds:
            for rule, balance in row.spends:
                kept = _kept(row, rule, balance)
                waiting[balance.series].append((row.began_s, row.ended_s, kept, 0))
    lines = {series: _Line(found) for series, found in parts.items()}
    waits = {series: _Line(found) for series, found in waiting.items()}
    refused = judged = 0
    nothing = _Line(())
    for row in seen.rows:
        named = _named(row)
        if named is None:
            continue
        refused += 1
        rule, balance = named
        from_s, until_s = row.began_s - BLUR_S, min(row.ended_s, row.began_s + 5) + BLUR_S
        if seen.is_troubled(from_s, until_s) or rule.start(from_s) != rule.start(until_s):
            continue
        judged += 1
        since_s = rule.reach(rule.start(from_s)) - BLUR_S if rule.bucket_s else 0.0
        need = _need(row, rule, balance)
        used = lines.get(balance.series, nothing).most(since_s, from_s, until_s)
        others = waits[balance.series].most(0.0, from_s, until_s) - _kept(row, rule, balance)
        if used + others + need <= balance.limit:
            what = (
                f"{row.call.nonce} by {balance.series}: {used} of {balance.limit} at most settled and held, {others} "
                f"waited for by others, {need} needed, after {row.record.duration_ms} ms: {row.record.error}"
            )
            findings.add("refused though there was room", what)
    return refused, judged


def _held(row: Row, hold: Hold) -> int:
    """Return what a request held at most. Of one that its worker did not outlive nobody has written that down."""
    if row.ended_s < math.inf:
        return hold.held
    kept = (_kept(row, rule, balance) for rule, balance in row.spends if balance.series == hold.series)
    return next(kept, hold.held)


def _named(row: Row) -> tuple[Rule, Balance] | None:
    """Return the balance for which a request was refused."""
    error = row.record.error or ""
    found = _BUDGET.search(error)
    if not row.is_refused or found is None or not error.startswith("budget_exceeded"):
        return None
    unit = "requests" if "requests used" in error else "usd"
    return next(((rule, balance) for rule, balance in row.spends if rule.id == found[1] and balance.unit == unit), None)


def _kept(row: Row, rule: Rule, balance: Balance) -> int:
    """Return what may be kept for a request while it waits, at most."""
    return balance.limit if balance.unit == "usd" and rule.mode != "strict" else _need(row, rule, balance)


def _need(row: Row, rule: Rule, balance: Balance) -> int:
    """Return what a request needs of a balance at most. Of a soft one it takes what there is."""
    if balance.unit == "requests":
        return 1
    if rule.mode != "strict":
        return 1
    said = _NEEDED.search(row.record.error or "")
    return max(row.call.bound(), int(Decimal(said[1]) * NANO) if said else 0)


# ==== the ledger ======================================================================================================


def check_ledger(seen: Evidence, findings: Findings, now_s: float, forgets_after_s: int) -> None:
    """After quiet the ledger has, of every balance, exactly what the log adds up to; and no lease of a dead worker."""
    for place in seen.spent.keys() | seen.ledger.keys():
        charged = seen.ledger.get(place)
        if charged is None and (last := seen.watch.last.get(place)) is not None:
            charged = last if last.over_s + forgets_after_s <= now_s else None
        total, spent = charged.total if charged is not None else 0, seen.spent[place]
        if total != spent:
            findings.add("log and ledger differ", f"{place.series} from {place.start_s}: log {spent}, ledger {total}")
    for place in seen.spent.keys() | seen.charges.keys():
        if seen.charges.get(place, 0) != seen.spent[place]:
            what = f"{place.series} from {place.start_s}: {seen.charges.get(place, 0)}, rows {seen.spent[place]}"
            findings.add("the store's sums are not what its rows add up to", what)
    for place, holder in _dead_leases(seen):
        findings.add("a dead worker still has a lease", f"{holder} of {place.series} from {place.start_s}")


def _dead_leases(seen: Evidence) -> Iterator[tuple[Place, str]]:
    """Give the leases of workers of whom there is a later one, or that were killed since."""
    youngest: dict[str, int] = {}
    leases = [(place, holder, *slot_and_birth(holder)) for place, one in seen.ledger.items() for holder in one.open]
    for _, _, slot, birth_ns in leases:
        youngest[slot] = max(youngest.get(slot, 0), birth_ns)
    for strike in seen.strikes:
        youngest[strike.name] = max(youngest.get(strike.name, 0), round(strike.at_s * 1e9))
    yield from ((place, holder) for place, holder, slot, birth_ns in leases if birth_ns < youngest[slot])


CHECKS: tuple[Callable[[Evidence, Findings], object], ...] = (check_rows, check_holds, check_sendings)
