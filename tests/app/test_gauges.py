"""Gauges show what runs now, as the board, the supervisor and the recording thread tell it."""

import time
from collections.abc import Mapping
from pathlib import Path

from gateway.app.budget_gauges import BudgetGauges
from gateway.app.budget_watch import BudgetWatch
from gateway.app.channel import State
from gateway.app.gauges import FRESH_MS, Gauges
from gateway.app.owners import Owners
from gateway.app.price_refresh import Refresher
from gateway.app.price_shelf import Shelf
from gateway.app.recording import Recording, Rules
from gateway.ledger.server import Server
from gateway.metrics import board, catalogue
from gateway.metrics.board import Board
from gateway.metrics.catalogue import Metric
from gateway.metrics.render import Exposition, Samples
from gateway.metrics.totals import Tally
from gateway.policies.budget import Budgets
from tests.app.test_price_shelf import keep
from tests.records import Ledger, unbooked


def make(folder: Path) -> tuple[Board, Gauges]:
    """Make gauges over a folder in which nothing runs yet."""
    shared = Board(folder / "board")
    recording = Recording(folder / "journal", folder / "store", Tally(), Rules(lambda one: one, unbooked), Ledger())
    return shared, Gauges(shared, recording, folder / "store", Refresher(Shelf(folder)), dict)


def shown(samples: Samples, metric: Metric) -> Mapping[tuple[str, ...], float]:
    """Look a metric up."""
    return dict(samples[metric])


def test_workers_are_up_while_their_hearts_beat(tmp_path: Path) -> None:
    """A heartbeat is fresh for ten seconds; a slot beyond the configured workers does not count."""
    shared, gauges = make(tmp_path)
    gauges.state = State(generation=1, reload_ok=True, workers=2)
    now_ms = time.time_ns() // 1_000_000
    shared.slot(0).set(board.HEARTBEAT_MS, now_ms - FRESH_MS - 1000)
    shared.slot(5).set(board.HEARTBEAT_MS, now_ms)
    assert not gauges.worker_is_up()
    shared.slot(1).set(board.HEARTBEAT_MS, now_ms)

    assert gauges.worker_is_up()
    assert {("0",): 0, ("1",): 1} == shown(gauges.samples(), catalogue.WORKER_UP)


def test_counters_of_slots_no_longer_used_still_count(tmp_path: Path) -> None:
    """With fewer workers than yesterday no counter falls."""
    shared, gauges = make(tmp_path)
    shared.slot(0).add(board.REJECTED_AUTH, 2)
    shared.slot(40).add(board.REJECTED_AUTH, 3)
    shared.slot(40).add(board.JOURNAL_LOST, 4)

    assert 5 == shown(gauges.samples(), catalogue.REJECTIONS)[("auth",)]
    assert 4 == shown(gauges.samples(), catalogue.JOURNAL_DROPPED)[("append_failed",)]


def test_admissions_are_told_by_whether_the_ledger_was_asked(tmp_path: Path) -> None:
    """Of all workers together."""
    shared, gauges = make(tmp_path)
    for slot, cell, count in ((0, board.ADMISSIONS, 7), (1, board.ADMISSIONS, 3), (1, board.ADMISSIONS_ASKED, 1)):
        shared.slot(slot).add(cell, count)
    shared.slot(1).add(board.LEDGER_ASKS, 3)

    assert {(): 10} == shown(gauges.samples(), catalogue.ADMISSIONS)
    assert {(): 1} == shown(gauges.samples(), catalogue.ADMISSIONS_ASKED)
    assert {(): 3} == shown(gauges.samples(), catalogue.LEDGER_ASKS)


def test_supervisor_tells_reloads_and_restarts(tmp_path: Path) -> None:
    """What only the supervisor knows is shown as it said it."""
    _, gauges = make(tmp_path)
    gauges.state = State(generation=3, reload_ok=False, restarts={"worker 0": 2, "worker 1": 1, "recorder": 7})

    assert {(): 0.0} == shown(gauges.samples(), catalogue.CONFIG_RELOADED)
    assert {("crash",): 3} == shown(gauges.samples(), catalogue.WORKER_RESTARTS)


async def test_prices_are_told_where_config_names_a_source(tmp_path: Path) -> None:
    """How the last look went, and since when the list in force is there; nothing without a source."""
    keep(tmp_path, 7, at_s=1_795_600_000.0)
    shelf = Shelf(tmp_path)
    refresher = Refresher(shelf)
    gauges = Gauges(
        Board(tmp_path / "board"),
        Recording(tmp_path / "journal", tmp_path / "store", Tally(), Rules(lambda one: one, unbooked), Ledger()),
        tmp_path / "store",
        refresher,
        dict,
    )
    told = [gauges.samples()]
    await shelf.take(refreshed=True)
    refresher.succeeded = False
    told.append(gauges.samples())

    assert [{}, {(): 0.0}] == [shown(samples, catalogue.PRICES_REFRESHED) for samples in told]
    assert [{}, {(): 1_795_600_000.0}] == [shown(samples, catalogue.PRICES_OBTAINED) for samples in told]


async def test_every_process_metric_is_given_and_renders(tmp_path: Path) -> None:
    """No metric of the catalogue is forgotten, also before the store could be opened."""
    _, gauges = make(tmp_path)
    server = await Server.open(tmp_path)
    gauges._budgets = BudgetGauges(BudgetWatch(server, Owners(Budgets())), server).samples
    samples = gauges.samples()
    body, _ = Exposition(dict, lambda: samples).render("")
    await server.stop()

    assert set(catalogue.FROM_PROCESSES) | {catalogue.REJECTIONS} == set(samples)
    assert b"tollway_build_info{" in body


def test_store_size_is_that_of_its_files(tmp_path: Path) -> None:
    """Logs beside the day files count too."""
    _, gauges = make(tmp_path)
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "2026-11-23.db").write_bytes(bytes(100))
    (tmp_path / "store" / "2026-11-23.db-wal").write_bytes(bytes(11))

    assert {(): 111} == shown(gauges.samples(), catalogue.STORE_SIZE)
