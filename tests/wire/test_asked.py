"""Every call to a provider is read, or has no bound; none slips through as cheap."""

from typing import Any

import pytest

from gateway.core.errors import Refusal
from gateway.wire import anthropic, gemini, openai
from gateway.wire.asked import read_asked
from gateway.wire.endpoint import POLLS, Endpoint
from gateway.wire.paths import under_provider
from tests import exchanges
from tests.wire.asking import asked, encoded

TABLES = {"openai": openai.ENDPOINTS, "anthropic": anthropic.ENDPOINTS, "gemini": gemini.ENDPOINTS}
READ = {
    "openai": {"chat", "text_completion", "responses", "embeddings", "image", "audio"},
    "anthropic": {"messages"},
    "gemini": {"generate_content", "embeddings", "chat", "responses"},
}


def kinds(dialect: str) -> list[Endpoint]:
    """Return every kind of call that a POST of a dialect can be."""
    table = TABLES[dialect]
    found = [*table.posts.values(), *(Endpoint(name=name) for name in table.families.values())]
    return found + list(gemini.ACTIONS.values()) if dialect == "gemini" else found


@pytest.mark.parametrize("dialect", TABLES)
def test_what_is_not_read_has_no_bound(dialect: str) -> None:
    """Batches, files, forms, and whatever is added to the tables: nothing is free because nobody looked."""
    for endpoint in kinds(dialect):
        found = read_asked(dialect, endpoint, b"{}")
        if endpoint.name == "count_tokens":
            assert found.free
        elif endpoint.name in READ[dialect] and endpoint.reads_body:
            assert not found.free
        elif endpoint is not openai.FREE:
            assert f"'{endpoint.name}'" in found.unbounded
            assert not found.free


@pytest.mark.parametrize("dialect", TABLES)
def test_asking_after_work_and_cancelling_it_is_free(dialect: str) -> None:
    """When the money is gone, work that spends more of it must still be stoppable; fetched results were paid for."""
    jobs = [job.endpoint for job in TABLES[dialect].jobs if job.endpoint.job == POLLS]

    assert jobs
    assert all(read_asked(dialect, endpoint, b"{}").free for endpoint in jobs)


def test_moderations_are_free() -> None:
    """The provider says so; other calls that only look like it are not."""
    assert read_asked("openai", openai.FREE, b"{}").free
    assert not read_asked("openai", openai.OTHER, b"{}").free
    assert not read_asked("gemini", gemini.ACTIONS["predictlongrunning"], b"{}").free
    assert not read_asked("openai", Endpoint(name="other"), b"{}").free


def test_forms_are_not_read() -> None:
    """They stream through, so that nobody knows what is in them."""
    assert read_asked("openai", openai.ENDPOINTS.posts["audio/transcriptions"], b"").unbounded


def test_ollamas_own_chat_is_not_read_as_openais() -> None:
    """It has another name for the maximum, and ignores OpenAI's."""
    assert read_asked("openai", openai.LINES, b'{"messages":[],"max_tokens":9}').unbounded


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "gemini"])
def test_a_body_that_is_no_object_is_refused(dialect: str) -> None:
    """As `body.read` refuses it."""
    with pytest.raises(Refusal):
        asked(dialect, [1])


def test_recorded_requests_are_read_or_say_why_not() -> None:
    """Over every recorded request to a provider: sizes fit, counts are sane, and what is odd is told by name."""
    read = bounded = 0
    for exchange in exchanges.load():
        dialect = exchanges.dialect_of(exchange)
        place = under_provider(dialect, exchange["method"], exchanges.path_of(exchange))
        body = encoded(exchange["request"])

        found = read_asked(place.dialect, place.endpoint, body)

        read += 1
        assert found.body_bytes == len(body)
        assert 0 < found.text_bytes <= len(body)
        assert (found.text_bytes < len(body)) is bool(found.images)
        assert min(found.choices, found.steps, found.least_output_tokens) >= 1
        assert not (found.free and found.unbounded)
        if place.endpoint.meters:
            bounded += not found.unbounded
            assert found.max_output_tokens == told_maximum(exchange["request"]), exchange["name"]
    assert read > 800
    assert bounded > 600


def told_maximum(request: dict[str, Any]) -> int | None:
    """Find the maximum that a request names, the plain way."""
    config = request.get("generationConfig", {})
    names = ("max_tokens", "max_completion_tokens", "max_output_tokens")
    told = [request.get(name) for name in names] + [config.get("maxOutputTokens")]
    return max((number for number in told if number), default=None)
