"""What is each balance charged for an exchange in the end? The rule of core.charging, as a table by what is counted."""

from typing import Final

from gateway.core.record import Record

# What a balance is charged: the cost; one, if the provider was called; all tokens; nothing.
COST: Final = 0
CALLED: Final = 1
TOKENS: Final = 2
NOTHING: Final = 3
AS_HELD: Final = -1


def charges(record: Record, *, called: bool) -> list[int]:
    """List what an exchange is charged, in each of these ways. `called`: the provider knows of the request.

    AS_HELD: while its work goes on at the provider, it is charged the money that was held for it.
    """
    usage, job = record.usage, record.job
    cost = AS_HELD if job is not None and job.state == "open" else record.cost_nano_usd
    tokens = usage.input_total + usage.output_total if usage is not None else 0
    return [cost, 1 if called else 0, tokens, 0]
