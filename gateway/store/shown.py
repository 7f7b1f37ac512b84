"""What the store answers, shaped for programs: one exchange with its bodies, a sum."""

import base64
from typing import Any

from gateway.core.money import usd_text
from gateway.core.record import public
from gateway.policies.explained import explain, public_bill
from gateway.store.interface import Body, Exchange, Spend


def public_exchange(exchange: Exchange) -> dict[str, Any]:
    """Return the public record, its `bill`, and `request_body` and `response_body`: text, `{"base64": …}`, or None.

    `bodies_removed`: they were kept, and retention has removed them.
    """
    return {
        **public(exchange.record),
        "bill": public_bill(explain(exchange.record)),
        "request_body": _public_body(exchange.request),
        "response_body": _public_body(exchange.response),
        "bodies_removed": exchange.bodies_removed,
    }


def public_spend(spend: Spend, by: str) -> dict[str, Any]:
    """Shape a sum for people and programs."""
    return {
        by: spend.name,
        "requests": spend.requests,
        "input_tokens": spend.input_tokens,
        "output_tokens": spend.output_tokens,
        "cost_nano_usd": spend.cost_nano_usd,
        "cost_usd": usd_text(spend.cost_nano_usd),
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
