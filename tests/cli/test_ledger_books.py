"""`tollway audit` compares the log with the ledger, whoever writes it meanwhile."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from gateway.core.record import Attempt, Hold, Record
from gateway.ledger.lease import Place
from gateway.ledger.server import Server
from tests.cli.commands import run, store
from tests.records import record

CONFIG = """
[server]
data_dir = "data"
[[budgets]]
name = "all"
limit_usd = "5"
window = "total"
"""
TOTAL = Place("company/all", 0)


def charged(amount: int, late: int = 0, *, place: Place = TOTAL) -> Record:
    """Make an exchange without usage that was charged so much."""
    holds = [Hold(*place, "usd", 100, charged=amount, late=late)]
    return record(
        holder="w1", holds=holds, cost_nano_usd=amount + late, bound_nano_usd=amount + late,
        usage=None, usage_source="estimated", price_source="none", attempts=[Attempt(provider="openai")],
    )  # fmt: skip


def kept(folder: Path, records: list[Record], spent: dict[Place, int], late: int = 0) -> None:
    """Keep a log, and a ledger that was told this of its worker."""
    (folder / "config.toml").write_text(CONFIG)
    store(folder, records)

    async def tell() -> None:
        server = await Server.open(folder / "data")
        server.late("w1", TOTAL, late)
        await server.close("w1", spent)
        await server.stop()

    asyncio.run(tell())


def audited(folder: Path, *options: str) -> tuple[list[tuple[str, Any, Any]], dict[str, Any]]:
    """Audit; return what the ledger says otherwise, and the summary."""
    *found, summary = run(folder, "audit", "--json", *options).lines
    return [(one["check"], one["recorded"], one["recomputed"]) for one in found if one["check"] != "bodies"], summary


def test_a_ledger_that_agrees_with_the_log(tmp_path: Path) -> None:
    """What became known late is part of it; estimates are listed apart."""
    kept(tmp_path, [charged(50), charged(7, -2)], {TOTAL: 57}, late=-2)
    found, summary = audited(tmp_path)

    assert [] == found
    assert (1, 2) == (summary["checked"]["balances"], summary["checked"]["charges"])
    assert {"not told": {"exchanges": 2, "cost_nano_usd": 55, "at_bound": 2, "cost_usd": "0.000000055"}} == summary[
        "estimated"
    ]
    assert (
        "booked on an estimate (not told): 2 exchanges, 0.000000055 USD, 2 at their bound"
        in run(tmp_path, "audit").text
    )


def test_a_ledger_that_does_not_is_a_difference(tmp_path: Path) -> None:
    """With exit code 1."""
    kept(tmp_path, [charged(50)], {TOTAL: 49})

    assert [("ledger", 49, 50)] == audited(tmp_path)[0]
    assert 1 == run(tmp_path, "audit").code
    assert "search" not in str(audited(tmp_path, "--team", "search")[0])


def test_a_balance_that_is_forgotten_is_none(tmp_path: Path) -> None:
    """Its window is over, or so old that it must be."""
    kept(tmp_path, [charged(50, place=Place("company/gone", 60))], {})

    assert [] == audited(tmp_path)[0]


def test_a_part_of_the_log_is_not_compared(tmp_path: Path) -> None:
    """It says so."""
    kept(tmp_path, [charged(50)], {TOTAL: 49})
    found, summary = audited(tmp_path, "--since", "2026-11-01")

    assert [] == found
    assert 1 == summary["skipped"]["ledger: of the log only a part was asked for (--since, --until)"]


def test_a_table_of_charges_that_was_changed_is_named(tmp_path: Path) -> None:
    """Though nobody else reads it any more."""
    kept(tmp_path, [charged(50)], {TOTAL: 50})
    (day,) = (tmp_path / "data" / "store").glob("*.db")
    with contextlib.closing(sqlite3.connect(day)) as sql, sql:
        sql.execute("UPDATE charges SET amount = 51")

    assert [("sums", [51, 0], [50, 0])] == audited(tmp_path)[0]


def test_a_ledger_that_cannot_be_read_is_a_difference(tmp_path: Path) -> None:
    """The rest is audited all the same."""
    kept(tmp_path, [charged(50)], {TOTAL: 50})
    (tmp_path / "data" / "ledger.db").write_bytes(b"nonsense" * 1000)
    for side in (tmp_path / "data").glob("ledger.db-*"):
        side.unlink()

    assert [("file", "file is not a database", None)] == audited(tmp_path)[0]


def test_a_bill_is_compared(tmp_path: Path) -> None:
    """What is no bill, or no file, is a mistake of the caller."""
    kept(tmp_path, [charged(50)], {TOTAL: 50})
    bill = tmp_path / "bill.csv"
    bill.write_text("date,model,amount_usd\n2026-11-23,gpt-4o-mini,0.000000050\n")
    assert [] == audited(tmp_path, "--bill", str(bill))[0]
    bill.write_text("date,model,amount_usd\n2026-11-23,gpt-4o-mini,0.000000051\n")
    assert [("bill", 50, 51)] == audited(tmp_path, "--bill", str(bill))[0]
    bill.write_text("date\n")

    assert 2 == run(tmp_path, "audit", "--bill", str(bill)).code
    assert "line 1: the columns are" in run(tmp_path, "audit", "--bill", str(bill)).err
    assert 2 == run(tmp_path, "audit", "--bill", str(tmp_path / "none.csv")).code


@pytest.mark.parametrize("spent", [49, 51])
def test_more_or_less_is_the_same_mistake(tmp_path: Path, spent: int) -> None:
    """Too much charged keeps somebody from working, too little breaks a promise."""
    kept(tmp_path, [charged(50)], {TOTAL: spent})

    assert [("ledger", spent, 50)] == audited(tmp_path)[0]
