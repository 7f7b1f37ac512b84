"""Do budgets hold? Hundreds of agents, a hundred budgets, a provider that keeps its own bill, and kill -9 all the time.

    python -m bench.budgets --workers 4 --kills 200

Prints what was spent, refused and estimated, and every broken promise; exits 1 if there is one. docs/budgets.md says
what is promised, docs/performance.md how to read the report.
"""

import argparse
import asyncio
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import uvloop

from bench.fire import books
from bench.fire.agents import Load, ask_once
from bench.fire.asking import Call, Plan
from bench.fire.billing import BillingProvider, billing
from bench.fire.books import Difference, Standing
from bench.fire.evidence import Evidence, Findings, is_settled, read_charges, read_log, sums
from bench.fire.fleet import Fleet
from bench.fire.rules import NANO, Balance, Rule
from bench.fire.stand import FORGETS_AFTER_S, Gun, Ledger, Stand, Watch, read_ledger, windows_of
from bench.fire.steady import Steadiness, check_stops, steady

CALM_SHARE = 0.3  # of the load's time nothing is killed
TROUBLE_SLACK_S = 1.0
QUIET_LIMIT_S = 60.0


class Setup(NamedTuple):
    """What is done. `rate`: about how many requests a second are expected: limits are sized by it."""

    workers: int = 4
    agents: int = 256
    seconds: float = 60.0
    kills: int = 30
    rate: float = 200.0
    seed: int = 1
    probes: int = 60
    steady_s: float = 8.0


@dataclass
class Report:
    """What came out."""

    setup: Setup
    findings: Findings = field(default_factory=Findings)
    calls: Counter[str] = field(default_factory=Counter)
    most_under_way: int = 0
    strikes: Counter[str] = field(default_factory=Counter)
    strict: dict[str, Standing] = field(default_factory=dict)
    soft: Standing | None = None
    exact: int = 0
    exact_nano: int = 0
    estimated: dict[str, Difference] = field(default_factory=dict)
    refused: tuple[int, int] = (0, 0)
    probes: tuple[int, int] = (0, 0)
    late: int = 0
    quiet_s: float = 0.0
    steady: Steadiness | None = None

    def lines(self) -> Iterator[str]:
        """Write it for people."""
        setup = self.setup
        kills = ", ".join(f"{count} x {name}" for name, count in sorted(self.strikes.items())) or "none"
        yield f"{setup.workers} workers, {setup.agents} agents (at most {self.most_under_way} under way), 100 budgets"
        yield f"kills: {sum(self.strikes.values())} ({kills}); at rest {self.quiet_s:.1f} s after the load"
        yield f"calls: {sum(self.calls.values())}: " + ", ".join(f"{n} {end}" for end, n in self.calls.most_common())
        for name, standing in [*((f"strict, {name}", one) for name, one in self.strict.items()), ("soft", self.soft)]:
            if standing is not None:
                yield (
                    f"{name:15} {standing.balances:5} balances, {standing.used_up:4} used up to 90 %, "
                    f"{standing.over:3} over, by {_usd(standing.over_nano)} in all"
                )
            if standing is not None and standing.over:
                yield (
                    f"{'':15} that is {standing.over_share:.2f} % of what was used up; of limits good for a hundred "
                    f"requests at worst {max(0.0, standing.worst):.2f} %"
                )
        yield f"exact: {self.exact} settlements, {_usd(self.exact_nano)}, in the log as on the bill"
        for cause, one in sorted(self.estimated.items()):
            yield f"estimated, {cause}: {one.times}, {_usd(one.booked)} booked, {_usd(one.billed)} billed"
        yield "refused: {} for a budget, of which {} could be judged; afterwards {} asked, {} refused".format(
            *self.refused, *self.probes
        )
        yield f"told to come again, because the ledger's answer took more than 50 ms: {self.late}"
        if self.steady is not None:
            yield from self.steady.lines()
        yield from self.findings.lines()
        yield f"broken promises: {self.findings.total}"


