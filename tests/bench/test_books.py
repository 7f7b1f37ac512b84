"""The comparison of the books finds what there is to find: each broken promise, planted, is named, and nothing else."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.budgets import Report, Setup, judge
from bench.fire.asking import MODELS, Call, Plan
from bench.fire.billing import Bill
from bench.fire.evidence import Evidence, is_settled, sums
from bench.fire.fleet import Fleet
from bench.fire.rules import Place, Rule
from bench.fire.stand import Charged, Sample, Strike, Watch, windows_of
from gateway.core.record import Hold, Record

TINY = MODELS["fake-tiny"]
COST = TINY.bill(100, 0, 50)
BOUND = 400_000
BEGAN_S = 1_800_000_000.0
HOLDER = f"worker-0-{1_700_000_000 * 10**9:020d}"
STRICT = Rule("strict-0", "total", "strict", "total", limit_nano_usd=1_000_000)
SOFT = Rule("soft-0", "total", "soft", "total", limit_nano_usd=1_000_000)


class TwoTeams(Fleet):
    """A team with a strict budget, and one with a soft one."""

    def _named_teams(self) -> list[str]:
        return ["strict-0", "soft-0"]

    def _budgets(self, seconds: float, rate: float) -> list[Rule]:  # type: ignore[override]
        return [STRICT, SOFT]


class Scene:
    """A run in which every promise was kept: requests one after the other, each with all that is known of it."""

    def __init__(self) -> None:
        self.fleet = TwoTeams(10, 1)
        self.calls: list[Call] = []
        self.book: dict[str, list[Bill]] = {}
        self.records: list[Record] = []
        self.strikes: list[Strike] = []
        self.ledger: dict[Place, Charged] = {}
        self.charges: dict[Place, int] | None = None
        self.watch = Watch(Path("none"), self.fleet.limits)
        for team in ("strict-0", "soft-0"):
            for _ in range(3):
                self.ask(team)

    def ask(self, team: str, end: str = "whole", charged: int = COST, held: int | None = None) -> Record:
        """Let a request be asked, answered and billed."""
        number = len(self.calls)
        nonce, began_s = f"n{number}", BEGAN_S + number
        plan = Plan(nonce, 100, 0, 50, 0, 0, "none")
        call = Call(plan, team, "a", "u0", "s0", TINY, False, 100, True)
        call.id, call.status, call.end, call.began_s, call.ended_s = f"id{number}", 200, end, began_s, began_s + 0.5
        call.body_bytes = 400
        self.calls.append(call)
        self.book[nonce] = [Bill(TINY, 100, 0, 50, COST, end)]
        series = STRICT.id if team == "strict-0" else SOFT.id
        record = Record(
            id=call.id, started_at=datetime.fromtimestamp(began_s, UTC).isoformat(), team=team, key="a", agent=nonce,
            outcome="ok", status=200, usage_source="provider", cost_nano_usd=charged, duration_ms=500.0,
            bound_nano_usd=BOUND if team == "strict-0" else None, holder=HOLDER,
            holds=[Hold(series, 0, "usd", (BOUND if held is None else held), charged)],
        )  # fmt: skip
        self.records.append(record)
        return record

    def refuse(self, team: str) -> Record:
        """Let a request be refused for its budget."""
        record = self.ask(team, end="refused")
        del self.book[record.agent or ""]
        rule = STRICT if team == "strict-0" else SOFT
        record.outcome, record.status, record.usage_source, record.cost_nano_usd = "budget_blocked", 429, "none", 0
        record.holds, record.holder, record.duration_ms = [], None, 1.0
        record.error = f"budget_exceeded: Budget exceeded for team '{team}' (budget {rule.id}): $0.001 of $0.001 used"
        self.calls[-1].status, self.calls[-1].error = 429, "budget_exceeded"
        return record

    def findings(self) -> set[str]:
        """Judge it."""
        spent = sums(self.records)
        for place, amount in spent.items():
            self.ledger.setdefault(place, Charged(spent=amount))
        seen = Evidence(
            self.fleet, self.calls, self.book, self.records, self.ledger,
            dict(spent) if self.charges is None else self.charges, self.watch, self.strikes,
        )  # fmt: skip
        seen.troubled = windows_of(self.strikes, self.watch, 0.1)
        report = Report(Setup())
        judge(seen, report)
        assert list(report.lines())
        return set(report.findings.found)


def test_a_run_that_kept_its_promises_has_no_findings() -> None:
    """Otherwise nothing below would tell anything."""
    assert set() == Scene().findings()


def twice(scene: Scene) -> None:
    scene.records.append(scene.records[0])


def lost(scene: Scene) -> None:
    scene.records.pop(0)


def delivered_otherwise(scene: Scene) -> None:
    scene.records[0].outcome = "cancelled"


def without_a_hold(scene: Scene) -> None:
    scene.records[0].holds = []


def in_another_window(scene: Scene) -> None:
    scene.records[0].holds[0].start_s = 60


def at_another_amount(scene: Scene) -> None:
    scene.records[0].holds[0].charged += 1


def late_by_one(scene: Scene) -> None:
    scene.records[0].holds[0].late = -1


def cheaper(scene: Scene) -> None:
    scene.records[0].cost_nano_usd = scene.records[0].holds[0].charged = COST - 1


def for_nothing(scene: Scene) -> None:
    scene.records[3].usage_source, scene.records[3].cost_nano_usd = "none", 0
    scene.records[3].holds[0].charged = 0


def guessed_too_low(scene: Scene) -> None:
    scene.records[0].usage_source = "estimated"
    scene.records[0].cost_nano_usd = scene.records[0].holds[0].charged = COST - 1


def sent_again(scene: Scene) -> None:
    nonce = scene.records[3].agent or ""
    scene.book[nonce] = scene.book[nonce] * 2
    scene.records[3].usage_source = "estimated"


def over_in_the_log(scene: Scene) -> None:
    for record in scene.records[:3]:
        record.usage_source, record.cost_nano_usd, record.holds[0].charged = "estimated", BOUND, BOUND


def over_on_the_bill(scene: Scene) -> None:
    while sum(bill[0].amount for bill in scene.book.values()) <= 3 * 1_000_000:
        record = scene.ask("strict-0")
        record.cost_nano_usd = record.holds[0].charged = 0


def over_in_the_ledger(scene: Scene) -> None:
    scene.watch.highest[Place(STRICT.id, 0)] = 1_000_001


def over_by_more_than_was_in_flight(scene: Scene) -> None:
    record = scene.ask("soft-0", charged=1_500_000, held=1_500_000)
    scene.book[record.agent or ""][0].amount = 1_500_000


def refused_with_room(scene: Scene) -> None:
    scene.refuse("soft-0")


def refused_with_room_for_its_bound(scene: Scene) -> None:
    scene.refuse("strict-0")


def another_amount_in_the_ledger(scene: Scene) -> None:
    scene.ledger[Place(SOFT.id, 0)] = Charged(spent=3 * COST + 1)


def money_that_nobody_spent(scene: Scene) -> None:
    scene.ledger[Place("soft-0/total", 60)] = Charged(spent=1)


def a_lease_of_a_dead_worker(scene: Scene) -> None:
    later = f"worker-0-{1_800_000_000 * 10**9:020d}"
    scene.ledger[Place(SOFT.id, 0)] = Charged(spent=3 * COST, open={HOLDER: 0, later: 0}, settled={HOLDER: 0, later: 0})


def other_sums(scene: Scene) -> None:
    scene.charges = {Place(STRICT.id, 0): 3 * COST, Place(SOFT.id, 0): 3 * COST - 1}


def broken_for_nothing(scene: Scene) -> None:
    scene.calls[0].end = "broken"


MISSING = "the provider was asked, and the log does not know"
PLANTED: dict[Callable[[Scene], None], set[str]] = {
    twice: {"a request stands in the log twice", "log and ledger differ", "the store's sums are not what its rows"},
    lost: {"delivered, and not in the log as that", MISSING},
    delivered_otherwise: {"delivered, and not in the log as that"},
    without_a_hold: {"went past a budget"},
    in_another_window: {"charged to another window"},
    at_another_amount: {"charged another amount than it cost"},
    late_by_one: {"charged another amount than it cost"},
    cheaper: {"the log has another price than the bill"},
    for_nothing: {"billed, and free in the log"},
    guessed_too_low: {"strict: booked less than was billed"},
    sent_again: {"sent more than once"},
    over_in_the_log: {"strict: over the limit (log)"},
    over_on_the_bill: {"strict: over the limit (bill)", "the log has another price than the bill"},
    over_in_the_ledger: {"strict: over the limit (ledger)"},
    over_by_more_than_was_in_flight: {"soft: over by more than what was in flight"},
    refused_with_room: {"refused though there was room"},
    refused_with_room_for_its_bound: {"refused though there was room"},
    another_amount_in_the_ledger: {"log and ledger differ"},
    money_that_nobody_spent: {"log and ledger differ", "the store's sums are not what its rows"},
    a_lease_of_a_dead_worker: {"a dead worker still has a lease"},
    other_sums: {"the store's sums are not what its rows"},
    broken_for_nothing: {"failed though nothing was wrong"},
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_broken_promise_is_found(plant: Callable[[Scene], None]) -> None:
    """By its own name; a fault that shows in several books is named in each."""
    scene = Scene()
    plant(scene)
    found = scene.findings()

    assert found
    wrong = [name for name in found if not any(name.startswith(known) for known in PLANTED[plant])]
    assert [] == wrong


def test_a_soft_limit_may_be_crossed_by_what_was_in_flight() -> None:
    """The cost beyond the hold of a request that ran when the money went."""
    scene = Scene()
    record = scene.ask("soft-0", charged=1_500_000, held=1_000)
    scene.book[record.agent or ""][0].amount = 1_500_000
    scene.watch.within_s[Place(SOFT.id, 0)] = BEGAN_S + len(scene.calls) - 0.9

    assert set() == scene.findings()


def test_refusals_without_room_are_right() -> None:
    """What is held counts, and so does a strict request's whole bound."""
    scene = Scene()
    full = scene.ask("strict-0", charged=COST, held=1_000_000 - 3 * COST)
    full.duration_ms = 60_000.0
    scene.refuse("strict-0")

    assert set() == scene.findings()


