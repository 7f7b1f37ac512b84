"""What the store answers, shaped for programs: one exchange with its bodies, a sum."""

import base64
from collections.abc import Sequence
from typing import Any

from gateway.core.money import usd_text
from gateway.core.record import public
from gateway.core.score import Evaluation
from gateway.core.score import public as public_evaluation
from gateway.policies.explained import explain, public_bill
from gateway.store import schema
from gateway.store.interface import STEPS, Body, Exchange, Spend, Spending
from gateway.store.spending import percentile_ms, step_name
from gateway.store.sums import SOURCES

PERCENTILES = (50, 95, 99)


def public_exchange(exchange: Exchange, judged: Sequence[Evaluation] = ()) -> dict[str, Any]:
    """Return the public record, its `bill`, and `request_body` and `response_body`: text, `{"base64": …}`, or None.

    `bodies_removed`: they were kept, and retention has removed them. `judged`: its evaluations.
    """
    return {
        **public(exchange.record),
        "bill": public_bill(explain(exchange.record)),
        "request_body": _public_body(exchange.request),
        "response_body": _public_body(exchange.response),
        "bodies_removed": exchange.bodies_removed,
        "evaluations": [public_evaluation(one) for one in judged],
    }


def public_spend(spend: Spend, by: str | None, step: str | None = None) -> dict[str, Any]:
    """Shape a sum for people and programs. `by`: what its name is one of; `step`: how long is the time it is of.

    Its `sources` are there where they say how sure the name is, latencies where they were asked for.
    """
    named = {} if step is None or spend.start_s is None else {step: step_name(spend.start_s, step)}
    if by is not None:
        named[by] = spend.name
    shown: dict[str, Any] = {
        **named,
        **{name: getattr(spend, name) for name in schema.MEASURES if name not in ("duration_us", "timed")},
        "cost_usd": usd_text(spend.cost_nano_usd),
    }
    if by in SOURCES:
        shown["sources"] = spend.sources
    if spend.buckets:
        shown["mean_ms"] = spend.duration_us / 1000 / spend.timed if spend.timed else None
        shown |= {f"p{share}_ms": percentile_ms(spend.buckets, share / 100) for share in PERCENTILES}
    return shown


def public_spending(told: Spending, by: str | None, step: str | None = None) -> dict[str, Any]:
    """Shape sums: `rows`, their `total`, and how many groups there are beyond them."""
    if by in STEPS and step is None:
        by, step = None, by
    return {
        "by": by,
        "step": step,
        "spend": [public_spend(row, by, step) for row in told.rows],
        "total": public_spend(told.total, None),
        "rest": told.rest,
    }


def joined(body: Body) -> bytes:
    """Return a body's bytes; where some are missing a mark says how many."""
    parts = []
    at = 0
    for offset, data in body.pieces:
        if offset > at:
            parts.append(_gap(offset - at))
        parts.append(data)
        at = offset + len(data)
    if body.total_bytes > at:
        parts.append(_gap(body.total_bytes - at))
    return b"".join(parts)


def _gap(length: int) -> bytes:
    return f"\n[… {length} bytes not kept …]\n".encode()


def _public_body(body: Body | None) -> str | dict[str, str] | None:
    if body is None:
        return None
    data = joined(body)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