# ==== under fire ======================================================================================================


async def under_fire(setup: Setup, folder: Path) -> Report:
    """Load a gateway while its processes are killed, then compare the books."""
    report = Report(setup)
    chance = random.Random(setup.seed)
    fleet = Fleet(setup.seconds, setup.rate, setup.seed)
    data = folder / "data"
    async with billing() as provider:
        fleet.write(folder, provider.urls, setup.workers)
        stand = await asyncio.to_thread(Stand, folder)
        with stand, Watch(data / "ledger.db", fleet.limits) as watch:
            load, gun = Load(stand.port, setup.agents, fleet.draw), Gun(stand, chance)
            await _fire(setup, load, gun)
            calls = await load.stop()
            report.quiet_s = await _rest(data, provider)
            probes = _Probes(fleet, data, stand.port, report.findings)
            calls += await probes.ask(setup.probes)
            report.quiet_s += await _rest(data, provider)
            seen = Evidence(fleet, calls, provider.book, read_log(data), _ledger(data), read_charges(data), watch)
            seen.strikes = gun.strikes
            seen.troubled = windows_of(gun.strikes, watch, TROUBLE_SLACK_S)
            if status := await asyncio.to_thread(stand.stop):
                report.findings.add("the gateway did not end well", f"exit status {status}:\n{stand.said()[-2000:]}")
            judge(seen, report)
            audit = await asyncio.to_thread(stand.audit)
            if audit.returncode:
                report.findings.add("`tollway audit` finds differences", (audit.stdout + audit.stderr)[-2000:])
    report.calls = Counter(call.end for call in calls)
    report.most_under_way = load.most_under_way
    report.strikes = Counter(strike.name.partition(" ")[0] for strike in gun.strikes)
    report.probes = (probes.asked, probes.refused)
    return report


async def _fire(setup: Setup, load: Load, gun: Gun) -> None:
    """Run the load for its time, and until all shots are fired."""
    began_s = time.monotonic()
    load.start()
    await asyncio.sleep(setup.seconds * CALM_SHARE)
    if setup.kills:
        pause_s = setup.seconds * (1 - CALM_SHARE) / setup.kills
        await gun.fire(setup.kills, (0.0, min(pause_s, 1.0)))
    await asyncio.sleep(max(0.0, began_s + setup.seconds - time.monotonic()))


async def _rest(data: Path, provider: BillingProvider) -> float:
    """Wait until everything has come to rest, and say how long that took; what never does is found afterwards."""
    began_s = time.monotonic()
    while time.monotonic() - began_s < QUIET_LIMIT_S:
        await asyncio.sleep(1.0)
        if provider.busy:
            continue
        ledger = _ledger(data)
        if not all(one.is_quiet for one in ledger.values()):
            continue
        spent = await asyncio.to_thread(lambda: sums(read_log(data)))
        if is_settled(_ledger(data), spent):
            break
    return time.monotonic() - began_s


def _ledger(data: Path) -> Ledger:
    with suppress(sqlite3.Error):  # there is none
        return read_ledger(data / "ledger.db")
    return {}


def judge(seen: Evidence, report: Report) -> None:
    """Hold the books against each other."""
    findings = report.findings
    for check in books.CHECKS:
        check(seen, findings)
    report.late = books.check_failures(seen, findings)
    report.estimated = books.check_costs(seen, findings)
    report.strict = books.check_strict(seen, findings)
    report.soft = books.check_soft(seen, findings)
    report.refused = books.check_refusals(seen, findings)
    books.check_ledger(seen, findings, time.time(), FORGETS_AFTER_S)
    exact = [row.billed for row in seen.rows if row.record.usage_source == "provider"]
    report.exact, report.exact_nano = len(exact), sum(exact)


