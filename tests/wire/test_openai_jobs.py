"""Background responses and batches of the OpenAI dialect: when they go on, when they have ended, what they used."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.record import Job
from gateway.core.usage import Usage
from gateway.wire.endpoint import ASKS, POLLS, Endpoint
from gateway.wire.openai import RESPONSES
from gateway.wire.openai_jobs import asked_batch, asked_response, polled_batch, polled_response
from gateway.wire.openai_meter import new_meter
from gateway.wire.shapes import Sight

USAGE = {
    "input_tokens": 11,
    "input_tokens_details": {"cached_tokens": 2},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 18,
}
POLLED = Endpoint(name="responses", meters=True, job=POLLS)


def response(**fields: Any) -> bytes:
    """Write a response that goes on in the background."""
    usual = {"id": "resp_1", "object": "response", "status": "queued", "background": True, "model": "gpt-5.6"}
    return json.dumps({**usual, "output": [], "usage": None, **fields}).encode()


def batch(**fields: Any) -> bytes:
    """Write a batch that has ended."""
    counts = {"total": 4, "completed": 4, "failed": 0}
    usual = {"id": "batch_1", "object": "batch", "status": "completed", "request_counts": counts, "model": "gpt-5.6"}
    return json.dumps({**usual, "usage": USAGE, **fields}).encode()


def event(kind: str, **fields: Any) -> bytes:
    """Write an event of a stream that holds a response."""
    body = json.loads(response(**fields))
    return f"event: {kind}\ndata: {json.dumps({'type': kind, 'response': body})}\n\n".encode()


def told(sight: Sight) -> Usage | None:
    """Return the usage that some work is said to have had."""
    return sight.job.usage if sight.job else None


def seen_by(endpoint: Endpoint, body: bytes, *, streamed: bool = False) -> Sight:
    """Read an answer as a worker does."""
    meter = new_meter(endpoint, streamed=streamed, strip_usage=False)
    meter.feed(body)
    meter.finish()
    return meter.sight()


@pytest.mark.parametrize("status", ["queued", "in_progress", "unheard_of", None, ["completed"]])
def test_a_background_response_that_goes_on_is_a_job(status: Any) -> None:
    """Whatever its state is called, as long as it is no end."""
    sight = seen_by(RESPONSES, response(status=status))

    assert (Job(id="resp_1", state="open"), None, "gpt-5.6") == (sight.job, sight.usage, sight.model)
    assert not sight.polled


def test_zeros_of_a_response_that_goes_on_are_no_usage() -> None:
    """Some servers count from the beginning."""
    zeros = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}

    assert ("resp_1", None) == ((sight := seen_by(RESPONSES, response(usage=zeros))).job and sight.job.id, sight.usage)


@pytest.mark.parametrize("background", [False, None, "true", 1])
def test_a_response_in_the_foreground_never_is(background: Any) -> None:
    """Only what says `true` goes on."""
    assert seen_by(RESPONSES, response(background=background)).job is None
    assert asked_response(response(background=background)) is None


def test_a_background_response_that_has_ended_needs_no_job() -> None:
    """Its answer tells the usage."""
    sight = seen_by(RESPONSES, response(status="completed", usage=USAGE))

    assert (None, 11) == (sight.job, sight.usage and sight.usage.input_total)
    assert seen_by(RESPONSES, response(status="failed")).job is None


def test_a_background_stream_is_a_job_until_its_last_event() -> None:
    """What a client leaves goes on; what is read to its end is booked as any other."""
    begun = event("response.created") + event("response.in_progress", status="in_progress")
    delta = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"Hi"}\n\n'
    end = event("response.completed", status="completed", usage=USAGE)

    assert Job(id="resp_1", state="open") == seen_by(RESPONSES, begun + delta, streamed=True).job
    whole = seen_by(RESPONSES, begun + delta + end, streamed=True)
    assert (None, 11) == (whole.job, whole.usage and whole.usage.input_total)
    odd = seen_by(RESPONSES, begun + event("response.completed", usage=USAGE), streamed=True)
    assert (None, 11) == (odd.job, odd.usage and odd.usage.input_total), "the event is the end, whatever it says"
    foreground = event("response.created", background=False)
    assert seen_by(RESPONSES, foreground + delta, streamed=True).job is None


@pytest.mark.parametrize("status", ["completed", "incomplete", "failed", "cancelled"])
def test_a_poll_tells_what_the_end_used(status: str) -> None:
    """Its own row gets none of it. The tier counts, as in the answer of the foreground."""
    body = response(status=status, usage=USAGE, service_tier="priority")
    sight = seen_by(POLLED, body)

    assert (True, None, None) == (sight.polled, sight.usage, sight.error)
    usage = told(sight)
    assert usage is not None
    assert (11, 2, 7, 3, "priority") == (
        usage.input_total, usage.input_cached_read, usage.output_total, usage.output_reasoning, usage.service_tier,
    )  # fmt: skip
    assert sight.job is not None
    assert ("resp_1", "seen") == (sight.job.id, sight.job.state)


def test_a_poll_of_what_goes_on_tells_no_usage() -> None:
    """Nor does an end without one, nor a usage beside a state that is no end."""
    for body in (
        response(),
        response(status="cancelled"),
        response(status="in_progress", usage=USAGE),
        response(status=["completed"], usage=USAGE),
        response(status="completed", usage={"input_tokens": "lots", "output_tokens": -1}),
    ):
        sight = seen_by(POLLED, body)
        assert sight.job is not None
        assert told(sight) is None


def test_reading_a_stored_response_again_is_nothing() -> None:
    """It repeats the usage of an exchange that was booked."""
    sight = seen_by(POLLED, response(background=False, status="completed", usage=USAGE))

    assert (True, None, None) == (sight.polled, sight.job, sight.usage)


def test_a_streamed_poll_tells_by_its_last_event() -> None:
    """Wherever it begins; an error inside it is the run's, not the poll's."""
    delta = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"Hi"}\n\n'
    end = event("response.failed", status="failed", usage=USAGE, error={"code": "server_error", "message": "no"})
    sight = seen_by(POLLED, delta + end, streamed=True)

    assert (True, None, None) == (sight.polled, sight.usage, sight.error)
    assert (11, "resp_1") == ((usage := told(sight)) and usage.input_total, sight.job and sight.job.id)
    assert seen_by(POLLED, delta, streamed=True).job is None
    cut = seen_by(POLLED, event("response.created") + delta, streamed=True)
    assert ("resp_1", None) == (cut.job and cut.job.id, told(cut))


def test_a_batch_is_open_until_it_has_ended() -> None:
    """Asked for, its usage is not there yet; a server that answers with the end is believed."""
    ask = Endpoint(name="batch", meters=True, job=ASKS)
    begun = seen_by(ask, batch(status="validating", usage=None, model=None))
    done = seen_by(ask, batch())

    assert (Job(id="batch_1", state="open"), None) == (begun.job, begun.usage)
    assert (None, 11, "gpt-5.6") == (done.job, done.usage and done.usage.input_total, done.model)


@pytest.mark.parametrize("status", ["completed", "failed", "expired", "cancelled"])
def test_an_ended_batch_tells_its_sum(status: str) -> None:
    """At the price of batches, in the tier of its average request: the largest one is not told."""
    usage = told(polled_batch(batch(status=status)))

    assert usage is not None
    assert (11, 7, 4, 3, "batch") == (
        usage.input_total, usage.output_total, usage.requests, usage.context, usage.processing,
    )  # fmt: skip


def test_a_large_batch_is_not_one_large_request() -> None:
    """Its sum is above every tier's edge; without the number of its requests it is below them all."""
    usage = USAGE | {"input_tokens": 90_000_000}
    large = told(polled_batch(batch(usage=usage, request_counts={"completed": 1_000})))
    uncounted = told(polled_batch(batch(usage=usage, request_counts=None)))

    assert (90_000, 1) == (large and large.context, uncounted and uncounted.context)


