"""Retention removes what is due and nothing else, counts nothing twice and nothing never, and survives every death."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.core.record import Hold, Record, decode
from gateway.metrics.totals import Tally
from gateway.policies.retention import Keep, Retention
from gateway.store import removal, schema
from gateway.store import sqlite as sqlite_module
from gateway.store.bodies import REMOVED
from gateway.store.charges import Balance
from gateway.store.interface import StoreBusy, TotalKey
from gateway.store.retention import EVERY_S, FIRST_S, PUT_ASIDE_S, Keeper, Knowledge
from gateway.store.sqlite import SqliteStore
from tests.records import DAY_MS, NOON_MS, finished, record
from tests.store.conformance import counted, nonzero

TEAMS = ("search", "ads", "gone")
FIRST_DAY = NOON_MS // DAY_MS
A_MONTH = ("company/month", 1_793_491_200)
ROOT = Path(__file__).parents[2]


class World:
    """A store with everything that a keeper asks for; a day that it is, and what others know."""

    def __init__(self, folder: Path, rules: Retention | None = None) -> None:
        self.folder = folder
        self.rules = rules or Retention()
        self.day = 0
        self.oldest_open_ms: int | None = None
        self.unsettled: list[bytes] = []
        self.holders: Collection[str] = ("w",)
        self.over: Collection[Balance] = ()
        self.store = SqliteStore(folder, Tally().count)
        self.keeper = self.keep()

    def keep(self) -> Keeper:
        """Make a keeper, as a recorder does that has just started."""
        knowledge = Knowledge(
            rules=lambda: self.rules,
            oldest_open_ms=lambda: self.oldest_open_ms,
            unsettled=lambda: self.unsettled,
            holders=lambda: self.holders,
            is_over=lambda balance: balance in self.over,
        )
        return Keeper(self.store, knowledge, [(self.folder, "*.corrupt-*")], now_s=lambda: self.now_ms / 1000)

    @property
    def now_ms(self) -> int:
        """It is noon."""
        return NOON_MS + self.day * DAY_MS

    def restart(self, folder: Path | None = None) -> None:
        """Open the store again; in a copy of its folder, as a killed process leaves it."""
        if folder is None:
            self.store.close()
        else:
            shutil.copytree(self.folder, folder)
            self.folder = folder
        self.store = SqliteStore(self.folder, Tally().count)
        self.keeper = self.keep()

    def commit(self, *records: Record, amends: bool = False) -> None:
        """Store records with bodies, an amendment without."""
        bodies = (None, None) if amends else (b'{"a":1}', b'{"b":2}')
        self.store.commit([finished(one, *bodies, amends=amends) for one in records], {"w.seg": 7})

    def stored(self) -> dict[str, bool]:
        """Return the ids of all rows, and whether their bodies are there."""
        found = {}
        for path in self.store.days():
            with contextlib.closing(sqlite3.connect(path)) as sql:
                assert [("ok",)] == sql.execute("PRAGMA integrity_check").fetchall()
                ids = {key for (key,) in sql.execute("SELECT id FROM exchanges")}
                for meta, codec in sql.execute("SELECT record, codec FROM contents"):
                    found[decode(meta).id] = codec != REMOVED
                assert len(ids) == sql.execute("SELECT count(*) FROM contents").fetchone()[0]
        return found

    def totals(self) -> dict[TotalKey, int]:
        """Return what records have moved."""
        return nonzero({key: value for key, value in self.store.totals().items() if key[0] != schema.REMOVED})

    def removed(self) -> dict[str, int]:
        """Return how much was removed, as counted."""
        return {labels[0]: value for (name, labels, _), value in self.store.totals().items() if name == schema.REMOVED}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """One with nothing in it."""
    world = World(tmp_path / "store")
    yield world
    world.store.close()


def of_day(day: int, **fields: object) -> Record:
    """Make a record of a day, counted from the first."""
    return record(NOON_MS + day * DAY_MS, **fields)


class Days(RuleBasedStateMachine):
    """Teams with their days, time that goes on, recorders that die: rows and sums are always as a model says."""

    @initialize()
    def begin(self) -> None:
        """Nothing is there yet."""
        self.root = Path(tempfile.mkdtemp())
        self.world = World(self.root / "0")
        self.records: dict[str, Record] = {}
        self.days: dict[str, int] = {}
        self.rows: dict[str, bool] = {}
        self.copies = 0

    def teardown(self) -> None:
        """Clean up."""
        self.world.store.close()
        shutil.rmtree(self.root)

    @rule(days_ago=st.integers(0, 4), team=st.sampled_from(TEAMS), cost=st.integers(0, 9))
    def an_exchange_ends(self, days_ago: int, team: str, cost: int) -> None:
        """Perhaps one that began days ago, whose day is gone."""
        day = self.world.day - days_ago
        one = of_day(day, team=team, cost_nano_usd=cost, holder="w", holds=[Hold(*A_MONTH, "usd", 9, cost, 1)])
        self.world.commit(one)
        self.records[one.id], self.days[one.id], self.rows[one.id] = one, day, True

    @rule(days=st.integers(1, 3))
    def time_passes(self, days: int) -> None:
        """Another day."""
        self.world.day += days

    @rule(
        company=st.none() | st.integers(1, 4), own=st.none() | st.integers(1, 4), bodies=st.none() | st.integers(1, 3)
    )
    def config_changes(self, company: int | None, own: int | None, bodies: int | None) -> None:
        """One team has days of its own."""
        self.world.rules = Retention(Keep(company, bodies), {"ads": Keep(own, None)})

    @rule()
    def a_pass_is_made(self) -> None:
        """All that is due is removed, as the model says."""
        self.world.keeper.finish()
        for name, day in self.days.items():
            due = self.world.rules.due(self.world.day - day)
            team = self.records[name].team
            if team in due.rows:
                self.rows.pop(name, None)
            elif name in self.rows and team in due.bodies:
                self.rows[name] = False
        assert self.rows == self.world.stored()

    @rule(steps=st.integers(0, 12))
    def the_recorder_is_killed(self, steps: int) -> None:
        """In the midst of a pass; what it left is found by the next one."""
        self.world.keeper.hurry()
        for _ in range(steps):
            if not self.world.keeper.step():
                break
        dead = self.world.store
        self.copies += 1
        self.world.restart(self.root / str(self.copies))
        dead.close()
        self.rows = {name: has_bodies for name, has_bodies in self.world.stored().items()}

    @invariant()
    def sums_are_whole(self) -> None:
        """Whatever was removed: counters never fall, charges of a holder that is open stay."""
        records = list(self.records.values())
        cost = sum(one.cost_nano_usd for one in records)

        assert counted(records) == self.world.totals()
        assert ({A_MONTH: cost} if cost else {}) == nonzero(self.world.store.spent("w"))

    @invariant()
    def nothing_goes_that_should_stay(self) -> None:
        """What is not due under any setting so far is there, and what was removed is counted."""
        assert set(self.rows) <= set(self.world.stored())
        assert len(self.records) - len(self.world.stored()) == self.world.removed().get("rows", 0)


TestDays = Days.TestCase
TestDays.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_a_day_of_which_nothing_is_kept_becomes_its_sums(world: World) -> None:
    """Counters, watermarks and numbers go on, also over a restart: nothing but the rows is gone."""
    records = [of_day(0), of_day(0, team="ads"), of_day(4)]
    world.commit(*records)
    world.rules, world.day = Retention(Keep(rows_days=3)), 4
    world.keeper.finish()
    assert ["2026-11-27.db"] == [path.name for path in world.store.days()]
    next_seq = world.store.next_seq
    world.restart()

    assert counted(records) == world.totals()
    assert {"rows": 2} == world.removed()
    assert {"w.seg": 7} == world.store.watermarks()
    assert next_seq <= world.store.next_seq


def test_watermark_of_an_idle_gateway_outlives_its_last_day(world: World) -> None:
    """Where the last day file is folded, the journal is not read again from its beginning."""
    world.commit(of_day(0))
    world.rules, world.day = Retention(Keep(1)), 9
    world.keeper.finish()
    assert [] == world.store.days()
    world.restart()

    assert {"w.seg": 7} == world.store.watermarks()


@pytest.mark.parametrize("where", ["before the commit", "before the unlink", "after the unlink"])
def test_dying_while_a_day_is_folded_counts_it_once(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """At whatever step the recorder dies, the next one finds the day's sums once."""
    records = [of_day(0, holder="w", holds=[Hold(*A_MONTH, "usd", 9, 5)]), of_day(0)]
    world.commit(*records)
    world.rules, world.day = Retention(Keep(1)), 3
    if where == "before the commit":
        monkeypatch.setattr(schema, "ADD_TOTAL", "INSERT INTO missing VALUES (?,?,?,?)")
    unlink = sqlite_module.unlink

    def dies(path: Path) -> None:
        if where == "after the unlink":
            unlink(path)
        raise OSError("killed")

    monkeypatch.setattr(sqlite_module, "unlink", dies)
    with pytest.raises((OSError, StoreBusy)):
        world.keeper.finish()
    monkeypatch.undo()
    dead = world.store
    world.restart(tmp_path / "after")
    dead.close()
    assert counted(records) == world.totals()
    world.keeper.finish()

    assert [] == world.store.days()
    assert counted(records) == world.totals()
    assert {A_MONTH: 5} == world.store.spent("w")
    assert {"rows": 2} == world.removed()


