"""What is each balance charged for an exchange in the end?"""

from typing import Final

from gateway.core.record import Record

# What a balance is charged: the cost; one, if the provider was called; all tokens; nothing.
COST: Final = 0
CALLED: Final = 1
TOKENS: Final = 2
NOTHING: Final = 3
AS_HELD: Final = -1
# What an answer told of its usage may otherwise be less than what was used.
_TOLD_WHOLE: Final = "provider"


def charges(record: Record, *, called: bool) -> list[int]:
    """List what an exchange is charged, in each of these ways. `called`: the provider knows of the request.

    AS_HELD: while its work goes on at the provider, it is charged the money that was held for it.
    """
    usage, job = record.usage, record.job
    cost = AS_HELD if job is not None and job.state == "open" else record.cost_nano_usd
    tokens = usage.input_total + usage.output_total if usage is not None else 0
    return [cost, 1 if called else 0, tokens, 0]


def book_at_bound(record: Record) -> None:
    """Book what ended without its whole usage at its bound, where a strict budget asked for one.

    Call it once the provider was called and the exchange is priced: what it did after we stopped listening it bills.
    """
    bound = record.bound_nano_usd
    if bound is not None and record.usage_source != _TOLD_WHOLE:
        record.cost_nano_usd = max(record.cost_nano_usd, bound)
