"""The record of one exchange: one set of names in the journal, the store, the CLI, the API and plugins.

`gc=False`: some are made for every exchange, and nothing in them points back, so the garbage collector need not look.
"""

from typing import Any

import msgspec
import orjson

from gateway.core.money import usd_text
from gateway.core.usage import Usage


class Attempt(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """One try at a provider. `result`: ok | 4xx | 429 | 5xx | timeout | connect | protocol | cancelled.

    `left_requests`, `left_tokens`: what the provider says that its own rate limits leave.
    """

    provider: str
    model: str | None = None
    result: str = "ok"
    status: int | None = None
    error: str | None = None
    start_ms: float = 0.0
    duration_ms: float = 0.0
    upstream_request_id: str | None = None
    left_requests: int | None = None
    left_tokens: int | None = None


class Job(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Work that goes on at the provider after the answer: a background response, a batch.

    `id`: the provider's name for it. `state`: `open` in the record of the exchange that asked for it, until its cost is
    known and booked there; `booked` then; `lapsed` where nobody ever asked for the result and an estimate was booked.
    `seen` in the record of an exchange that only asked how far it is; `usage` then says what its answer told, and
    stands in the books of the exchange that asked for the work.
    """

    id: str
    state: str = "open"
    usage: Usage | None = None


class Hold(msgspec.Struct, array_like=True):
    """What an exchange set aside of one balance of a budget, and what it was charged there in the end.

    `series`, `start_s`: which balance (see `ledger/lease.py`); `unit`: usd (amounts are nano-USD) | requests.
    `charged`: what the worker settled, 0 as long as the exchange runs. `late`: what was found to be missing after that
    (less, if it is below zero): the cost of work that went on at the provider, or of an exchange whose worker died.
    """

    series: str
    start_s: int
    unit: str
    held: int
    charged: int = 0
    late: int = 0


class Record(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """Everything known about one exchange, filled phase by phase; `begin` and `end` frames both carry it.

    Times in `*_ms` are milliseconds from the request's first byte, to the microsecond; None: it did not happen.
    `status` is what the client was sent (None: nothing). `outcome` is one of OUTCOMES; None: still running.
    `rates`: the prices that were applied, as a JSON object of pico-USD by kind of thing (`policies/rates.py`); a kind
    that is not named paid what stands in for it. With `usage` they explain the cost, whatever became of the price list.
    `holder`: which worker process held money for it; `holds`: of which balances. `bound_nano_usd`: the most that it can
    cost, where a strict budget asked for that; what ends without usage is booked at it.
    `waited_us`: how long it waited for a limit of ours. `request_bytes`, `response_bytes`: the bodies' true lengths.
    `bodies`: full | redacted | none, what may be kept of them; it binds whoever reads. `redactions`: how much was taken
    out. `truncated`: a body was cut by `max_body`.
    """

    id: str
    started_at: str
    team: str
    key: str
    user: str | None = None
    session: str | None = None
    agent: str | None = None
    parent_agent: str | None = None
    tags: list[str] = []
    metadata: dict[str, str] = {}
    session_source: str | None = None
    user_source: str | None = None
    agent_source: str | None = None
    client: str | None = None
    provider: str | None = None
    dialect: str | None = None
    endpoint: str | None = None
    method: str | None = None
    path: str | None = None
    route: str | None = None
    model_requested: str | None = None
    model_served: str | None = None
    stream: bool = False
    status: int | None = None
    outcome: str | None = None
    error: str | None = None
    response_id: str | None = None
    finish_reason: str | None = None
    tool_calls: int = 0
    usage: Usage | None = None
    usage_source: str = "none"
    cost_nano_usd: int = 0
    price_source: str = "none"
    price_version: str | None = None
    rates: msgspec.Raw = msgspec.Raw(b"")
    job: Job | None = None
    holder: str | None = None
    holds: list[Hold] = []
    bound_nano_usd: int | None = None
    first_byte_ms: float | None = None
    first_token_ms: float | None = None
    duration_ms: float | None = None
    overhead_us: int | None = None
    waited_us: int = 0
    attempts: list[Attempt] = []
    trace_id: str | None = None
    request_bytes: int = 0
    response_bytes: int = 0
    request_content_type: str | None = None
    response_content_type: str | None = None
    content_encoding: str | None = None
    bodies: str = "full"
    redactions: int = 0
    truncated: bool = False

    @property
    def model_asked(self) -> str | None:
        """What the provider was asked for: a route, or `provider/model`, is only our name for it. Prices go by this."""
        return self.attempts[-1].model if self.attempts else self.model_requested


OUTCOMES = (
    "ok",
    "client_error",
    "auth_failed",
    "rate_limited",
    "budget_blocked",
    "policy_blocked",
    "upstream_error",
    "timeout",
    "overloaded",
    "gateway_error",
    "cancelled",
)
USAGE_SOURCES = ("provider", "partial", "estimated", "none")
PRICE_SOURCES = ("provider", "config", "genai-prices", "default", "free", "none")

BODIES = ("full", "redacted", "none")
JOB_STATES = ("open", "booked", "lapsed", "seen")

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Record).decode


def public(record: Record) -> dict[str, Any]:
    """Shape a record for people and programs: every field present, the cost also as a decimal string in USD."""
    shown: dict[str, Any] = {name: getattr(record, name) for name in record.__struct_fields__}
    shown["usage"] = public_usage(record.usage) if record.usage else None
    shown["rates"] = record.rates if bytes(record.rates) else None
    shown["job"] = _public_job(record.job) if record.job else None
    shown["holds"] = [{name: getattr(hold, name) for name in hold.__struct_fields__} for hold in record.holds]
    shown["attempts"] = [msgspec.structs.asdict(attempt) for attempt in record.attempts]
    shown["cost_usd"] = usd_text(record.cost_nano_usd)
    return shown


def public_json(shown: object) -> bytes:
    """Write what `public` has shaped, or a list or page of it, as JSON."""
    return orjson.dumps(shown, default=_as_it_stands)


def _as_it_stands(value: object) -> orjson.Fragment:
    """Pass JSON on that a provider wrote: numbers beyond 64 bits included, which no decoder would bring through."""
    if isinstance(value, msgspec.Raw):
        return orjson.Fragment(bytes(value))
    raise TypeError(f"{type(value).__name__} has no JSON")


def _public_job(job: Job) -> dict[str, Any]:
    shown = {"id": job.id, "state": job.state}
    return shown | {"usage": public_usage(job.usage)} if job.usage else shown


def public_usage(usage: Usage) -> dict[str, Any]:
    """Shape a usage: the totals always, parts that are not zero, the provider's own object under `raw`.

    That one stays JSON: it may hold numbers that only JSON can hold.
    """
    fields = msgspec.structs.asdict(usage)
    raws = {name: fields.pop(name) for name in ("raw", "rates")}
    shown = {name: value for name, value in fields.items() if value or name in ("input_total", "output_total")}
    shown |= {name: value for name, value in raws.items() if bytes(value)}
    if usage.elsewhere:
        shown["elsewhere"] = [public_usage(each) for each in usage.elsewhere]
    return shown
