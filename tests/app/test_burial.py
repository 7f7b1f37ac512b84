"""An exchange whose worker died is booked at what its remains show, never at nothing if a provider was called."""

from typing import Any

from gateway.app.burial import settle
from gateway.config.compile import from_sources
from gateway.core.record import Attempt, decode
from gateway.journal.frame import REQUEST, RESPONSE
from tests.records import begun, finished

CONFIG = """
[providers.openai]
dialect = "openai"
base_url = "https://api.openai.com/v1"
[providers.local]
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"
free = true
"""
SNAPSHOT = from_sources({"config.toml": CONFIG}, "/", {}, 1)
PARTS = [
    b'data: {"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"delta":{"content":"Hello, how are you?"}}]}\n\n',
    b'data: {"model":"gpt-4o-mini-2024-07-18","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5}}\n\n',
]


def died(answer: bytes, request: bytes = b"x" * 400, **fields: Any) -> Any:
    """Settle an exchange that died after this much of the answer."""
    one = begun(**{"stream": True, "usage_source": "estimated", "outcome": "gateway_error", **fields})
    dead = finished(one)._replace(
        died=True, request=[(REQUEST, 0, request)], response=[(RESPONSE, 0, answer)] if answer else []
    )
    settled = settle(dead, SNAPSHOT.routing, SNAPSHOT.prices)
    assert settled.record == decode(settled.meta)
    return settled.record


def test_usage_that_had_come_is_taken() -> None:
    """With the usage event in the journal the price is what the provider will bill."""
    record = died(b"".join(PARTS))

    assert ("partial", 9, 5) == (record.usage_source, record.usage.input_total, record.usage.output_total)
    assert ("gpt-4o-mini-2024-07-18", "genai-prices") == (record.model_served, record.price_source)
    assert record.cost_nano_usd > 0


def test_usage_that_had_not_come_is_estimated() -> None:
    """From the request's size and the text that passed."""
    record = died(PARTS[0])

    assert "estimated" == record.usage_source
    assert record.usage.input_total >= 100 // 2
    assert record.usage.output_total > 0
    assert record.cost_nano_usd > 0
    assert (400, len(PARTS[0])) == (record.request_bytes, record.response_bytes)


def test_a_picture_in_the_request_is_no_text() -> None:
    """Four bytes a token would make a million tokens of it."""
    record = died(b"", b'{"url":"data:image/png;base64,' + b"iVBORw0K" * 100_000 + b'"}')

    assert 100 < record.usage.input_total < 10_000


def test_no_answer_at_all_still_costs_the_input() -> None:
    """The provider read the request, as far as anybody can tell."""
    assert died(b"").cost_nano_usd > 0


def test_a_routes_name_has_no_price() -> None:
    """Of an answer that never came, the price is the one of the model that the route asked for."""
    attempts = [Attempt(provider="openai", model="gpt-4o-mini")]
    record = died(b"", model_requested="fast", route="fast", attempts=attempts)

    assert "genai-prices" == record.price_source


def test_free_providers_stay_free() -> None:
    """A local model costs nothing in death either."""
    record = died(PARTS[0], provider="local")

    assert (0, "free") == (record.cost_nano_usd, record.price_source)


def test_calls_that_are_not_billed_cost_nothing() -> None:
    """Listing models is no usage."""
    record = died(b"", method="GET", path="/v1/models", endpoint="models")

    assert ("none", None, 0) == (record.usage_source, record.usage, record.cost_nano_usd)


def test_unknown_provider_is_left_as_it_is() -> None:
    """A provider that config no longer names cannot be priced; the row says that it is an estimate."""
    record = died(PARTS[0], provider="gone")

    assert ("estimated", None, 0) == (record.usage_source, record.usage, record.cost_nano_usd)


BACKGROUND = b'{"id":"resp_1","background":true,"status":"%b","model":"gpt-4o-mini","usage":%b}'
USAGE = b'{"input_tokens":10,"output_tokens":2}'


def test_work_that_goes_on_outlives_its_worker() -> None:
    """The answer was written down: the cost will be told to somebody else."""
    answer = BACKGROUND % (b"queued", b"null")
    record = died(answer, path="/v1/responses", endpoint="responses", stream=False)

    assert ("resp_1", "open", 100) == (record.job.id, record.job.state, record.job.usage.input_total)
    assert (None, "none", 0) == (record.usage, record.usage_source, record.cost_nano_usd)
    assert 400 == record.request_bytes


def test_a_poll_whose_worker_died_is_free() -> None:
    """Its client did not get the whole of it, and will ask again."""
    answer = BACKGROUND % (b"completed", USAGE)
    record = died(answer, method="GET", path="/v1/responses/resp_1", endpoint="responses", stream=False)

    assert (None, "none", 0) == (record.usage, record.usage_source, record.cost_nano_usd)
    assert ("resp_1", "seen", None) == (record.job.id, record.job.state, record.job.usage)
