"""An exchange whose worker died is booked at what its remains show, never at nothing if a provider was called."""

from typing import Any

import pytest

from gateway.app.burial import settle
from gateway.config.compile import from_sources
from gateway.core.record import Attempt, Hold, decode
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


def test_how_the_answer_ended_is_told_as_far_as_it_came() -> None:
    """By what was written down of it."""
    chunk = b'data: {"id":"c-1","choices":[{"delta":{"content":"hi"},"finish_reason":%b}]}\n\n'

    records = [died(chunk % b"null" + chunk % reason) for reason in (b'"length"', b"null")]

    assert [("c-1", "length"), ("c-1", None)] == [(record.response_id, record.finish_reason) for record in records]


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


def test_a_provider_that_config_no_longer_names_is_priced_by_its_models() -> None:
    """It billed the call all the same."""
    record = died(PARTS[0], provider="gone")

    assert died(PARTS[0]).cost_nano_usd == record.cost_nano_usd > 0


def test_an_unknown_dialect_is_left_as_it_is() -> None:
    """Nobody can say what it used; the row says that it is an estimate."""
    record = died(PARTS[0], dialect="gone")

    assert ("estimated", None, 0) == (record.usage_source, record.usage, record.cost_nano_usd)


def holds() -> list[Hold]:
    """What an exchange had set aside when its worker died."""
    return [Hold("search/daily", 0, "usd", 5_000_000), Hold("search/daily#requests", 0, "requests", 1)]


def test_every_balance_is_charged() -> None:
    """Money what was booked, requests the call: it may have gone out."""
    record = died(PARTS[0], holder="w1", holds=holds())

    assert [(record.cost_nano_usd, 0), (1, 0)] == [(hold.charged, hold.late) for hold in record.holds]
    polled = died(b"", method="POST", path="/v1/messages/count_tokens", dialect="anthropic", holds=holds())
    assert [0, 1] == [hold.charged for hold in polled.holds]


def test_work_that_goes_on_is_charged_its_hold() -> None:
    """Until its cost is known."""
    answer = BACKGROUND % (b"queued", b"null")
    record = died(answer, path="/v1/responses", endpoint="responses", stream=False, holds=holds())

    assert [5_000_000, 1] == [hold.charged for hold in record.holds]


@pytest.mark.parametrize("more", [{}, {"provider": "gone"}, {"dialect": "gone"}])
@pytest.mark.parametrize("answer", [b"", PARTS[0], b"".join(PARTS)])
def test_under_a_strict_budget_it_costs_its_bound(answer: bytes, more: dict[str, str]) -> None:
    """Also where some of the usage was seen: what the provider did after the death nobody knows."""
    record = died(answer, bound_nano_usd=5_000_000, holds=holds(), **more)

    assert 5_000_000 == record.cost_nano_usd == record.holds[0].charged


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
