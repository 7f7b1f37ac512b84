"""Gauges show what runs now, as the board, the supervisor and the recording thread tell it."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.app.budget_gauges import BudgetGauges
from gateway.app.budget_watch import BudgetWatch
from gateway.app.channel import State
from gateway.app.evaluation_gauges import EvaluationGauges
from gateway.app.gauges import Gauges, Source
from gateway.app.owners import Owners
from gateway.app.price_refresh import Refresher
from gateway.app.price_shelf import Shelf
from gateway.app.reckoning import Reckoning
from gateway.app.recording import Recording, Rules
from gateway.app.vitals import Vitals
from gateway.evaluation.queue_reader import QueueReader
from gateway.ledger.server import Server
from gateway.metrics import board, catalogue
from gateway.metrics.board import FRESH_MS, Board
from gateway.metrics.catalogue import Metric
from gateway.metrics.render import Exposition
from gateway.metrics.totals import Tally
from gateway.policies.budget import Budgets
from gateway.policies.evaluating import Evaluating, Plugin, Rule
from tests.app.test_price_shelf import keep
from tests.records import Ledger, unbooked


def make(folder: Path, refresher: Refresher | None = None, others: Sequence[Source] = ()) -> tuple[Board, Gauges]:
    """Make gauges over a folder in which nothing runs yet."""
    shared = Board(folder / "board")
    folders = folder / "journal", folder / "store"
    recording = Recording(*folders, Tally(), Rules(lambda one: one, unbooked), Ledger())
    refresher = refresher or Refresher(Shelf(folder))
    return shared, Gauges(shared, recording, folders, refresher, others, Reckoning(shared))


def shown(gauges: Gauges, metric: Metric) -> Mapping[tuple[str, ...], float]:
    """Look a metric up."""
    return dict(gauges.samples({})[metric])


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
    assert {("0",): 0, ("1",): 1} == shown(gauges, catalogue.WORKER_UP)


def test_counters_of_slots_no_longer_used_still_count(tmp_path: Path) -> None:
    """With fewer workers than yesterday no counter falls."""
    shared, gauges = make(tmp_path)
    shared.slot(0).add(board.REJECTED_AUTH, 2)
    shared.slot(40).add(board.REJECTED_AUTH, 3)
    shared.slot(40).add(board.JOURNAL_LOST, 4)

    assert 5 == shown(gauges, catalogue.REJECTIONS)[("auth",)]
    assert 4 == shown(gauges, catalogue.JOURNAL_DROPPED)[("append_failed",)]


def test_admissions_are_told_by_whether_the_ledger_was_asked(tmp_path: Path) -> None:
    """Of all workers together."""
    shared, gauges = make(tmp_path)
    for slot, cell, count in ((0, board.ADMISSIONS, 7), (1, board.ADMISSIONS, 3), (1, board.ADMISSIONS_ASKED, 1)):
        shared.slot(slot).add(cell, count)
    shared.slot(1).add(board.LEDGER_ASKS, 3)

    assert {(): 10} == shown(gauges, catalogue.ADMISSIONS)
    assert {(): 1} == shown(gauges, catalogue.ADMISSIONS_ASKED)
    assert {(): 3} == shown(gauges, catalogue.LEDGER_ASKS)


def test_supervisor_tells_reloads_and_restarts(tmp_path: Path) -> None:
    """What only the supervisor knows is shown as it said it, and wrote it on its row."""
    shared, gauges = make(tmp_path)
    gauges.state = State(generation=3, reload_ok=False)
    row = shared.slot(board.SUPERVISOR)
    for cell, count in ((board.DIED_CRASH, 3), (board.DIED_KILLED, 1), (board.RELOADS_FAILED, 2)):
        row.add(cell, count)
    row.set(board.RELOADED_AT_MS, 1_795_600_000_123)

    assert {(): 0.0} == shown(gauges, catalogue.CONFIG_RELOADED)
    assert {(): 1_795_600_000_123} == shown(gauges, catalogue.CONFIG_RELOADED_AT)
    assert {("ok",): 0, ("failed",): 2} == shown(gauges, catalogue.CONFIG_RELOADS)
    assert {("crash",): 3, ("killed",): 1, ("watchdog",): 0} == shown(gauges, catalogue.WORKER_RESTARTS)


def test_appends_of_all_workers_are_one_histogram(tmp_path: Path) -> None:
    """As each worker's vitals wrote them on its row."""
    shared, gauges = make(tmp_path)
    for index, took_ns in ((0, 400_000), (1, 450_000), (1, 3_000_000_000)):
        Vitals(shared.slot(index), 0.5).appended(took_ns)
    moved = {part: value for (_, _, part), value in gauges.appends().items() if value}

    assert {"0.0005": 2, "+Inf": 1, "sum": 3_000_850} == moved


