"""What was booked on an estimate, and why? Listed apart: nobody can prove these amounts."""

from typing import NamedTuple

from gateway.core.charging import is_at_bound
from gateway.core.money import usd_text
from gateway.core.record import Record
from gateway.journal.reader import WORKER_DIED

_ESTIMATED = ("estimated", "partial")
_CRASH, _DISCONNECT, _CUT, _LAPSED, _UNTOLD = "crash", "disconnect", "cut", "lapsed", "not told"


class Amount(NamedTuple):
    """So many exchanges, what was booked for them, and how many of them at their bound."""

    exchanges: int = 0
    cost_nano_usd: int = 0
    at_bound: int = 0


class Estimated:
    """Adds them up by reason."""

    def __init__(self) -> None:
        self.by_reason: dict[str, Amount] = {}

    def add(self, record: Record) -> None:
        """Count a row, if it is one."""
        if record.usage_source in _ESTIMATED:
            reason = _reason(record)
            one = self.by_reason.get(reason, Amount())
            cost = one.cost_nano_usd + record.cost_nano_usd
            self.by_reason[reason] = Amount(one.exchanges + 1, cost, one.at_bound + is_at_bound(record))

    def public(self) -> dict[str, dict[str, int | str]]:
        """Shape it for programs."""
        return {
            reason: {**one._asdict(), "cost_usd": usd_text(one.cost_nano_usd)}
            for reason, one in sorted(self.by_reason.items())
        }


def _reason(record: Record) -> str:
    """Say why the provider did not tell: the worker died, the client left, the answer was cut, nobody fetched it."""
    if record.error == WORKER_DIED:
        return _CRASH
    if record.job is not None and record.job.state == "lapsed":
        return _LAPSED
    if record.outcome == "cancelled":
        return _DISCONNECT
    return _UNTOLD if record.outcome == "ok" else _CUT
