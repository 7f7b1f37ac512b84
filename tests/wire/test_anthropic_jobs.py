"""Batches of messages: asked for, polled, and their results line by line."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.record import Job
from gateway.core.usage import Usage
from gateway.wire.anthropic_meter import new_meter
from gateway.wire.endpoint import ASKS, POLLS, RESULTS, Endpoint
from gateway.wire.shapes import Sight

ASK, POLL, FETCH = (Endpoint(name="batch", meters=True, job=job) for job in (ASKS, POLLS, RESULTS))


def batch(**fields: Any) -> bytes:
    """Write a batch as its creation, retrieval and cancellation answer with it."""
    counts = {"processing": 2, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    usual = {"id": "msgbatch_1", "type": "message_batch", "processing_status": "in_progress"}
    return json.dumps({**usual, "request_counts": counts, "results_url": None, **fields}).encode()


def line(model: str = "claude-9", kind: str = "succeeded", **usage: Any) -> bytes:
    """Write one result."""
    message = {"id": "msg_1", "type": "message", "model": model, "content": [], "usage": usage}
    result = {"type": kind} | ({"message": message} if kind == "succeeded" else {"error": {"type": "error"}})
    return json.dumps({"custom_id": "one", "result": result}).encode() + b"\n"


def seen_by(endpoint: Endpoint, *pieces: bytes) -> Sight:
    """Read an answer as a worker does."""
    meter = new_meter(endpoint, streamed=False, strip_usage=False)
    for piece in pieces:
        meter.feed(piece)
    meter.finish()
    return meter.sight()


def told(sight: Sight) -> Usage | None:
    """Return the usage that some work is said to have had."""
    assert sight.polled
    assert sight.usage is None
    return sight.job.usage if sight.job else None


def test_a_batch_that_was_asked_for_is_open() -> None:
    """The answer to its creation is never its end."""
    sight = seen_by(ASK, batch())

    assert (Job(id="msgbatch_1", state="open"), None, False) == (sight.job, sight.usage, sight.polled)
    assert seen_by(ASK, b"<html>").job is None


def test_results_are_added_up() -> None:
    """What was cached, how long, and what thinking took, too; failed requests are not billed."""
    lines = [
        line(input_tokens=10, output_tokens=5, cache_read_input_tokens=3, service_tier="batch"),
        line(kind="errored"),
        line(kind="canceled"),
        line(kind="expired"),
        line(
            input_tokens=20,
            output_tokens=7,
            cache_creation_input_tokens=100,
            cache_creation={"ephemeral_1h_input_tokens": 60, "ephemeral_5m_input_tokens": 40},
            output_tokens_details={"thinking_tokens": 4},
            server_tool_use={"web_search_requests": 2},
            service_tier="batch",
        ),
    ]
    sight = seen_by(FETCH, *lines)
    usage = told(sight)

    assert usage is not None
    assert (133, 12, 3, 40, 60, 4, 2) == (
        usage.input_total, usage.output_total, usage.input_cached_read, usage.input_cache_write_5m,
        usage.input_cache_write_1h, usage.output_reasoning, usage.web_searches,
    )  # fmt: skip
    assert (2, 120, "batch", "claude-9") == (usage.requests, usage.context, usage.processing, sight.model)
    assert (b"", False, ()) == (bytes(usage.raw), usage.suspect, usage.elsewhere)


def test_each_model_is_billed_by_its_own_price() -> None:
    """A batch may ask several."""
    sight = seen_by(FETCH, line("small", input_tokens=1, output_tokens=1), line("large", input_tokens=5))
    usage = told(sight)

    assert usage is not None
    assert ("large", 5) == (sight.model, usage.input_total)
    assert [("small", 1)] == [(each.model, each.input_total) for each in usage.elsewhere]


def test_a_batch_of_which_nothing_succeeded_costs_nothing() -> None:
    """By its results, or by what a poll says about them."""
    counts = {"processing": 0, "succeeded": 0, "errored": 2, "canceled": 0, "expired": 0}
    for sight in (
        seen_by(FETCH, line(kind="errored"), line(kind="expired")),
        seen_by(POLL, batch(processing_status="ended", request_counts=counts)),
    ):
        usage = told(sight)
        assert usage is not None
        assert (0, 0, "batch") == (usage.input_total, usage.output_total, usage.processing)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"processing_status": "canceling"},
        {"processing_status": "ended", "request_counts": {"succeeded": 1}},
        {"processing_status": "ended", "request_counts": None},
        {"processing_status": ["ended"], "request_counts": {"succeeded": 0}},
    ],
)
def test_a_poll_does_not_tell_what_the_results_will(fields: Any) -> None:
    """Only that some work is seen."""
    sight = seen_by(POLL, batch(**fields))

    assert told(sight) is None
    assert ("msgbatch_1", "seen") == (sight.job and sight.job.id, sight.job and sight.job.state)


def test_results_that_cannot_be_read_are_told() -> None:
    """What could be read counts."""
    for strange in (b"nonsense\n", b'{"result":{"type":"succeeded"}}\n', b'{"result":7}\n', line(input_tokens=-5)):
        usage = told(seen_by(FETCH, line(input_tokens=10), strange))
        assert (10, True) == (usage and usage.input_total, usage and usage.suspect)
    assert told(seen_by(FETCH, b'{"type":"error","error":{"type":"not_found_error"}}')) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=9), inner, max_size=2),
    max_leaves=4,
)


@given(
    st.lists(st.dictionaries(st.sampled_from(["input_tokens", "output_tokens", "iterations"]), JSON), max_size=3),
    st.binary(max_size=99),
)
def test_no_answer_is_too_strange(usages: list[dict[str, Any]], noise: bytes) -> None:
    """Whatever a provider says, something can be said about it, and no usage is negative."""
    usage = told(seen_by(FETCH, *(line(**usage) for usage in usages), noise))
    for endpoint in (ASK, POLL):
        seen_by(endpoint, noise)

    assert usage is None or min(usage.input_total, usage.output_total) >= 0