def test_refusals_are_not_judged_while_a_death_is_cleared_up() -> None:
    """A dead worker's lease counts as spent until its journal was read."""
    scene = Scene()
    scene.refuse("soft-0")
    at_s = BEGAN_S + len(scene.calls) - 1
    scene.strikes = [Strike("worker 0", at_s - 0.1, at_s + 0.1)]

    assert set() == scene.findings()


@pytest.mark.parametrize(("killed_s", "wrong"), [(-8, True), (30, False)], ids=["before", "after"])
def test_a_request_whose_worker_was_killed_later_may_have_held_everything(killed_s: float, wrong: bool) -> None:
    """Before the refusal or after it; its row has what it was charged, and 0 for what it held."""
    scene = Scene()
    killed, call = scene.ask("soft-0", end="broken", held=0), scene.calls[-1]
    refused_s = call.ended_s + 0.5
    call.began_s, call.ended_s = refused_s - 9, refused_s + killed_s
    killed.started_at, killed.duration_ms = datetime.fromtimestamp(call.began_s, UTC).isoformat(), None
    scene.refuse("soft-0")
    scene.watch.samples = [Sample(call.ended_s + 0.1, frozenset())]
    scene.strikes = [Strike("worker 0", call.ended_s, call.ended_s + 0.1)]

    assert ({"refused though there was room"} if wrong else set()) == scene.findings()


