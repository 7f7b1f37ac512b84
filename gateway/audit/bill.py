"""Is the provider's own bill what the log says? A bill is a CSV or JSON Lines file in our own, simple form."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import msgspec

from gateway.audit.findings import Findings
from gateway.core.money import nano_from_usd
from gateway.core.record import Record

_NANO_DIGITS = 9
_COLUMNS = ("amount_usd", "id", "date", "model", "provider")


class BadBill(Exception):
    """The file is no bill that can be read; the text says which line, and what it must be."""


class Line(NamedTuple):
    """One line: of one request (`id`: the provider's for it, or ours), or of a day's for a model."""

    nano_usd: int
    digits: int  # behind the point: it may be rounded there
    id: str | None
    day: str | None
    model: str | None
    provider: str | None


class Total(NamedTuple):
    """What lines or rows add up to. `slack`: so much may have been lost by rounding."""

    nano_usd: int = 0
    slack: int = 0


def read_bill(text: str) -> list[Line]:
    """Read a bill; raise BadBill."""
    rows = _json_rows(text) if text.lstrip().startswith("{") else _csv_rows(text)
    return [_line(number, row) for number, row in rows]


class Bill:
    """Compares a bill with the rows of the log."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._by_id: dict[str, Total] = {}
        self._by_day: dict[tuple[str, str], Total] = {}
        self._logged: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._days: set[str] = set()
        providers = set()
        for line in lines:
            if line.id is not None:
                self._by_id[line.id] = _plus(self._by_id.get(line.id), line)
            else:
                key = (line.day or "", line.model or "")
                self._by_day[key] = _plus(self._by_day.get(key), line)
                self._days.add(key[0])
            providers.add(line.provider)
        self._providers = None if None in providers else providers

    def add(self, record: Record, found: Findings) -> None:
        """Compare an exchange that has a line of its own, or count it in. Call it while `found` looks at it."""
        if self._providers is not None and record.provider not in self._providers:
            return
        names = [record.id, *[one.upstream_request_id for one in record.attempts if one.upstream_request_id]]
        billed = [self._by_id.pop(name) for name in names if name in self._by_id]
        if billed:
            total = Total(sum(one.nano_usd for one in billed), sum(one.slack for one in billed))
            found.look_into("billed")
            _expect(found, "cost_nano_usd", record.cost_nano_usd, total)
        elif record.started_at[:10] in self._days:
            self._logged[record.started_at[:10], record.model_served or record.model_asked or "-"] += (
                record.cost_nano_usd
            )

    def compare(self, found: Findings) -> None:
        """Compare what was added up, and name lines of which the log knows nothing."""
        for key in sorted(self._by_day.keys() | {key for key, cost in self._logged.items() if cost}):
            day, model = key
            found.look_at(day)
            found.look_into("billed")
            _expect(found, model, self._logged.get(key, 0), self._by_day.get(key, Total()))
        found.look_at("bill")
        for name, total in sorted(self._by_id.items()):
            found.expect("bill", f"{name} is in the log", 0, total.nano_usd)


def _expect(found: Findings, what: str, logged: int, billed: Total) -> None:
    within = abs(logged - billed.nano_usd) <= billed.slack
    found.expect("bill", what, logged, logged if within else billed.nano_usd)


def _plus(before: Total | None, line: Line) -> Total:
    before = before or Total()
    slack = 10 ** (_NANO_DIGITS - line.digits) // 2 if line.digits < _NANO_DIGITS else 0
    return Total(before.nano_usd + line.nano_usd, before.slack + slack)


def _csv_rows(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(text.splitlines())
    if "amount_usd" not in (reader.fieldnames or ()):
        raise BadBill(f"line 1: the columns are {', '.join(_COLUMNS)}; amount_usd must be there")
    for row in reader:
        yield reader.line_num, row


def _json_rows(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = msgspec.json.decode(line, type=dict[str, str | int | float | None])
        except msgspec.MsgspecError as error:
            raise BadBill(f"line {number}: {error}") from error
        yield number, row


def _line(number: int, row: Mapping[str, Any]) -> Line:
    values = {name: str(row[name]).strip() for name in _COLUMNS if row.get(name) not in (None, "")}
    amount = _amount(number, values.get("amount_usd", ""))
    day = values.get("date")
    if "id" not in values and ("date" not in values or "model" not in values):
        raise BadBill(f"line {number}: give an id, or date and model")
    if day is not None:
        try:
            day = date.fromisoformat(day[:10]).isoformat()
        except ValueError as error:
            raise BadBill(f"line {number}: a date is written 2026-11-23, not {day!r}") from error
    digits = max(0, -int(amount.as_tuple().exponent))
    return Line(nano_from_usd(amount), digits, values.get("id"), day, values.get("model"), values.get("provider"))


def _amount(number: int, text: str) -> Decimal:
    try:
        amount = Decimal(text)
        if amount.is_finite() and abs(amount) < 10**9:
            return amount
    except InvalidOperation:
        pass
    raise BadBill(f"line {number}: amount_usd is an amount in USD such as 0.0125, not {text!r}")
