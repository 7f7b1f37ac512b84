"""Recorded exchanges with real providers. They lie beside the checkout, not in it: without them their tests skip."""

import functools
import gzip
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

FOLDER = Path(__file__).parents[2] / "shared" / "exchanges"


@functools.cache
def load() -> list[dict[str, Any]]:
    """Return all recorded exchanges."""
    files = sorted(FOLDER.glob("*.jsonl.gz"))
    if not files:
        message = f"no recorded exchanges in {FOLDER}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return [json.loads(line) for file in files for line in gzip.open(file)]


def dialect_of(exchange: dict[str, Any]) -> str:
    """Name the dialect that a recorded provider speaks."""
    provider: str = exchange["provider"]
    return provider if provider in ("anthropic", "gemini") else "openai"


def path_of(exchange: dict[str, Any]) -> str:
    """Return the path of the request, without query."""
    path: str = exchange["path"]
    return urlsplit(path).path


def answer_bytes(exchange: dict[str, Any]) -> bytes:
    """Return the answer's body."""
    if exchange["response_kind"] == "text":
        body: str = exchange["response"]
        return body.encode()
    return json.dumps(exchange["response"]).encode()


def streams() -> list[dict[str, Any]]:
    """Return the exchanges whose answer is a stream of events."""
    return [exchange for exchange in load() if exchange["stream"] and exchange["response_kind"] == "text"]


def chunks(exchange: dict[str, Any]) -> list[dict[str, Any]]:
    """Parse every event of a recorded stream, the plain way."""
    lines = exchange["response"].splitlines()
    return [json.loads(line[5:]) for line in lines if line.startswith("data:") and line[5:].strip().startswith("{")]


def final_document(exchange: dict[str, Any]) -> dict[str, Any] | None:
    """Return the document that tells the usage: the answer, or what a stream adds up to, parsed the plain way."""
    if not exchange["stream"]:
        return exchange["response"] if isinstance(exchange["response"], dict) else None
    found: dict[str, Any] | None = None
    for chunk in chunks(exchange):
        usage = chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage")
        if isinstance(chunk.get("message"), dict):
            found = {"model": chunk["message"]["model"], "usage": dict(chunk["message"]["usage"])}
        elif chunk.get("type") == "message_delta" and found and usage:
            found["usage"].update({name: value for name, value in usage.items() if value is not None})
        elif isinstance(chunk.get("response"), dict) and chunk["response"].get("usage"):
            found = chunk["response"]
        elif usage or chunk.get("usageMetadata"):
            found = chunk | ({"usage": usage} if usage else {})
    return found
