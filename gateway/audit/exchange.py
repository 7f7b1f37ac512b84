"""Is everything about one exchange as it must be? All checks of a row."""

from typing import NamedTuple

from gateway.audit.answers import check_answer
from gateway.audit.charges import check_charges
from gateway.audit.cost import check_cost, check_prices
from gateway.audit.findings import Findings
from gateway.audit.usage import check_usage
from gateway.policies.price_table import PriceList
from gateway.policies.routing import Routing
from gateway.store.dayview import Row
from gateway.store.filters import BadFilter, key_of
from gateway.store.schema import facts


class Now(NamedTuple):
    """What is in force now, for what the record does not hold: its provider, and a public price list."""

    routing: Routing
    prices: PriceList


def check_row(day: str, row: Row, now: Now, found: Findings) -> None:
    """Run every check."""
    record, columns = row.record, row.columns
    found.rows += 1
    found.look_at(day, columns["id"].hex() if record is None else record.id)
    if row.fault is not None:
        found.expect("row", "readable", row.fault, None)
    if record is None:
        return
    try:
        key = key_of(record.id)
    except BadFilter:
        key = b""
    for name, recomputed in facts(key, record).items():
        found.expect("row", name, _shown(columns[name]), _shown(recomputed))
    try:
        usage = check_usage(record, found)
        check_cost(record, usage, found)
        check_charges(record, found)
        check_prices(record, now.routing.provider(record.provider or ""), now.prices, found)
        if row.fault is None:
            check_answer(record, row.request, row.response, found)
    except (ArithmeticError, ValueError) as error:
        # One row with numbers that nobody can reckon with must not end the audit of all others.
        found.expect("row", "plausible", str(error), None)


def _shown(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