@pytest.mark.parametrize(
    ("fields", "is_told"),
    [
        ({"status": "failed", "usage": None, "request_counts": None}, True),
        ({"status": "cancelled", "usage": None, "request_counts": {"total": 4, "completed": 0}}, True),
        ({"status": "completed", "usage": None}, False),
        ({"status": "completed", "usage": {"input_tokens": 0, "output_tokens": 0}}, False),
        ({"status": "expired", "usage": None, "request_counts": {}}, False),
        ({"status": "in_progress"}, False),
        ({"status": ["completed"]}, False),
    ],
)
def test_what_never_ran_costs_nothing_and_what_is_not_told_is_not_nothing(fields: Any, is_told: bool) -> None:
    """A batch that was refused used nothing. Old ones, and some servers', tell no usage, or zeros."""
    usage = told(polled_batch(batch(**fields)))

    assert is_told == (usage is not None)
    assert usage is None or (0, 0) == (usage.input_total, usage.output_total)


@pytest.mark.parametrize("counts", [None, [], "many", {"completed": -1}, {"completed": 10**30}, {"completed": "x"}])
def test_hostile_counts_do_not_hurt(counts: Any) -> None:
    """They are the price of nothing."""
    usage = told(polled_batch(batch(request_counts=counts)))

    assert usage is not None
    assert 0 <= usage.requests
    assert 0 < usage.context


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=9), inner, max_size=2),
    max_leaves=4,
)
NAMES = ("id", "status", "background", "usage", "model", "request_counts", "service_tier")


@given(st.dictionaries(st.sampled_from(NAMES), JSON), st.binary(max_size=99))
def test_no_answer_is_too_strange(fields: dict[str, Any], noise: bytes) -> None:
    """Whatever a provider says, something can be said about it, and no usage is negative."""
    for body in (json.dumps(fields).encode(), noise):
        for read in (polled_response, asked_batch, polled_batch):
            usage = told(sight := read(body)) or sight.usage
            assert usage is None or min(usage.input_total, usage.output_total, usage.requests) >= 0
        asked_response(body)
