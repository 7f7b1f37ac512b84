"""Gemini's batches are operations; their answers stand inside, perhaps twice."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.record import Job
from gateway.core.usage import Usage
from gateway.wire.endpoint import ASKS, POLLS, Endpoint
from gateway.wire.gemini_meter import new_meter
from gateway.wire.shapes import Sight
from tests.wire.test_openai_jobs import batch

ASK, POLL = (Endpoint(name="batch", meters=True, job=job) for job in (ASKS, POLLS))


def answer(read: int, wrote: int, **fields: Any) -> dict[str, Any]:
    """Write one answer inside a batch."""
    usage = {"promptTokenCount": read, "candidatesTokenCount": wrote, "totalTokenCount": read + wrote}
    return {"response": {"usageMetadata": usage, "modelVersion": "gemini-2.5-flash", **fields}}


def operation(*answers: Any, **fields: Any) -> bytes:
    """Write the operation of a batch that has ended with these answers."""
    output = {"inlinedResponses": {"inlinedResponses": list(answers)}}
    state = {"model": "models/gemini-2.5-flash", "state": "BATCH_STATE_SUCCEEDED", "output": output}
    return json.dumps({"name": "batches/1x", "metadata": state, "done": True, "response": output, **fields}).encode()


def seen_by(endpoint: Endpoint, body: bytes) -> Sight:
    """Read an answer as a worker does."""
    meter = new_meter(endpoint, streamed=False, strip_usage=False)
    meter.feed(body)
    meter.finish()
    return meter.sight()


def told(sight: Sight) -> Usage | None:
    """Return the usage that some work is said to have had."""
    assert sight.polled
    return sight.job.usage if sight.job else None


def test_a_batch_that_was_asked_for_is_open() -> None:
    """Its operation is not done."""
    sight = seen_by(ASK, operation(done=None, response=None, metadata={"state": "BATCH_STATE_PENDING"}))

    assert (Job(id="batches/1x", state="open"), None) == (sight.job, sight.usage)


def test_answers_are_added_up_once() -> None:
    """They stand in the response and where the SDK looks for them; one that failed is not billed."""
    sight = seen_by(POLL, operation(answer(10, 5), answer(20, 7), {"error": {"code": 8}}))
    usage = told(sight)

    assert usage is not None
    assert (30, 12, 2, 20, "batch") == (
        usage.input_total, usage.output_total, usage.requests, usage.context, usage.processing,
    )  # fmt: skip
    assert ("gemini-2.5-flash", False) == (sight.model, usage.suspect)


def test_either_place_will_do() -> None:
    """And either shape of the list; an answer that names no model is of the batch's."""
    output = {"inlinedResponses": [answer(10, 5, modelVersion=None)]}
    for body in (
        operation(metadata={"model": "models/m", "output": output}, response=None),
        operation(metadata={"model": "models/m"}, response=output),
    ):
        sight = seen_by(POLL, body)
        assert ("m", 10) == (sight.model, (usage := told(sight)) and usage.input_total)


def test_embeddings_are_answers_too() -> None:
    """They have a list of their own."""
    output = {"inlinedEmbedContentResponses": {"inlinedResponses": [answer(9, 0)]}}

    assert 9 == ((usage := told(seen_by(POLL, operation(response=output, metadata={})))) and usage.input_total)


@pytest.mark.parametrize(
    "body",
    [
        operation(answer(1, 1), done=False),
        operation(answer(1, 1), done="true"),
        operation(response={"responsesFile": "files/1"}, metadata={}),
        operation(response=None, metadata=None, error={"code": 13}),
        operation(),
        operation({"response": {"candidates": []}}),
    ],
)
def test_what_is_not_told_is_not_nothing(body: bytes) -> None:
    """It goes on, or its answers stand in a file, or tell no usage."""
    sight = seen_by(POLL, body)

    assert told(sight) is None
    assert ("batches/1x", "seen") == (sight.job and sight.job.id, sight.job and sight.job.state)


def test_a_batch_of_which_nothing_succeeded_costs_nothing() -> None:
    """All its requests failed."""
    usage = told(seen_by(POLL, operation({"error": {"code": 8}}, {"error": {"code": 8}})))

    assert usage is not None
    assert (0, 0) == (usage.input_total, usage.output_total)


def test_an_answer_without_usage_makes_the_sum_suspect() -> None:
    """The others count."""
    usage = told(seen_by(POLL, operation(answer(10, 5), {"response": {"candidates": []}})))

    assert (10, True) == (usage and usage.input_total, usage and usage.suspect)


def test_words_about_usage_are_not_usage() -> None:
    """What a model says, or calls a function with, is its own affair."""
    part = {"functionCall": {"name": "f", "args": {"usageMetadata": {"promptTokenCount": 10**9}}}}
    content = {"parts": [part, {"text": json.dumps(answer(10**9, 1))}]}
    usage = told(seen_by(POLL, operation(answer(10, 5, candidates=[{"content": content}]))))

    assert 10 == (usage and usage.input_total)


def test_the_compatible_api_tells_as_openai_does() -> None:
    """Behind `/openai/` a batch is OpenAI's."""
    assert 11 == ((usage := told(seen_by(POLL, batch()))) and usage.input_total)
    assert "batch_1" == ((job := seen_by(ASK, batch(status="validating")).job) and job.id)
    response = Endpoint(name="responses", meters=True, job=POLLS)
    assert seen_by(response, b"{}").polled


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=9), inner, max_size=2),
    max_leaves=4,
)


@given(
    st.dictionaries(st.sampled_from(["name", "done", "metadata", "response"]), JSON),
    st.lists(JSON, max_size=3),
    st.binary(max_size=99),
)
def test_no_answer_is_too_strange(fields: dict[str, Any], answers: list[Any], noise: bytes) -> None:
    """Whatever a provider says, something can be said about it, and no usage is negative."""
    for body in (operation(*answers, **fields), noise):
        for endpoint in (ASK, POLL):
            sight = seen_by(endpoint, body)
            usage = sight.usage or (sight.job.usage if sight.job else None)
            assert usage is None or min(usage.input_total, usage.output_total) >= 0
