"""What is a balance charged for an exchange? One rule for workers, for the recorder, and for whoever checks them."""

from typing import Final

from gateway.core.record import Hold, Record

USD: Final = "usd"  # else requests are counted
# Of such an exchange the provider may have used more than could be seen of it.
_UNTOLD: Final = ("estimated", "partial")


def charge(unit: str, held: int, cost_nano_usd: int, *, sent: bool, job_open: bool) -> int:
    """Return what to charge at the end of an exchange. `sent`: a provider was called; `job_open`: its work goes on.

    As long as the work goes on what was held stays charged: its cost is booked when it is known.
    """
    if unit != USD:
        return 1 if sent else 0
    return held if job_open else cost_nano_usd


def bounded(cost_nano_usd: int, bound_nano_usd: int | None, usage_source: str) -> int:
    """Return what to book: at least the bound, where there is one and the provider did not tell what was used."""
    if bound_nano_usd is None or usage_source not in _UNTOLD:
        return cost_nano_usd
    return max(cost_nano_usd, bound_nano_usd)


def is_at_bound(record: Record) -> bool:
    """Tell whether an exchange costs its bound because nobody knows what it used."""
    bound = record.bound_nano_usd
    return bound is not None and record.usage_source in _UNTOLD and record.cost_nano_usd == bound


def settle(record: Record, *, sent: bool = True) -> None:
    """Charge every hold of an exchange that nobody has charged yet: its worker died."""
    job_open = is_open(record)
    for hold in record.holds:
        hold.charged = charge(hold.unit, hold.held, record.cost_nano_usd, sent=sent, job_open=job_open)
        hold.late = 0


def correct(record: Record) -> None:
    """Note with each hold what is missing, or too much, now that the cost is another than what was charged."""
    for hold in record.holds:
        hold.late = missing(hold, record.cost_nano_usd, job_open=is_open(record))


def missing(hold: Hold, cost_nano_usd: int, *, job_open: bool) -> int:
    """Return what is to be charged after the end: requests were counted then, and open work is charged its hold."""
    return 0 if job_open or hold.unit != USD else cost_nano_usd - hold.charged


def is_open(record: Record) -> bool:
    """Tell whether the work that an exchange asked for goes on, so that nobody knows its cost."""
    return record.job is not None and record.job.state == "open"