KILLED = """
import os, sys
from pathlib import Path
from gateway.store import sqlite
from tests.store.test_retention import *

def kill(path):
    os.kill(os.getpid(), 9)

sqlite.unlink = kill
world = World(Path(sys.argv[1]), Retention(Keep(1)))
world.day = 3
world.keeper.finish()
"""


def test_kill_between_fold_and_unlink(world: World) -> None:
    """The same with a real kill -9, on the real files."""
    records = [of_day(0), of_day(0)]
    world.commit(*records)
    world.store.close()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(world.folder)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert -signal.SIGKILL == killed.returncode
    assert (world.folder / "2026-11-23.db").exists()
    world.restart()

    assert [] == world.store.days()
    assert counted(records) == world.totals()


def test_an_exchange_of_a_day_that_is_gone_is_counted_once(world: World) -> None:
    """Its day gets another file, which is folded in turn: the first one's name does not hide it."""
    early, late = of_day(0), of_day(0)
    world.commit(early)
    world.rules, world.day = Retention(Keep(1)), 3
    world.keeper.finish()
    world.commit(late)
    world.restart()
    assert {late.id: True} == world.stored()
    assert counted([early, late]) == world.totals()
    world.keeper.finish()
    world.restart()

    assert {} == world.stored()
    assert counted([early, late]) == world.totals()


