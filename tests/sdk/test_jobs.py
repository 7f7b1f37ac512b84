"""The SDKs' own ways to background responses and batches, and what the gateway books of them."""

import json
from typing import Any

import httpx2

from tests.gateway import KEY, Gateway
from tests.provider import Provider, answer, until
from tests.sdk import answers
from tests.sdk.answers import document
from tests.sdk.conftest import Make

_RESPONSE: dict[str, Any] = json.loads(answers.RESPONSE.body[0])  # type: ignore[arg-type]
ENDED = {**_RESPONSE, "background": True}
BEGUN = {**ENDED, "status": "queued", "output": [], "usage": None}
BATCH = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "input_file_id": "file-1",
    "completion_window": "24h",
    "status": "validating",
    "created_at": 1,
}
ENDED_BATCH = {
    **BATCH,
    "status": "completed",
    "model": "gpt-4o-mini",
    "request_counts": {"total": 2, "completed": 2, "failed": 0},
    "usage": ENDED["usage"],
}
MESSAGE_BATCH = {
    "id": "msgbatch_1",
    "type": "message_batch",
    "processing_status": "in_progress",
    "request_counts": {"processing": 1, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0},
    "created_at": "2026-11-23T12:00:00Z",
    "expires_at": "2026-11-24T12:00:00Z",
    "results_url": None,
}
RESULT = {"custom_id": "one", "result": {"type": "succeeded", "message": json.loads(answers.MESSAGE.body[0])}}  # type: ignore[arg-type]


def booked(gateway: Gateway, session: str) -> dict[str, Any]:
    """Wait for the one row of a session that bears the cost; all others are free."""

    def look() -> list[dict[str, Any]]:
        rows = gateway.rows(session=session)
        return [row for row in rows if row["job"] and row["job"]["state"] == "booked"]

    (row,) = until(look, f"{session} is booked")
    assert {0} == {other["cost_nano_usd"] for other in gateway.rows(session=session) if other["id"] != row["id"]}
    return dict(row)


def test_openai_background_response(make: Make, gateway: Gateway, provider: Provider) -> None:
    """Created, retrieved until it is there, retrieved as a stream; it costs what the same costs at once."""
    client = make("openai", session="background")
    provider.play(document(BEGUN), document(BEGUN), document(ENDED), document(ENDED), answers.RESPONSE_STREAM)
    created = client.responses.create(model="gpt-4o-mini", input="Say hello.", background=True)
    assert ["queued", "queued", "completed", "completed"] == [
        created.status, *(client.responses.retrieve(created.id).status for _ in range(3)),
    ]  # fmt: skip
    with client.responses.retrieve(created.id, stream=True, starting_after=2) as events:
        assert "response.completed" == list(events)[-1].type
    row = booked(gateway, "background")
    provider.play(answers.RESPONSE)
    make("openai", session="foreground").responses.create(model="gpt-4o-mini", input="Say hello.")
    (usual,) = gateway.wait_rows(1, session="foreground")

    assert usual["cost_nano_usd"] == row["cost_nano_usd"] > 0
    assert (11, 2, 7, 3) == tuple(
        row["usage"][name] for name in ("input_total", "input_cached_read", "output_total", "output_reasoning")
    )
    assert "/v1/responses" == row["path"]


def test_openai_batch(make: Make, gateway: Gateway, provider: Provider) -> None:
    """Created and retrieved."""
    client = make("openai", session="batch")
    provider.play(document(BATCH), document({**BATCH, "status": "in_progress"}), document(ENDED_BATCH))
    created = client.batches.create(completion_window="24h", endpoint="/v1/chat/completions", input_file_id="file-1")
    assert ["in_progress", "completed"] == [client.batches.retrieve(created.id).status for _ in range(2)]

    row = booked(gateway, "batch")
    assert ("gpt-4o-mini", 11, 7, 2, "batch") == (
        row["model_served"], row["usage"]["input_total"], row["usage"]["output_total"], row["usage"]["requests"],
        row["usage"]["processing"],
    )  # fmt: skip


def test_anthropic_batch(make: Make, gateway: Gateway, provider: Provider) -> None:
    """The SDK follows the address of the results; here it leads to the gateway, as a client can arrange."""
    client = make("anthropic", session="message batch")
    ended = {
        **MESSAGE_BATCH,
        "processing_status": "ended",
        "request_counts": {"processing": 0, "succeeded": 1, "errored": 0, "canceled": 0, "expired": 0},
        "results_url": f"{gateway.url}/v1/messages/batches/msgbatch_1/results",
    }
    provider.play(document(MESSAGE_BATCH), document(MESSAGE_BATCH), document(ended), document(RESULT))
    created = client.messages.batches.create(
        requests=[{"custom_id": "one", "params": {"model": "claude-9", "max_tokens": 9, "messages": []}}]
    )
    assert "in_progress" == client.messages.batches.retrieve(created.id).processing_status
    results = list(client.messages.batches.results(created.id))

    assert ["succeeded"] == [each.result.type for each in results]
    row = booked(gateway, "message batch")
    assert ("claude-9-20261101", 13, 7, "batch") == (
        row["model_served"], row["usage"]["input_total"], row["usage"]["output_total"], row["usage"]["processing"],
    )  # fmt: skip


def test_anthropic_results_without_their_address(make: Make, provider: Provider) -> None:
    """Whose address leads elsewhere can be asked for here by path; what the provider says is never changed."""
    client = make("anthropic")
    lines = json.dumps(RESULT).encode() + b"\n"
    provider.play(document({**MESSAGE_BATCH, "results_url": "https://api.anthropic.com/x"}), answer(lines * 3))

    assert "https://api.anthropic.com/x" == client.messages.batches.retrieve("msgbatch_1").results_url
    results = client.get("/v1/messages/batches/msgbatch_1/results", cast_to=httpx2.Response)
    assert [RESULT] * 3 == [json.loads(line) for line in results.iter_lines()]


def test_gemini_batch(make: Make, gateway: Gateway, provider: Provider) -> None:
    """Created with its requests inside, and fetched with its answers inside."""
    client = make("gemini", session="gemini batch")
    generated = json.loads(answers.GENERATED.body[0])  # type: ignore[arg-type]
    output = {"inlinedResponses": {"inlinedResponses": [{"response": generated}, {"response": generated}]}}
    begun = {"name": "batches/1x", "metadata": {"name": "batches/1x", "state": "BATCH_STATE_PENDING"}}
    ended = {
        "name": "batches/1x",
        "metadata": {"name": "batches/1x", "state": "BATCH_STATE_SUCCEEDED", "output": output},
        "done": True,
        "response": output,
    }
    provider.play(document(begun), document(begun), document(ended))
    created = client.batches.create(
        model="gemini-2.5-flash", src=[{"contents": [{"parts": [{"text": "Say hello."}], "role": "user"}]}]
    )
    states = [client.batches.get(name=created.name) for _ in range(2)]

    assert 2 == len(states[-1].dest.inlined_responses)
    row = booked(gateway, "gemini batch")
    assert ("gemini-2.5-flash", 22, 14, 2) == (
        row["model_served"], row["usage"]["input_total"], row["usage"]["output_total"], row["usage"]["requests"],
    )  # fmt: skip
    assert KEY not in json.dumps(row)
