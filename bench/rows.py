"""Exchanges as a company's agents make them, in any number: few of everything are most of it."""

import random
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

import msgspec

from gateway.core.ids import IdMaker
from gateway.core.record import Attempt, Record, encode
from gateway.core.usage import Usage
from gateway.journal.frame import REQUEST, RESPONSE
from gateway.journal.reader import Finished
from gateway.policies.rates import KINDS

DAY_S = 86_400
TEAMS = tuple(f"team-{number}" for number in range(8))
MODELS = (
    ("anthropic", "anthropic", "messages", "claude-sonnet-4-5"),
    ("openai", "openai", "chat", "gpt-4o-mini"),
    ("openai", "openai", "responses", "gpt-5"),
    ("anthropic", "anthropic", "messages", "claude-haiku-4-5"),
    ("gemini", "gemini", "generate_content", "gemini-2.5-flash"),
    ("openai", "openai", "embeddings", "text-embedding-3-small"),
    *(("local", "openai", "chat", f"model-{number}") for number in range(14)),
)
OUTCOMES = (
    *(("ok", 200),) * 95,
    *(("upstream_error", 502), ("rate_limited", 429), ("client_error", 400), ("cancelled", 200), ("timeout", 504)),
)
USERS, TAGS = 5_000, 40
# A session is of one user, and has so many exchanges on the average.
SESSION_EXCHANGES = 50
# Bytes of a request and its answer, and how many of a hundred exchanges are so large.
SIZES = ((1_400, 900, 70), (12_000, 1_500, 25), (120_000, 3_000, 5))
_WORDS = "the of a to in is that for it as was with on be by at this have from or an they which one you were all her "
_RAW_USAGE = (
    b'{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,'
    b'"prompt_tokens_details":{"cached_tokens":%d,"audio_tokens":0}}'
)
_PRICES = {"input": 150_000, "output": 600_000, "cache_read": 75_000}


class Zipf:
    """Draws numbers below `most`: the first ones most often."""

    def __init__(self, most: int, chance: random.Random) -> None:
        self._edges = list(accumulate(1 / (rank + 1) for rank in range(most)))
        self._chance = chance

    def draw(self) -> int:
        """Return one."""
        return bisect_left(self._edges, self._chance.random() * self._edges[-1])


class Bodies(NamedTuple):
    """A request and its answer."""

    request: bytes
    response: bytes


class Rows:
    """Makes the exchanges of days, in the order of time. `share`: of how many the bodies are kept."""

    def __init__(self, per_day: int, share: float, seed: int = 1) -> None:
        self._chance = random.Random(seed)
        self._ids = IdMaker(self._chance.randbytes)
        self._per_day = per_day
        self._share = share
        self._pool = [self._bodies(*sizes[:2]) for sizes in SIZES for _ in range(sizes[2])]
        self._models = Zipf(len(MODELS), self._chance)
        self._teams = Zipf(len(TEAMS), self._chance)
        self._users = Zipf(USERS, self._chance)
        self._tags = Zipf(TAGS, self._chance)
        self._open = [self._session() for _ in range(max(1, per_day // (10 * SESSION_EXCHANGES)))]

    def of_day(self, day: int, batch: int) -> Iterator[list[Finished]]:
        """Give a day's exchanges, so many at once."""
        step_ns = DAY_S * 10**9 // self._per_day
        at_ns = day * DAY_S * 10**9
        for start in range(0, self._per_day, batch):
            many = min(batch, self._per_day - start)
            yield [self._one(at_ns + (start + number) * step_ns) for number in range(many)]

    def _one(self, at_ns: int) -> Finished:
        chance = self._chance
        provider, dialect, endpoint, model = MODELS[self._models.draw()]
        outcome, status = chance.choice(OUTCOMES)
        at = chance.randrange(len(self._open))
        if chance.random() < 1 / SESSION_EXCHANGES:
            self._open[at] = self._session()
        team, key, user, session, agent = self._open[at]
        bodies = chance.choice(self._pool)
        asked, answered = len(bodies.request) // 4, len(bodies.response) // 4
        duration_ms = round(chance.lognormvariate(7, 1), 3)
        exchange_id = self._ids.new(at_ns)
        record = Record(
            id=exchange_id, started_at="2026-11-23T12:00:00.000000Z", team=team, key=key, user=user, session=session,
            agent=agent, tags=[f"tag-{self._tags.draw()}"] if chance.random() < 0.2 else [],
            session_source="x-tollway-session", user_source="x-tollway-user", client="openai-python/2.8.0",
            provider=provider, dialect=dialect, endpoint=endpoint, method="POST", path="/v1/chat/completions",
            model_requested=model, model_served=model, stream=chance.random() < 0.6, status=status, outcome=outcome,
            error=None if outcome == "ok" else "the provider closed the connection",
            finish_reason="stop", response_id=f"chatcmpl-{exchange_id[9:]}",
            usage=Usage(
                input_total=asked, output_total=answered, input_cached_read=asked // 2,
                raw=msgspec.Raw(_RAW_USAGE % (asked, answered, asked + answered, asked // 2)),
            ),
            usage_source="provider", cost_nano_usd=asked * 150 + answered * 600, price_source="genai-prices",
            price_version="2026.11.20", rates=_RATES, first_byte_ms=duration_ms / 3, first_token_ms=duration_ms / 2,
            duration_ms=duration_ms, overhead_us=chance.randrange(300, 900),
            attempts=[Attempt(provider=provider, model=model, status=status, start_ms=0.4, duration_ms=duration_ms,
                              upstream_request_id=f"req_{exchange_id[9:]}")],
            request_bytes=len(bodies.request), response_bytes=len(bodies.response),
            request_content_type="application/json", response_content_type="application/json",
        )  # fmt: skip
        kept = chance.random() < self._share
        return Finished(
            bytes.fromhex(exchange_id.replace("-", "")),
            record,
            encode(record),
            [(REQUEST, 0, bodies.request)] if kept else [],
            [(RESPONSE, 0, bodies.response)] if kept else [],
        )

    def _session(self) -> tuple[str, str, str, str, str]:
        team = TEAMS[self._teams.draw()]
        number = self._chance.getrandbits(48)
        return team, f"key-{number % 4}", f"user-{self._users.draw()}", f"session-{number:012x}", f"agent-{number % 10}"

    def _bodies(self, asked: int, answered: int) -> Bodies:
        return Bodies(self._text(asked), self._text(answered))

    def _text(self, length: int) -> bytes:
        """Write something that compresses as what people and models write does: to about a third."""
        words = [word + str(self._chance.randrange(30)) * (self._chance.random() < 0.3) for word in _WORDS.split()] * 3
        some = []
        while length > 0:
            word = self._chance.choice(words) if self._chance.random() < 0.8 else f"{self._chance.getrandbits(32):x}"
            some.append(word)
            length -= len(word) + 1
        return b'{"messages":[{"role":"user","content":"%s"}]}' % " ".join(some).encode()


_RATES = msgspec.Raw(msgspec.json.encode({kind: price for kind, price in _PRICES.items() if kind in KINDS}))