def test_what_is_not_settled_keeps_its_row_until_it_is(world: World) -> None:
    """A job that is booked after its row's time is counted once: only its bodies have gone by then."""
    asked, other = of_day(0, cost_nano_usd=0), of_day(0)
    booked = record(id=asked.id, cost_nano_usd=500)
    world.commit(asked, other)
    world.unsettled = [finished(asked).key]
    world.rules, world.day = Retention(Keep(1, 1)), 3
    world.keeper.finish()
    assert {asked.id: False} == world.stored()
    world.commit(booked, amends=True)
    assert {asked.id: False} == world.stored()
    assert counted([booked, other]) == world.totals()
    world.unsettled = []
    world.keeper.finish()

    assert {} == world.stored()
    assert counted([booked, other]) == world.totals()


@pytest.mark.parametrize("rules", [Retention(Keep(1)), Retention(Keep(1), {"ads": Keep()})])
def test_what_a_restart_may_read_again_stays(world: World, rules: Retention) -> None:
    """An exchange that ended after one began that still runs stands behind it in the journal: its row must be found."""
    long, short = of_day(0, duration_ms=float(2 * DAY_MS)), of_day(0)
    world.commit(long, short)
    world.rules, world.day = rules, 3
    world.oldest_open_ms = world.now_ms - DAY_MS
    world.keeper.finish()
    assert {long.id} <= set(world.stored())
    world.commit(long)
    world.oldest_open_ms = None
    world.keeper.finish()

    assert {} == world.stored()
    assert counted([long, short]) == world.totals()


@pytest.mark.parametrize("rules", [Retention(Keep(1)), Retention(Keep(1), {"ads": Keep()})], ids=["day", "rows"])
def test_what_the_disk_may_lose_stays(world: World, monkeypatch: pytest.MonkeyPatch, rules: Retention) -> None:
    """As long as a power loss could take a commit back, and the journal bring it again, nothing is removed."""
    world.commit(of_day(0))
    world.rules, world.day = rules, 3
    monkeypatch.setattr(SqliteStore, "sync", lambda self: False)
    world.keeper.finish()

    assert 1 == len(world.stored())


def test_rows_that_come_during_a_pass_wait_for_the_next(world: World) -> None:
    """What was committed after the pass began may still be read again."""
    first = of_day(0)
    world.commit(first)
    world.rules, world.day = Retention(Keep(1), {"ads": Keep()}), 3
    world.keeper.hurry()
    while first.id in world.stored():
        world.keeper.step()
        world.commit(late := of_day(0))
    world.keeper.finish()
    assert late.id in world.stored()
    world.keeper.finish()

    assert {} == world.stored()


def test_a_job_that_comes_during_a_pass_is_not_folded_away(world: World) -> None:
    """Which jobs are open was asked before: what came since is left to the next pass."""
    world.commit(of_day(0))
    world.rules, world.day = Retention(Keep(1)), 3
    world.keeper.hurry()
    for _ in range(2):
        world.keeper.step()
    asked = of_day(0, cost_nano_usd=0)
    world.commit(asked)
    world.unsettled = [finished(asked).key]
    while world.keeper.step():
        pass

    assert asked.id in world.stored()


