"""Which exchange is an example of what a counter or a bucket counted last?"""

from datetime import datetime
from typing import NamedTuple

from gateway.core.record import Record

# OpenMetrics allows 128 characters for names and values together.
_TRACE_MOST = 64


class Exemplar(NamedTuple):
    """One exchange, as little of it as finds it again. `amount`: what it added, in the integer unit of the totals."""

    id: str
    trace_id: str | None
    started_at: str
    duration_ms: float | None
    amount: float

    @property
    def labels(self) -> dict[str, str]:
        """By what it is found: its id in the log, and its trace where it has one."""
        trace = self.trace_id
        if trace and trace.isalnum() and trace.isascii() and len(trace) <= _TRACE_MOST:
            return {"request_id": self.id, "trace_id": trace}
        return {"request_id": self.id}

    @property
    def at_s(self) -> float:
        """When it ended, in Unix time."""
        return datetime.fromisoformat(self.started_at).timestamp() + (self.duration_ms or 0.0) / 1000


def exemplar(record: Record, amount: float) -> Exemplar:
    """Take of a record what is needed."""
    return Exemplar(record.id, record.trace_id, record.started_at, record.duration_ms, amount)
