"""What exchanges have in common has one number a day; names that callers make up have no more than there is room."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.metrics.totals import Tally
from gateway.store import naming as naming_module
from gateway.store import schema
from gateway.store.naming import Naming
from gateway.store.sqlite import SqliteStore
from tests.records import finished, record
from tests.store.recount import sums_agree


@pytest.fixture
def sql() -> Iterator[sqlite3.Connection]:
    """An empty day file."""
    sql = sqlite3.connect(":memory:", isolation_level=None)
    sql.executescript(schema.SCHEMA)
    yield sql
    sql.close()


def shown(folder: Path, *names: str) -> list[tuple[object, ...]]:
    """Read columns of the log, sorted."""
    sql = sqlite3.connect(folder / "2026-11-23.db")
    found = sql.execute(f"SELECT {', '.join(names)} FROM log ORDER BY 1").fetchall()
    sql.close()
    return found


def test_same_names_have_the_same_numbers(sql: sqlite3.Connection) -> None:
    """Within a run; and what differs in one name has another."""
    naming = Naming(sql)
    first = naming.of(record(session="s1"))

    assert first == naming.of(record(session="s1", cost_nano_usd=5))
    assert first.kind == naming.of(record(session="s2")).kind
    assert first.claim != naming.of(record(session="s2")).claim
    assert first.kind != naming.of(record(session="s1", outcome="timeout")).kind
    assert first.claim == naming.of(record(session="s1", outcome="timeout")).claim


def test_who_is_new_is_not_looked_for(sql: sqlite3.Connection) -> None:
    """Where nearly every exchange is of another session, that would be a question for each."""
    naming = Naming(sql)
    naming.of(record(session="s0"))
    asked: list[str] = []
    sql.set_trace_callback(asked.append)
    for number in range(1, 100):
        naming.of(record(session=f"s{number}"))

    assert [] == [statement for statement in asked if "claims" in statement]


def test_who_was_new_is_found_when_it_is_forgotten(sql: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered has a bound; the file knows the number."""
    monkeypatch.setattr(naming_module, "REMEMBERED", 0)
    naming = Naming(sql)
    first = naming.of(record(session="s1"))
    for number, names in naming.take_new_claims().items():
        sql.execute(schema.INSERT_CLAIM, (number, 0, *names, 0, 0, *[0] * len(schema.MEASURES)))

    assert first == naming.of(record(session="s1"))
    assert {} == naming.take_new_claims()


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    """The same names, the same numbers: kinds and claims stand there once."""
    for _ in range(2):
        store = SqliteStore(tmp_path, Tally().count)
        store.commit([finished(record(session="s1", tags=["x"])), finished(record(user="ann"))], {})
        store.close()
    sql = sqlite3.connect(tmp_path / "2026-11-23.db")
    counts = [sql.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("kinds", "claims", "tags")]
    sql.close()

    assert [1, 2, 2] == counts
    sums_agree(tmp_path)


def test_models_that_a_client_invents_share_one_sum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that answer find room where those that do not no longer do; each row keeps the name that was asked for."""
    monkeypatch.setattr(naming_module, "MODELS_TRIED", 3)
    monkeypatch.setattr(naming_module, "MODELS_ANSWERED", 5)
    store = SqliteStore(tmp_path, Tally().count)
    failed = {"model_served": None, "status": 404, "outcome": "client_error"}
    invented = [record(model_requested=f"m{number}", **failed) for number in range(20)]
    answered = [record(model_requested=f"gpt-{number}", model_served=f"gpt-{number}") for number in range(4)]
    store.commit([finished(one) for one in [*invented, *answered]], {})
    store.close()
    sql = sqlite3.connect(tmp_path / "2026-11-23.db")
    by_model = sql.execute(
        "SELECT model_requested, sum(requests) FROM rollups JOIN kinds USING (kind) WHERE step_s = 86400 GROUP BY 1"
    ).fetchall()
    sql.close()

    assert [("gpt-0", 1), ("gpt-1", 1), ("m0", 1), ("m1", 1), ("m2", 1), ("other", 19)] == by_model
    assert sorted(one.model_requested or "" for one in [*invented, *answered]) == [
        name for (name,) in shown(tmp_path, "model_requested")
    ]
    sums_agree(tmp_path)


def test_callers_beyond_the_bound_share_one_sum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also over restarts and amendments; each row keeps who it was for, and whoever claims nothing stays nobody."""
    monkeypatch.setattr(naming_module, "CLAIMS_MOST", 3)
    monkeypatch.setattr(naming_module, "TAGS_MOST", 2)
    records = [record(session=f"s{number}", user="ann", tags=[f"t{number}"]) for number in range(6)]
    for one in [*records, record()]:
        store = SqliteStore(tmp_path, Tally().count)
        store.commit([finished(one)], {})
        store.close()
    store = SqliteStore(tmp_path, Tally().count)
    for one in records:
        one.cost_nano_usd = 7
        store.commit([finished(one, amends=True)], {})
    store.close()
    sql = sqlite3.connect(tmp_path / "2026-11-23.db")
    by_session = sql.execute("SELECT session, user, requests FROM claims").fetchall()
    by_tag = sql.execute("SELECT tag, requests, cost_nano_usd FROM tags").fetchall()
    sql.close()

    assert [("s0", "ann", 1), ("s1", "ann", 1), ("s2", "ann", 1), ("other", "other", 3), ("", "", 1)] == by_session
    assert [("", 1, 27_000), ("other", 4, 28), ("t0", 1, 7), ("t1", 1, 7)] == by_tag
    assert [(None,), *[(f"s{number}",) for number in range(6)]] == shown(tmp_path, "session")
    assert [(None,), *[("ann",)] * 6] == shown(tmp_path, "user")


def test_memory_of_what_was_looked_up_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins again, and nothing gets a second number."""
    monkeypatch.setattr(naming_module, "REMEMBERED", 4)
    store = SqliteStore(tmp_path, Tally().count)
    for number in range(30):
        batch = [record(session=f"s{(number + step) % 10}", tags=[f"t{number % 7}"]) for step in range(3)]
        store.commit([finished(one) for one in batch], {})
    store.close()
    sql = sqlite3.connect(tmp_path / "2026-11-23.db")
    claims = sql.execute("SELECT count(*), count(DISTINCT session) FROM claims").fetchone()
    sql.close()

    assert (10, 10) == claims
    sums_agree(tmp_path)
