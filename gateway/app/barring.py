"""Which exchanges cost more than they could? The ledger hears of them before the store does, so that none is missed."""

from collections.abc import Sequence
from typing import Final

from gateway.app.closing import Ledger
from gateway.core.ids import started_ms
from gateway.core.record import Record
from gateway.journal.reader import Finished
from gateway.ledger.bars import Crossing
from gateway.ledger.interface import bar_name

# Who has told what was used. An estimate is ours: it says nothing of the bound.
_TOLD: Final = frozenset(("provider", "partial"))


def raise_alarm(ledger: Ledger, batch: Sequence[Finished]) -> None:
    """Tell of each in a batch. Raises OSError where the ledger did not write it down: try again."""
    found = [
        _crossing(one.record, bound)
        for one in batch
        if (bound := one.record.bound_nano_usd) is not None
        and one.record.cost_nano_usd > bound
        and one.record.usage_source in _TOLD
    ]
    if found:
        ledger.cross(found)


def _crossing(record: Record, bound_nano_usd: int) -> Crossing:
    model = bar_name(record.provider or "", record.model_asked or "")
    return Crossing(model, record.id, started_ms(record.id), record.cost_nano_usd, bound_nano_usd)
