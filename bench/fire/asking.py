"""What an agent asks, and what its provider shall do: a request, and the answer that is planned for it."""

import json
from dataclasses import dataclass
from typing import NamedTuple

PICO_PER_NANO = 1_000
# What a strict bound adds to the bytes of a body, in tokens (docs/budgets.md).
PREAMBLE = 2_000
FRAME = 16
FAULTS = ("none", "e500", "e429", "cut", "mute", "drop")
_PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}


class Model(NamedTuple):
    """A model, and what a token costs in pico-USD: read, read from the cache, written."""

    name: str
    dialect: str
    read: int
    cached: int
    written: int

    def bill(self, read: int, cached: int, written: int) -> int:
        """Return what that costs in nano-USD, rounded up once."""
        return -(-((read - cached) * self.read + cached * self.cached + written * self.written) // PICO_PER_NANO)


# The third one's prices come out in fractions of a nano-dollar.
MODELS = {
    model.name: model
    for model in (
        Model("fake-tiny", "openai", 150_000, 75_000, 600_000),
        Model("fake-large", "openai", 2_500_000, 1_250_000, 10_000_000),
        Model("fake-rare", "openai", 137_300, 68_650, 549_100),
        Model("fake-sonnet", "anthropic", 3_000_000, 300_000, 15_000_000),
    )
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What the provider does with a request. It reads it in the prompt.

    `wait_ms`: before the answer; `pause_ms`: between two events. `fault`: none | e500 | e429 | cut | mute | drop: an
    answer that says no, a stream that breaks in the middle, one without usage, a connection closed without an answer.
    """

    nonce: str
    read: int
    cached: int
    written: int
    wait_ms: int
    pause_ms: int
    fault: str

    def text(self) -> str:
        """Write it into a prompt."""
        numbers = (self.read, self.cached, self.written, self.wait_ms, self.pause_ms)
        return f"@{self.nonce} {' '.join(map(str, numbers))} {self.fault}@"


@dataclass(slots=True)
class Call:
    """One request, and what became of it.

    `leaves_at`: the client goes away after so many bytes of the answer's body. `began_s`, `ended_s`: Unix time.
    `end`: whole | refused | left | broken, "" while it runs. `error`: what x-tollway-error says.
    """

    plan: Plan
    team: str
    key: str
    user: str
    session: str
    model: Model
    stream: bool
    maximum: int
    asks_usage: bool
    leaves_at: int | None = None
    began_s: float = 0.0
    ended_s: float = 0.0
    body_bytes: int = 0
    id: str = ""
    status: int = 0
    end: str = ""
    error: str = ""
    told: str = ""

    @property
    def nonce(self) -> str:
        """Its name, everywhere."""
        return self.plan.nonce

    @property
    def secret(self) -> str:
        """The key that opens the door."""
        return secret(self.team, self.key)

    def bound(self) -> int:
        """Return the most that it can cost, in nano-USD: a token for each byte, and all that may be written."""
        read = self.body_bytes + PREAMBLE + FRAME
        return self.model.bill(read, 0, self.maximum)

    def request(self) -> bytes:
        """Write the request."""
        message = {"role": "user", "content": f"{self.plan.text()} {'how far is it from here? ' * 8}"}
        fields = {"model": self.model.name, "messages": [message], "max_tokens": self.maximum}
        if self.stream:
            fields["stream"] = True
            if self.asks_usage and self.model.dialect == "openai":
                fields["stream_options"] = {"include_usage": True}
        body = json.dumps(fields).encode()
        self.body_bytes = len(body)
        head = (
            f"POST {_PATHS[self.model.dialect]} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {self.secret}\r\n"
            f"X-Tollway-Agent: {self.nonce}\r\nX-Tollway-User: {self.user}\r\nX-Tollway-Session: {self.session}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def secret(team: str, key: str) -> str:
    """Return the text of a key."""
    return f"tw-{team}-{key}"