def test_a_rolling_window_counts_its_buckets_together() -> None:
    """What lies within its length, and no more."""
    rule = Rule("strict-0", "users", "strict", "rolling:10s", limit_nano_usd=100)
    limits = Fleet(10, 1).limits
    limits.learn("s", 100, rule.bucket_s, rule.rolls_s)
    amounts = {Place("s", 1_000): 60, Place("s", 1_010): 40, Place("s", 1_011): 40}

    assert {Place("s", 1_000): 60, Place("s", 1_010): 100, Place("s", 1_011): 80} == limits.counted(amounts)


def test_a_ledger_is_at_rest_when_nothing_granted_is_unspent() -> None:
    """And it is where the log is."""
    place = Place("s", 0)
    busy, quiet = Charged(open={"w": 5}, settled={"w": 4}), Charged(open={"w": 5}, settled={"w": 5})

    assert not is_settled({place: busy}, {place: 5})
    assert not is_settled({place: quiet}, {place: 4})
    assert is_settled({place: quiet}, {place: 5})


def test_the_fleet_has_a_hundred_budgets_of_all_kinds(tmp_path: Path) -> None:
    """And every request of it spends from several."""
    fleet = Fleet(30, 200)
    calls = [fleet.draw(0) for _ in range(500)]

    assert 100 == len(fleet.rules)
    assert {"strict", "soft", "track"} == {rule.mode for rule in fleet.rules}
    assert {"total", "minute", "hour", "day", "rolling"} == {rule.window.partition(":")[0] for rule in fleet.rules}
    assert 4 <= min(len(fleet.spends(call)) for call in calls)
    assert len({call.nonce for call in calls}) == len(calls)
    assert {call.maximum for call in calls if call.team.startswith("soft")} == {64_000}
