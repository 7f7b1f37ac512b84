"""How the tests write requests whose cost is to be told."""

import json
from typing import Any

from gateway.core.asked import Asked
from gateway.wire import anthropic, gemini, openai
from gateway.wire.asked import read_asked
from gateway.wire.endpoint import Endpoint

ENDPOINTS = {"openai": openai.CHAT, "anthropic": anthropic.MESSAGES, "gemini": gemini.ACTIONS["generatecontent"]}


def encoded(request: Any) -> bytes:
    """Write a request as clients do."""
    return json.dumps(request, separators=(",", ":"), ensure_ascii=False).encode()


def asked(dialect: str, request: Any, endpoint: Endpoint | None = None) -> Asked:
    """Read a request."""
    body = request if isinstance(request, bytes) else encoded(request)
    return read_asked(dialect, endpoint or ENDPOINTS[dialect], body)
