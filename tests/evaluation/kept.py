"""Exchanges as the log keeps them: made here, or recorded with real providers."""

import json
from typing import Any

from gateway.core.record import Record, encode
from gateway.evaluation.protocol import Kept
from gateway.wire.dialect import DIALECTS
from tests import exchanges

ENDPOINTS = {"openai": "chat", "anthropic": "messages", "gemini": "generate_content"}


def js(value: Any) -> bytes:
    """Write JSON."""
    return json.dumps(value, ensure_ascii=False).encode()


def sse(*events: Any) -> bytes:
    """Write a stream of events, with their names where they have a type."""
    named = (f"event: {each['type']}\n" if "type" in each else "" for each in events)
    return b"".join(name.encode() + b"data: " + js(each) + b"\n\n" for name, each in zip(named, events, strict=True))


def kept(
    request: bytes | Any = None,
    response: bytes | Any = None,
    *,
    dialect: str = "openai",
    endpoint: str | None = None,
    **facts: Any,
) -> Kept:
    """Make an exchange; bodies that are no bytes become JSON."""
    bodies = [body if isinstance(body, bytes) else js(body) for body in (request, response)]
    record = Record(
        **{
            "id": "x",
            "started_at": "2026-01-01T00:00:00Z",
            "team": "default",
            "key": "k",
            "dialect": dialect,
            "endpoint": endpoint or ENDPOINTS[dialect],
            "outcome": "ok",
            "status": 200,
            **facts,
        }
    )
    return Kept(
        record=encode(record),
        request=None if request is None else [(0, bodies[0])],
        request_bytes=len(bodies[0]),
        response=None if response is None else [(0, bodies[1])],
        response_bytes=len(bodies[1]),
    )


def recorded() -> list[tuple[str, Kept]]:
    """Return all recorded exchanges, with their names."""
    found = []
    for each in exchanges.load():
        dialect = exchanges.dialect_of(each)
        endpoint = DIALECTS[dialect].endpoint(each["method"], exchanges.path_of(each)).name
        request = each["request"].encode() if isinstance(each["request"], str) else js(each["request"])
        answer = exchanges.answer_bytes(each)
        ok = each["status"] < 400
        facts = {"status": each["status"], "outcome": "ok" if ok else "client_error", "stream": each["stream"]}
        made = kept(request, answer, dialect=dialect, endpoint=endpoint, **facts)
        found.append((each["name"], made))
    return found
