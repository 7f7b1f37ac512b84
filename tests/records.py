"""Exchanges for tests of journal, store and metrics: records with sensible defaults, as a worker writes them."""

import random
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from gateway.core.ids import IdMaker
from gateway.core.record import Record, encode
from gateway.core.usage import Usage
from gateway.journal.frame import BEGIN, END, REQUEST, RESPONSE, Piece
from gateway.journal.reader import Finished
from gateway.journal.writer import Journal
from gateway.ledger.bars import Crossing

NOON_MS = 1_795_435_200_000  # 2026-11-23T12:00:00Z
DAY_MS = 86_400_000

_ids = IdMaker(random.Random(7).randbytes)


def new_id(at_ms: int = NOON_MS) -> str:
    """Make an id of that millisecond."""
    return _ids.new(at_ms * 1_000_000)


def record(at_ms: int = NOON_MS, **fields: Any) -> Record:
    """Make the record of a usual, finished exchange."""
    usual: dict[str, Any] = {
        "id": new_id(at_ms),
        "started_at": "2026-11-23T12:00:00.000000Z",
        "team": "search",
        "key": "ci",
        "provider": "openai",
        "dialect": "openai",
        "endpoint": "chat",
        "method": "POST",
        "path": "/v1/chat/completions",
        "model_requested": "gpt-4o-mini",
        "model_served": "gpt-4o-mini",
        "status": 200,
        "outcome": "ok",
        "usage": Usage(input_total=100, output_total=20),
        "usage_source": "provider",
        "cost_nano_usd": 27_000,
        "price_source": "genai-prices",
        "duration_ms": 812.345,
    }
    return Record(**{**usual, **fields})


def begun(at_ms: int = NOON_MS, **fields: Any) -> Record:
    """Make the record as it stands when the request goes out."""
    unknown: dict[str, Any] = dict.fromkeys(("status", "outcome", "usage", "model_served", "duration_ms"))
    return record(at_ms, **{**unknown, "usage_source": "none", "cost_nano_usd": 0, "price_source": "none", **fields})


def unbooked(one: Record, told: object, state: str) -> None:
    """Book nothing: for tests that have no jobs."""
    raise AssertionError(f"{one.id} became {state}: {told}")


def write(journal: Journal, one: Record, request: bytes = b'{"a":1}', response: bytes = b'{"b":2}') -> None:
    """Write an exchange's begin and end."""
    one.request_bytes, one.response_bytes = len(request), len(response)
    journal.append(BEGIN, encode(begun(id=one.id, team=one.team, key=one.key)), [(REQUEST, 0, request)])
    journal.append(END, encode(one), [(RESPONSE, 0, response)])


def finished(
    one: Record, request: bytes | None = b'{"a":1}', response: bytes | None = b'{"b":2}', *, amends: bool = False
) -> Finished:
    """Make what the journal reader gives for an exchange."""
    return Finished(
        UUID(one.id).bytes,
        one,
        encode(one),
        _pieces(REQUEST, request),
        _pieces(RESPONSE, response),
        amends,
    )


def _pieces(direction: int, body: bytes | None) -> list[Piece]:
    return [] if body is None else [(direction, 0, body)]


class Ledger:
    """An authority that only notes what it is told. `absent`: who may be gone. Nothing is ever over."""

    def __init__(self, *absent: str) -> None:
        self.absent = self.unclosed = frozenset(absent)
        self.closed: list[tuple[str, dict[tuple[str, int], int]]] = []
        self.told: list[dict[tuple[str, str, int], int]] = []
        self.crossed: list[Crossing] = []

    def is_over(self, balance: tuple[str, int]) -> bool:
        """Say no."""
        return False

    def close(self, holder: str, spent: Mapping[tuple[str, int], int]) -> None:
        """Note it; as the real one, it is not at once that the holder is no longer absent."""
        self.closed.append((holder, dict(spent)))

    def late(self, totals: Mapping[tuple[str, str, int], int]) -> None:
        """Note it."""
        self.told.append(dict(totals))

    def cross(self, crossings: Sequence[Crossing]) -> None:
        """Note it."""
        self.crossed += crossings