def test_numbers_go_on_behind_what_is_gone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the clock was set back and no file is left: a follower would miss what has a lower number."""
    world.commit(of_day(0))
    next_seq = world.store.next_seq
    world.rules, world.day = Retention(Keep(1)), 3
    world.keeper.finish()
    monkeypatch.setattr(sqlite_module.time, "time_ns", lambda: 0)
    world.restart()

    assert next_seq == world.store.next_seq


def test_charges_of_holders_that_are_gone_are_forgotten(world: World) -> None:
    """Nobody asks for them again; what became known late is asked for as long as its balance counts."""
    holds = [Hold("a", 10, "usd", 9, 5), Hold("b", 10, "usd", 9, 5, 2), Hold("c", 20, "usd", 9, 0, 3)]
    world.commit(of_day(0, holder="dead", holds=holds), of_day(0, holder="w", holds=holds[:1]))
    world.rules, world.day = Retention(Keep(1)), 3
    world.over = [("c", 20)]
    world.keeper.finish()
    world.restart()

    assert {("dead", "b", 10): 2} == world.store.late()
    assert {("a", 10): 5} == world.store.spent("w")
    with contextlib.closing(sqlite3.connect(world.folder / schema.ROLLUPS_FILE)) as sql:
        assert [("dead", "b"), ("w", "a")] == sql.execute("SELECT holder, series FROM charges").fetchall()


def test_room_is_given_back_in_steps(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is as small as what it still holds, and no step is larger than its pace allows."""
    records = [of_day(0) for _ in range(200)]
    body = os.urandom(48_000)
    world.store.commit([finished(one, body, body) for one in records], {})
    world.store.sync()
    path = world.folder / "2026-11-23.db"
    before = path.stat().st_size
    monkeypatch.setattr(removal, "STEP_S", 0.0)  # as slow as can be: one row at a time, one page
    world.rules, world.day = Retention(Keep(None, 1)), 3
    world.keeper.hurry()
    steps = 0
    while world.keeper.step():
        steps += 1

    assert steps > 200
    packed = world.folder / "packed"
    with contextlib.closing(sqlite3.connect(path)) as sql:
        sql.execute("VACUUM INTO ?", (str(packed),))
    assert path.stat().st_size <= 1.02 * packed.stat().st_size
    assert path.stat().st_size < before / 10
    assert {"bodies": 200} == world.removed()
    assert counted(records) == world.totals()


def test_what_was_looked_at_is_not_looked_at_again(world: World) -> None:
    """A pass over days where nothing is left to do costs a step or two each, however large they are."""
    world.commit(*[of_day(0) for _ in range(50)])
    world.rules, world.day = Retention(Keep(None, 1)), 3
    world.keeper.rows.amount = 1
    world.keeper.finish()
    world.keeper.hurry()
    steps = 0
    while world.keeper.step():
        steps += 1

    assert steps < 5


def test_first_pass_waits_and_others_come_a_few_times_an_hour(tmp_path: Path) -> None:
    """Workers that outlived the last recorder have the time to say that they are here."""
    world = World(tmp_path, Retention(Keep(1)))
    clock = [0.0]
    keeper = Keeper(
        world.store, world.keeper._knowledge, now_s=lambda: world.now_ms / 1000, monotonic_s=lambda: clock[0]
    )
    world.commit(of_day(0))
    world.day = 3
    assert not keeper.step()
    clock[0] = FIRST_S
    while keeper.step():
        pass
    assert {} == world.stored()
    world.commit(of_day(0))
    clock[0] += EVERY_S / 2
    assert not keeper.step()
    clock[0] += EVERY_S / 2

    assert keeper.step()
    world.store.close()


def test_a_store_that_is_locked_is_tried_again_later(world: World) -> None:
    """An error ends the pass, loses nothing, and the next pass does the rest."""
    one = of_day(0)
    world.commit(one)
    world.rules, world.day = Retention(Keep(1), {"ads": Keep()}), 3
    with contextlib.closing(sqlite3.connect(world.folder / "2026-11-23.db", isolation_level=None)) as locker:
        locker.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy):
            world.keeper.finish()
    assert {one.id: True} == world.stored()
    world.keeper.finish()

    assert {} == world.stored()


def test_damaged_files_are_not_kept_for_good(world: World) -> None:
    """What was put aside may hold what people said."""
    old, new = world.folder / "2026-11-01.db.corrupt-20261101T000000", world.folder / "2026-11-22.db.corrupt-1"
    for path, age_s in ((old, PUT_ASIDE_S + 1), (new, PUT_ASIDE_S - 1)):
        path.write_bytes(b"what was said")
        os.utime(path, (world.now_ms / 1000 - age_s,) * 2)
    world.keeper.finish()

    assert (False, True) == (old.exists(), new.exists())
