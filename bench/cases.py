"""The loads: what is asked, how often at a time, and what one unit of the result is."""

import json
from pathlib import Path
from typing import Any, NamedTuple

MODEL = "gpt-4o-mini"
EVENTS = 50  # as in provider.c, which adds one with the usage


class Case(NamedTuple):
    """One load. `units`: how many things of one answer the cost is divided by. `interval_ms`: between two events."""

    body: str
    connections: int
    units: int = 1
    interval_ms: int = 0


CASES = {
    "json": Case("json", 32),
    "stream": Case("stream", 32),
    "stream_plain": Case("stream_plain", 32),
    "large": Case("large", 16),
    "paced": Case("stream", 300, units=EVENTS + 1, interval_ms=20),
    "latency": Case("json", 1),
}


def write_bodies(folder: Path) -> None:
    """Write the request bodies as NAME.json: 1.4 KB of a chat, streamed and not, and 200 KB of an agent's history."""
    chat: dict[str, Any] = {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": "You help people to understand what they operate. " * 22},
            {"role": "user", "content": "What does an LLM gateway do? Answer in one paragraph."},
        ],
        "temperature": 0.2,
        "max_tokens": 256,
    }
    source = 'def toll(axles):\n    return PRICES[axles]  # "see the table"\n' * 15
    history = [
        {"role": ("assistant", "user")[turn % 2], "content": f"file {turn}.py:\n{source}"} for turn in range(200)
    ]
    bodies = {
        "json": chat,
        "stream": chat | {"stream": True, "stream_options": {"include_usage": True}},
        "stream_plain": chat | {"stream": True},
        "large": chat | {"messages": chat["messages"] + history},
    }
    for name, body in bodies.items():
        (folder / f"{name}.json").write_text(json.dumps(body))
