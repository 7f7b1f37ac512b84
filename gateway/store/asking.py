"""Filters as people write them, on the command line and in query strings: `since=1h`, `min_cost=0.05`, `status=5xx`."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from gateway.core.money import nano_from_usd
from gateway.core.record import BODIES, OUTCOMES, USAGE_SOURCES
from gateway.core.score import RESULTS, SOURCES
from gateway.store.filters import BadFilter, conditions
from gateway.store.interface import Query, ScoreIs, ScoreQuery
from gateway.store.judgements import conditions as score_conditions
from gateway.store.judgements import place_of

MAX_LIMIT = 10_000
MAX_TEXT = 256

_AGES_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_AGE = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([smhdw])\Z")
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h)?\Z")
_BOUND = re.compile(r"(<=|>=|<|>|=)(-?\d{1,15}(?:\.\d{1,15})?)\Z", re.ASCII)
_VERDICTS = ("pass", "fail", "missing")
_DURATIONS_MS = {"ms": 1.0, "s": 1_000.0, "m": 60_000.0, "h": 3_600_000.0}


def query(asked: Mapping[str, str], now_ms: int) -> Query:
    """Read filters; raise BadFilter naming the one that makes no sense."""
    wanted = Query(**_fields(asked, now_ms, _READERS))
    conditions(wanted)  # what only its use shows: a status or cursor that is none
    return wanted


def score_query(asked: Mapping[str, str], now_ms: int) -> ScoreQuery:
    """Read filters of evaluations, as `query` does."""
    wanted = ScoreQuery(**_fields(asked, now_ms, _SCORE_READERS))
    score_conditions(wanted)
    place_of(wanted.before)
    return wanted


def _fields(asked: Mapping[str, str], now_ms: int, readers: "Readers") -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, text in asked.items():
        if name not in readers:
            raise BadFilter(name, f"there is no such filter; there are {', '.join(readers)}")
        field, read = readers[name]
        try:
            fields[field] = read(text, now_ms)
        except ValueError as error:
            raise BadFilter(name, str(error)) from None
    return fields


def instant_ms(text: str, now_ms: int) -> int:
    """Read an instant: an age such as 90m, 1h, 2d, or ISO 8601 (UTC unless it says otherwise)."""
    age = _AGE.match(text)
    if age:
        return now_ms - int(Decimal(age[1]) * _AGES_MS[age[2]])
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"an age such as 90m, 1h or 2d, or a time such as 2026-11-23T08:00, not {text!r}") from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return int(instant.timestamp() * 1000)


def _text(text: str, _: int) -> str:
    if not text or len(text) > MAX_TEXT:
        raise ValueError(f"1 to {MAX_TEXT} characters")
    return text


def _outcome(text: str, now_ms: int) -> str:
    if text not in OUTCOMES and not any(sign in text for sign in "*?["):
        raise ValueError(f"one of {', '.join(OUTCOMES)}, not {text!r}")
    return _text(text, now_ms)


def _usd(text: str, _: int) -> int:
    try:
        amount = nano_from_usd(Decimal(text))
    except (InvalidOperation, OverflowError):
        raise ValueError(f"an amount in USD such as 0.05, not {text!r}") from None
    if not 0 <= amount < 1 << 62:
        raise ValueError(f"an amount in USD such as 0.05, not {text!r}")
    return amount


def _duration_ms(text: str, _: int) -> float:
    found = _DURATION.match(text)
    if not found:
        raise ValueError(f"a duration such as 500ms or 2.5s, not {text!r}")
    return float(found[1]) * _DURATIONS_MS[found[2] or "ms"]


def _number(text: str, _: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ValueError(f"a number, not {text!r}")
    return int(text)


def _limit(text: str, _: int) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MAX_LIMIT:
        raise ValueError(f"a number from 1 to {MAX_LIMIT}, not {text!r}")
    return int(text)


def truth(text: str, _: int = 0) -> bool:
    """Read yes or no."""
    if text not in ("true", "false"):
        raise ValueError(f"true or false, not {text!r}")
    return text == "true"


def _words(text: str, now_ms: int) -> tuple[str, ...]:
    words = tuple(word.strip() for word in _text(text, now_ms).split(",") if word.strip())
    if not words:
        raise ValueError(f"names with commas between them, not {text!r}")
    return words


def _scores(text: str, now_ms: int) -> tuple[ScoreIs, ...]:
    return tuple(_score(word) for word in _words(text, now_ms))


def _score(text: str) -> ScoreIs:
    name, colon, said = text.rpartition(":")
    bound = _BOUND.match(said)
    if not colon or not name or (said not in _VERDICTS and bound is None):
        raise ValueError(f"NAME:pass, NAME:fail, NAME:missing or a bound such as NAME:<0.5 or NAME:>=0.9, not {text!r}")
    return ScoreIs(name, said) if bound is None else ScoreIs(name, bound[1], float(bound[2]))


def _pair(text: str, now_ms: int) -> tuple[str, str]:
    name, equals, value = _text(text, now_ms).partition("=")
    if not equals or not name:
        raise ValueError(f"NAME=VALUE, such as ticket=4711, not {text!r}")
    return name, value


def _one_of(words: Sequence[str]) -> Callable[[str, int], str]:
    def read(text: str, now_ms: int) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)}, not {text!r}")
        return _text(text, now_ms)

    return read


Readers = Mapping[str, tuple[str, Callable[[str, int], object]]]
# As written -> field of Query, and how it is read.
_READERS: Readers = {
    **{
        name: (name, _text)
        for name in (
            "team", "key", "model", "provider", "route", "endpoint", "status", "error", "finish_reason", "session",
            "user", "agent", "client", "id", "response_id", "trace_id",
        )
    },
    "outcome": ("outcome", _outcome),
    "ok": ("ok", truth),
    "usage_source": ("usage_source", _one_of(USAGE_SOURCES)),
    "bodies": ("bodies", _one_of(BODIES)),
    "stream": ("stream", truth),
    "tool_calls": ("has_tool_calls", truth),
    "tag": ("any_tag", _words),
    "all_tags": ("all_tags", _words),
    "metadata": ("metadata", _pair),
    "since": ("since_ms", instant_ms),
    "until": ("until_ms", instant_ms),
    "min_cost": ("min_cost_nano_usd", _usd),
    "max_cost": ("max_cost_nano_usd", _usd),
    "min_tokens": ("min_tokens", _number),
    "max_tokens": ("max_tokens", _number),
    "min_duration": ("min_duration_ms", _duration_ms),
    "max_duration": ("max_duration_ms", _duration_ms),
    "min_first_token": ("min_first_token_ms", _duration_ms),
    "max_first_token": ("max_first_token_ms", _duration_ms),
    "score": ("scores", _scores),
    "text": ("text", _text),
    "limit": ("limit", _limit),
    "cursor": ("before", _text),
}  # fmt: skip
# As written -> field of ScoreQuery, and how it is read.
_SCORE_READERS: Readers = {
    **{
        name: (name, _text)
        for name in (
            "evaluator", "team", "name", "model", "route", "run", "fingerprint", "policy", "prompt_version", "author",
            "exchange",
        )
    },
    "session": ("conversation", _text),
    "source": ("source", _one_of(SOURCES)),
    "result": ("result", _one_of(RESULTS)),
    "since": ("since_ms", instant_ms),
    "until": ("until_ms", instant_ms),
    "limit": ("limit", _limit),
    "cursor": ("before", _text),
}  # fmt: skip
