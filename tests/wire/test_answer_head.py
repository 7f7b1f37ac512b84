"""What the head of an answer tells: the provider's id, and what its limits leave."""

import pytest

from gateway.core.record import Attempt
from gateway.wire.answer_head import note_head


def noted(headers: dict[bytes, bytes]) -> Attempt:
    """Note a head."""
    attempt = Attempt(provider="p")
    note_head(attempt, headers)
    return attempt


@pytest.mark.parametrize(
    ("headers", "requests", "tokens"),
    [
        ({b"x-ratelimit-remaining-requests": b"59", b"x-ratelimit-remaining-tokens": b"149984"}, 59, 149_984),
        ({b"x-ratelimit-remaining-requests": b"0", b"x-ratelimit-remaining-tokens": b"0"}, 0, 0),
        (
            {
                b"anthropic-ratelimit-requests-remaining": b"999",
                b"anthropic-ratelimit-tokens-remaining": b"79000",
                b"anthropic-ratelimit-input-tokens-remaining": b"1",
            },
            999,
            79_000,
        ),
        ({b"anthropic-ratelimit-input-tokens-remaining": b"80000"}, None, 80_000),
        ({b"x-ratelimit-remaining-req-minute": b"4", b"x-ratelimit-remaining-tokens-minute": b"9000"}, 4, 9000),
        ({b"x-ratelimit-remaining-requests-day": b"14000", b"x-ratelimit-remaining-tokens-minute": b"0"}, 14_000, 0),
        ({b"x-ratelimit-remaining": b"17"}, 17, None),
        ({b"x-ratelimit-limit-requests": b"60", b"x-ratelimit-reset-requests": b"1s"}, None, None),
        ({}, None, None),
    ],
)
def test_what_a_providers_limits_leave(headers: dict[bytes, bytes], requests: int | None, tokens: int | None) -> None:
    """Under the names of all of them; nothing left is something else than nothing told."""
    attempt = noted(headers)

    assert (requests, tokens) == (attempt.left_requests, attempt.left_tokens)


@pytest.mark.parametrize(
    "value", [b"", b"-1", b"1.5", b"1e9", b"many", b"9" * 16, b"\xb2", b"\xd9\xa3", b"0x1f", b"1, 2"]
)
def test_what_is_no_number_tells_nothing(value: bytes) -> None:
    """Azure says -1 where it does not know."""
    attempt = noted({b"x-ratelimit-remaining-requests": value, b"x-ratelimit-remaining-tokens": b"7"})

    assert (None, 7) == (attempt.left_requests, attempt.left_tokens)


@pytest.mark.parametrize("name", [b"x-request-id", b"request-id", b"apim-request-id", b"x-generation-id"])
def test_the_providers_own_id_is_noted(name: bytes) -> None:
    """OpenAI's, Anthropic's, Azure's, OpenRouter's name for it."""
    assert "req_1" == noted({name: b"req_1"}).upstream_request_id
    assert noted({b"x-request": b"req_1"}).upstream_request_id is None


def test_of_two_ids_the_more_usual_one_counts() -> None:
    """Azure sends both."""
    assert "a" == noted({b"apim-request-id": b"b", b"x-request-id": b"a"}).upstream_request_id