def test_a_worker_that_tells_no_memory_has_no_series(tmp_path: Path) -> None:
    """Not every system says it, and 0 would be a lie."""
    shared, gauges = make(tmp_path)
    gauges.state = State(generation=1, reload_ok=True, workers=2)
    shared.slot(1).set(board.MEMORY_BYTES, 4096)
    shared.slot(1).set(board.LOOP_LAG_US, 1500)

    assert {("1",): 4096} == shown(gauges, catalogue.WORKER_MEMORY)
    assert {("0",): 0, ("1",): 1500} == shown(gauges, catalogue.LOOP_LAG)


async def test_prices_are_told_where_config_names_a_source(tmp_path: Path) -> None:
    """How the last look went, and since when the list in force is there; nothing without a source."""
    keep(tmp_path, 7, at_s=1_795_600_000.0)
    shelf = Shelf(tmp_path)
    refresher = Refresher(shelf)
    _, gauges = make(tmp_path, refresher)
    metrics = catalogue.PRICES_REFRESHED, catalogue.PRICES_OBTAINED
    told = [[shown(gauges, metric) for metric in metrics]]
    await shelf.take(refreshed=True)
    refresher.succeeded = False
    told.append([shown(gauges, metric) for metric in metrics])

    assert [[{}, {}], [{(): 0.0}, {(): 1_795_600_000.0}]] == told


async def test_every_process_metric_is_given_and_renders(tmp_path: Path) -> None:
    """No metric of the catalogue is forgotten, also before the store could be opened."""
    server = await Server.open(tmp_path)
    budgets = BudgetGauges(BudgetWatch(server, Owners(Budgets())), server)
    rules = {"search": (Rule(team="search", evaluator="a"),)}
    evaluation = EvaluationGauges(
        Board(tmp_path / "board"), QueueReader(tmp_path), lambda: Evaluating({"a": Plugin("a", "a")}, rules)
    )
    _, gauges = make(tmp_path, others=[budgets, evaluation])
    (tmp_path / "journal").mkdir(exist_ok=True)
    samples, counters = gauges.samples({}), gauges.counters() | gauges.appends()
    page = Exposition(lambda: counters, lambda _: samples, Tally()).render("").body
    await server.stop()

    # A recording that has not begun has read nothing, and of this ledger no budget has a threshold.
    later = {catalogue.APPLY, catalogue.JOURNAL_RECORDS, catalogue.THRESHOLDS}
    of_the_page = {catalogue.SERIES, catalogue.RENDER, catalogue.RATELIMIT_LEFT}
    given = set(samples) | {catalogue.CATALOGUE[name] for name, _, _ in counters}
    assert set(catalogue.FROM_PROCESSES) | {catalogue.REJECTIONS} == given | later | of_the_page
    assert b"tollway_build_info{" in page


def test_store_size_is_that_of_its_files(tmp_path: Path) -> None:
    """Logs beside the day files count too."""
    _, gauges = make(tmp_path)
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "2026-11-23.db").write_bytes(bytes(100))
    (tmp_path / "store" / "2026-11-23.db-wal").write_bytes(bytes(11))

    assert {(): 111} == shown(gauges, catalogue.STORE_SIZE)