class _Probes:
    """Asks one after the other while nothing else goes on: then it is known exactly what must be let through."""

    def __init__(self, fleet: Fleet, data: Path, port: int, findings: Findings) -> None:
        self.asked = self.refused = 0
        self._fleet = fleet
        self._data = data
        self._port = port
        self._findings = findings

    async def ask(self, count: int) -> list[Call]:
        """Ask so many questions."""
        calls = []
        for number in range(count):
            call = self._fleet.draw(10_000 + number)
            call.leaves_at, call.stream = None, False
            call.plan = _plain(call)
            before_s, before = time.time(), await self._stands()
            await ask_once(self._port, call)
            calls.append(call)
            if call.error == "ledger_down":
                continue  # it came too late to tell
            self.asked += 1
            self.refused += call.end == "refused"
            verdicts = {self._fits(call, before, at_s) for at_s in (before_s, time.time())}
            if verdicts == {True} and call.end != "whole":
                what = f"{call.nonce} of {call.team} for {call.model.name}: {call.status} {call.told[:400]}"
                self._findings.add("at rest: refused though there was room", what)
            if verdicts == {False} and call.end == "whole":
                what = f"{call.nonce} of {call.team} for {call.model.name}, bound {call.bound()}"
                self._findings.add("at rest: let through though there was no room", what)
        return calls

    async def _stands(self) -> Ledger:
        """Read the ledger when nothing is held."""
        for _ in range(100):
            ledger = _ledger(self._data)
            if all(one.is_quiet for one in ledger.values()):
                break
            await asyncio.sleep(0.1)
        return ledger

    def _fits(self, call: Call, ledger: Ledger, at_s: float) -> bool | None:
        """Tell whether there is room for a call; None: it is too close to say, or the maximum may be lowered."""
        verdict: bool | None = True
        for rule, balance in self._fleet.spends(call):
            one = self._fits_one(call, rule, balance, ledger, at_s)
            if one is False:
                return False
            verdict = verdict and one
        return verdict

    @staticmethod
    def _fits_one(call: Call, rule: Rule, balance: Balance, ledger: Ledger, at_s: float) -> bool | None:
        if rule.mode == "track":
            return True
        start_s = rule.start(at_s)
        reach_s = rule.reach(start_s)
        used = sum(
            one.total for place, one in ledger.items() if place.series == balance.series and place.start_s >= reach_s
        )
        left = balance.limit - used
        if balance.unit == "requests" or rule.mode == "soft":
            return left > 0
        if "shrink" in rule.more or abs(left - call.bound()) * 50 < call.bound():
            return None if left > 0 else False
        return left >= call.bound()


def _plain(call: Call) -> Plan:
    return replace(call.plan, wait_ms=0, fault="none")


# ==== the command =====================================================================================================


def run(setup: Setup, folder: Path) -> Report:
    """Do everything: the fire, then the steady load."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        report = runner.run(under_fire(setup, folder / "fire"))
        if setup.steady_s:
            report.steady = runner.run(steady(setup.workers, setup.steady_s, folder / "steady", report.findings))
    return report


def main() -> None:
    """Read the command line, run, print."""
    usual = Setup()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=usual.workers)
    parser.add_argument("--agents", type=int, default=usual.agents, help="how many ask at a time")
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="of load; longer if the kills take longer")
    parser.add_argument("--kills", type=int, default=usual.kills)
    parser.add_argument("--rate", type=float, default=usual.rate, help="requests a second, by which limits are sized")
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--steady", type=float, default=usual.steady_s, help="seconds at steady load; 0: leave it out")
    parser.add_argument("--folder", type=Path, help="keep everything there, to look at")
    given = parser.parse_args()
    setup = Setup(given.workers, given.agents, given.seconds, given.kills, given.rate, given.seed, usual.probes,
                  given.steady)  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="budgets") as folder:
        report = run(setup, given.folder or Path(folder))
    if report.steady is not None:
        check_stops(report.steady, report.findings)
    print("\n".join(report.lines()))
    sys.exit(report.findings.total > 0)


def _usd(nano: int) -> str:
    return f"${nano // NANO}.{nano % NANO:09}"


if __name__ == "__main__":
    main()
