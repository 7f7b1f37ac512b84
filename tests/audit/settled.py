"""Records as the books make them: an answer metered, settled and priced, with the bodies that belong to it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gateway.config.compile import from_sources
from gateway.core.record import Attempt, Record
from gateway.exchange.books import Entry, settle
from gateway.journal.writer import Journal
from gateway.policies.routing import Provider
from gateway.store.interface import Body
from gateway.wire.billed import Billed
from gateway.wire.dialect import DIALECTS
from gateway.wire.sse import is_stream
from tests.records import NOON_MS, begun

CONFIG = """
[providers.openai]
base_url = "https://api.openai.com/v1"
prices = { "own-model" = { input = "1", output = "2" } }
[providers.anthropic]
[providers.gemini]
[providers.local]
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"
free = true
"""
SNAPSHOT = from_sources({"config.toml": CONFIG}, "/", {}, 1)
# What is unknown costs nothing here.
ZERO = from_sources({"config.toml": CONFIG + '[prices]\nunknown_model = "zero"\n'}, "/", {}, 1)

PATHS = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/gemini-2.5-pro:generateContent",
}
REQUEST = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}'


class Settled(NamedTuple):
    """A record and its bodies."""

    record: Record
    request: Body
    response: Body


class Books:
    """Settles answers as a worker does. The journal is only there because an entry has one."""

    def __init__(self, folder: Path) -> None:
        self._journal = Journal(folder, "test")

    def settle(
        self,
        answer: bytes,
        *,
        dialect: str = "openai",
        provider: str | None = None,
        content_type: str = "application/json",
        whole: bool = True,
        finish: bool = True,
        request: bytes = REQUEST,
        sent: bytes | None = None,
        snapshot: Any = SNAPSHOT,
        **fields: Any,
    ) -> Settled:
        """Meter an answer and book it. Not `finish`: the client left. `sent`: the request, if it was changed."""
        name = provider or dialect
        path = fields.pop("path", None) or PATHS[dialect]
        endpoint = DIALECTS[dialect].endpoint(fields.get("method", "POST"), path)
        fields = {"endpoint": endpoint.name, "path": path, "request_bytes": len(request), **fields}
        record = _record(name, dialect, content_type, answer, fields)
        streamed = endpoint.streams or is_stream(content_type.encode(), asked=record.stream)
        record.stream = record.stream or streamed
        meter = DIALECTS[dialect].new_meter(endpoint, streamed=streamed, strip_usage=False)
        meter.feed(answer)
        if finish:
            meter.finish()
        whole = whole and finish and meter.complete(200)
        record.outcome = "ok" if whole else "upstream_error" if finish else "cancelled"
        record.error = None if whole else "the connection closed"
        found = snapshot.routing.provider(name)
        assert isinstance(found, Provider)
        asked = Billed(request if sent is None else sent, endpoint.counts)
        entry = Entry(self._journal, record, begun_ns=0, started_ns=NOON_MS * 1_000_000, keep=1 << 20)
        error = settle(entry, meter, snapshot.prices, found, whole=whole, asked=asked)
        if error is not None and whole:
            record.outcome = "upstream_error"
        return Settled(record, Body([(0, request)], len(request)), Body([(0, answer)], len(answer)))


def _record(provider: str, dialect: str, content_type: str, answer: bytes, fields: Mapping[str, Any]) -> Record:
    usual: dict[str, Any] = {
        "provider": provider,
        "dialect": dialect,
        "status": 200,
        "response_content_type": content_type,
        "attempts": [Attempt(provider=provider, model="gpt-4o-mini", status=200)],
        "response_bytes": len(answer),
    }
    return begun(**{**usual, **fields})
