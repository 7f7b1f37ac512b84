"""What is each balance charged for an exchange in the end?"""

from typing import Final

from gateway.core.record import Record
from gateway.policies.budget import REQUESTS

# What such an answer told of its usage may be less than what was used.
_TOLD_WHOLE: Final = "provider"


def charge(unit: str, held: int, record: Record, *, called: bool) -> int:
    """Say what a balance is charged that counts `unit`. `called`: the provider knows of the request.

    While its work goes on at the provider, it is charged what was held for it.
    """
    if unit == REQUESTS:
        return int(called)
    if record.job is not None and record.job.state == "open":
        return held
    return record.cost_nano_usd


def book_at_bound(record: Record) -> None:
    """Book what ended without its whole usage at its bound, where a strict budget asked for one.

    Call it once the provider was called and the exchange is priced: what it did after we stopped listening it bills.
    """
    bound = record.bound_nano_usd
    if bound is not None and record.usage_source != _TOLD_WHOLE:
        record.cost_nano_usd = max(record.cost_nano_usd, bound)
