"""`tollway audit`: proves that the books agree, from the providers' own numbers to the sums, and names what differs."""

import os
import sqlite3
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.audit.bill import BadBill, Bill, read_bill
from gateway.audit.charges import Sums
from gateway.audit.estimated import Estimated
from gateway.audit.exchange import Now, check_row
from gateway.audit.findings import Difference, Findings
from gateway.audit.gone import Gone
from gateway.audit.sums import Recount
from gateway.cli.ledger_books import LedgerBooks
from gateway.cli.options import PROBLEM, USAGE, AsJson, ConfigFile, counted, fail, load, print_problems
from gateway.cli.output import print_json_line, printable
from gateway.cli.reading import answer, instant, open_store, price_list
from gateway.config.compile import routing
from gateway.config.problems import ConfigError
from gateway.core.money import usd_text
from gateway.store.dayview import DayView
from gateway.store.interface import Query
from gateway.store.reader import StoreReader

PROGRESS_S = 0.5
SHOWN = 60  # characters of a value; the whole stands in --json

When = Annotated[str | None, typer.Option(metavar="WHEN", show_default=False)]


def audit(
    config: ConfigFile = None,
    as_json: AsJson = False,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="From then on: 1h, 7d, 2026-11-01.", show_default=False)
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Before then.", show_default=False)] = None,
    team: Annotated[str | None, typer.Option(metavar="NAME", help="Only this team.", show_default=False)] = None,
    bill: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Compare with a provider's bill.", show_default=False)
    ] = None,
) -> None:
    """Recompute every cost, usage and sum in the log, compare it with the ledger, and name every difference."""
    wanted = Query(since_ms=instant("since", since), until_ms=instant("until", until), team=team)
    billed = None if bill is None else _bill(bill)
    store = open_store(config)
    found = Findings()
    walk = _Walk(store, wanted, _now(config), found, billed, as_json=as_json)
    ledger = LedgerBooks(config, wanted)
    answer(walk.run())
    ledger.compare(walk.sums, found, walk.gone.until_s)
    walk.end()
    if as_json:
        print_json_line(_summary(found, walk.estimated))
    else:
        _print_summary(found, walk.estimated)
    if found.total:
        raise typer.Exit(PROBLEM)


class _Walk:
    """Goes through the days, printing what it finds as it finds it."""

    def __init__(
        self, store: StoreReader, wanted: Query, now: Now, found: Findings, bill: Bill | None, *, as_json: bool
    ) -> None:
        self.sums = Sums()
        self.estimated = Estimated()
        self.gone = Gone(wanted.team)
        self._bill = bill
        self._store = store
        self._wanted = wanted
        self._now = now
        self._found = found
        self._as_json = as_json
        self._shown_at_s = 0.0

    async def run(self) -> None:
        """Look at every day; one that cannot be read holds up no other."""
        for day in self._store.folded(self._wanted):
            self._found.look_at(day)
            self.gone.note_folded(day, self._found)
        for day in self._store.days(self._wanted):
            self._found.look_at(day)
            try:
                async with self._store.view(day, self._wanted) as view:
                    await self._look(view)
            except sqlite3.DatabaseError as error:
                self._found.look_at(day)
                self._found.expect("file", "readable", str(error), None)
            self._print_found()

    async def _look(self, view: DayView) -> None:
        found, recount, begun = self._found, Recount(), self._found.rows
        count = await view.count()
        if not count and not view.whole:
            return
        found.days += 1
        async for row in view.rows():
            check_row(view.name, row, self._now, found)
            if row.record is not None:
                recount.add(row.record, row.columns)
                self.sums.add(row.record)
                self.estimated.add(row.record)
                if self._bill is not None:
                    self._bill.add(row.record, found)
            self._print_found()
            self._progress(view.name, found.rows - begun, count)
        found.look_at(view.name)
        if self.gone.note_day(view.name, await view.removed(), found):
            self.sums.end_day(None, found)
            self._progress(view.name, count, count, last=True)
            return
        recount.compare_spend(await view.spend(), found)
        if view.whole:
            recount.compare_totals(await view.totals(), found, self._wanted.team)
            recount.compare_sums(await view.sums(), found, self._wanted.team)
        else:
            found.skip("sums", "of this day only a part was asked for (--since, --until)")
        every_row = view.whole and self._wanted.team is None
        self.sums.end_day(await view.charges() if every_row else None, found)
        self._progress(view.name, count, count, last=True)

    def end(self) -> None:
        """Compare what could only be when every day was read, and print it."""
        if self._bill is not None:
            self._bill.compare(self._found)
        self._print_found()

    def _print_found(self) -> None:
        for one in self._found.take():
            if self._as_json:
                print_json_line({name: _plain(value) for name, value in one._asdict().items()})
            else:
                typer.echo(_line(one))

    def _progress(self, day: str, done: int, count: int, *, last: bool = False) -> None:
        """Show how far it is: on a terminal as it goes, else once for each day."""
        live = sys.stderr.isatty()
        now_s = time.monotonic()
        if not last and (not live or now_s - self._shown_at_s < PROGRESS_S):
            return
        self._shown_at_s = now_s
        text = f"{day}  {done:,}/{count:,} rows, {counted(self._found.total, 'difference')} so far"
        typer.echo(f"\r\x1b[K{text}" if live else text, err=True, nl=last or not live)


def _bill(path: Path) -> Bill:
    try:
        return Bill(read_bill(path.read_text()))
    except (OSError, UnicodeDecodeError, BadBill) as error:
        fail(f"--bill: {path}: {error}", USAGE)


def _now(config: ConfigFile) -> Now:
    found = load(config)
    try:
        return Now(routing(found, os.environ), price_list(found))
    except ConfigError as error:
        print_problems(error.problems)
        raise typer.Exit(PROBLEM) from error


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it: what stands in a damaged record may be larger."""
    return str(value) if isinstance(value, int) and abs(value) >= 1 << 63 else value


def _line(one: Difference) -> str:
    where = one.id or one.day
    return (
        f"{where}  {one.check} {_short(one.what)}: recorded {_short(one.recorded)}, recomputed {_short(one.recomputed)}"
    )


def _short(value: Any) -> str:
    text = printable(str(value))
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _summary(found: Findings, estimated: Estimated) -> dict[str, Any]:
    return {
        "days": found.days,
        "rows": found.rows,
        "checked": dict(sorted(found.checked.items())),
        "skipped": dict(sorted(found.skipped.items())),
        "estimated": estimated.public(),
        "differences": found.total,
    }


def _print_summary(found: Findings, estimated: Estimated) -> None:
    checked = ", ".join(f"{count:,} {what}" for what, count in sorted(found.checked.items()))
    typer.echo(f"{counted(found.rows, 'row')} of {counted(found.days, 'day')}; recomputed: {checked or 'nothing'}")
    for reason, count in sorted(found.skipped.items()):
        typer.echo(f"not judged, {count:,} times: {reason}")
    for reason, one in sorted(estimated.by_reason.items()):
        bound = f", {one.at_bound:,} at their bound" if one.at_bound else ""
        booked = f"{counted(one.exchanges, 'exchange')}, {usd_text(one.cost_nano_usd)} USD{bound}"
        typer.echo(f"booked on an estimate ({reason}): {booked}")
    if found.total:
        typer.secho(counted(found.total, "difference"), fg="red")
    else:
        typer.secho("0 differences", fg="green")
