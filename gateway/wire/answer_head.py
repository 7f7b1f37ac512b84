"""What does an answer's head tell of the try that brought it: its id at the provider, and what its limits leave?"""

from typing import Final

from gateway.core.record import Attempt

_IDS: Final = (b"x-request-id", b"request-id", b"apim-request-id", b"x-generation-id")
# The first that is there counts. OpenAI and most others; Anthropic; Mistral and Cerebras, by window; OpenRouter.
_REQUESTS: Final = (
    b"x-ratelimit-remaining-requests",
    b"anthropic-ratelimit-requests-remaining",
    b"x-ratelimit-remaining-requests-minute",
    b"x-ratelimit-remaining-req-minute",
    b"x-ratelimit-remaining-requests-day",
    b"x-ratelimit-remaining",
)
_TOKENS: Final = (
    b"x-ratelimit-remaining-tokens",
    b"anthropic-ratelimit-tokens-remaining",
    b"x-ratelimit-remaining-tokens-minute",
    b"anthropic-ratelimit-input-tokens-remaining",
)
_LEFT: Final = frozenset((*_REQUESTS, *_TOKENS))
_MOST_DIGITS: Final = 15


def note_head(attempt: Attempt, index: dict[bytes, bytes]) -> None:
    """Write it into the attempt. `index`: lower-cased names."""
    for name in _IDS:
        value = index.get(name)
        if value is not None:
            attempt.upstream_request_id = value.decode("latin-1")
            break
    if not _LEFT.isdisjoint(index):
        attempt.left_requests = _left(index, _REQUESTS)
        attempt.left_tokens = _left(index, _TOKENS)


def _left(index: dict[bytes, bytes], names: tuple[bytes, ...]) -> int | None:
    """Read the first of these; what is no whole number (Azure says -1 where it does not know) tells nothing."""
    for name in names:
        value = index.get(name)
        if value is not None:
            return int(value) if value.isdigit() and len(value) <= _MOST_DIGITS else None
    return None
