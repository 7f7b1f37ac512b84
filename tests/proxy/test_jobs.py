"""Work that goes on after its answer, through the whole gateway: booked once, where it was asked for."""

import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import run as command
from tests.client import Reply
from tests.gateway import KEY, Gateway, standing_before, team_file
from tests.provider import EVENTS, Answer, Asked, Provider, answer, providing, stream, until

ALICE, BOB = "tw-alice", "tw-bob"
USAGE = {
    "input_tokens": 1_100,
    "input_tokens_details": {"cached_tokens": 200},
    "output_tokens": 700,
    "output_tokens_details": {"reasoning_tokens": 300},
    "total_tokens": 1_800,
}
BATCH_USAGE = {**USAGE, "input_tokens": 900_000}
GEMINI_USAGE = {"promptTokenCount": 300, "candidatesTokenCount": 40, "totalTokenCount": 340}
MODEL = "gpt-5.6"


class Work:
    """A provider's end of it: what was begun, and how often each was looked at. Ends with the third look."""

    def __init__(self) -> None:
        self.number = 0
        self.looks: Counter[str] = Counter()
        self.cancelled: set[str] = set()

    def __call__(self, asked: Asked) -> Answer:
        path = asked.target.partition("?")[0]
        if asked.method == "POST" and not path.endswith("/cancel"):
            self.number += 1
            return self._begun(path, asked.body)
        name = next(part for part in reversed(path.split("/")) if re.search(r"\d", part))
        self.looks[name] += 1
        if path.endswith("/cancel"):
            self.cancelled.add(name)
        if "responses" in path:
            return self._response(name, streamed="stream=true" in asked.target)
        return self._batch(path, name)

    def _begun(self, path: str, body: bytes) -> Answer:
        if path.endswith("/responses"):
            fields = json.loads(body)
            response = self.response(f"resp_{self.number}", "queued", background=fields.get("background", False))
            if not fields.get("background"):
                return answer(json.dumps({**response, "status": "completed", "usage": USAGE}).encode())
            if fields.get("stream"):
                return Answer(
                    body=(_event("response.created", response),), headers=EVENTS, framing="chunked", stop_at=200
                )
            return answer(json.dumps(response).encode())
        if "messages" in path:
            return answer(json.dumps({"id": f"msgbatch_{self.number}", "processing_status": "in_progress"}).encode())
        if "models" in path:
            return answer(json.dumps({"name": f"batches/{self.number}", "metadata": {}}).encode())
        return answer(json.dumps({"id": f"batch_{self.number}", "object": "batch", "status": "validating"}).encode())

    def _response(self, name: str, *, streamed: bool) -> Answer:
        ended = self.looks[name] > 2 or name in self.cancelled or streamed
        status = "cancelled" if name in self.cancelled else "completed" if ended else "in_progress"
        response = {**self.response(name, status), "usage": USAGE if ended else None}
        if streamed:
            return stream(_event("response.completed", response))
        return answer(json.dumps(response).encode())

    def _batch(self, path: str, name: str) -> Answer:
        if path.endswith("/results"):
            lines = [_result("claude-opus-4-5", 5), _result("claude-haiku-4-5", 7), b'{"result":{"type":"expired"}}\n']
            return answer(b"".join(lines), headers=(("Content-Type", "application/x-jsonl"),))
        ended = self.looks[name] > 2
        if "msgbatch" in name:
            status = {"processing_status": "ended", "request_counts": {"succeeded": 2}}
            return answer(json.dumps({"id": name, **status, "results_url": "https://api.anthropic.com/x"}).encode())
        if "batch_" in name:
            counts = {"total": 900, "completed": 900}
            done = {"status": "completed", "model": MODEL, "usage": BATCH_USAGE, "request_counts": counts}
            return answer(json.dumps({"id": name, **(done if ended else {"status": "in_progress"})}).encode())
        entries = [{"response": {"usageMetadata": GEMINI_USAGE, "modelVersion": "gemini-2.5-flash"}}] * 2
        output = {"inlinedResponses": {"inlinedResponses": entries}}
        return answer(json.dumps({"name": f"batches/{name}", "done": ended, "response": output}).encode())

    @staticmethod
    def response(name: str, status: str, *, background: bool = True) -> dict[str, Any]:
        """Write a response."""
        return {
            "id": name, "object": "response", "status": status, "background": background, "model": MODEL,
            "output": [], "usage": None,
        }  # fmt: skip


def _event(kind: str, response: dict[str, Any]) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, 'response': response})}\n\n".encode()


def _result(model: str, tokens: int) -> bytes:
    usage = {"input_tokens": 100_000 * tokens, "output_tokens": 10, "service_tier": "batch"}
    return (
        json.dumps(
            {"custom_id": "x", "result": {"type": "succeeded", "message": {"model": model, "usage": usage}}}
        ).encode()
        + b"\n"
    )


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """Plays every provider."""
    with providing(Work()) as provider:
        yield provider


@pytest.fixture(scope="module")
def gateway(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Two workers, and two keys that see the same account."""
    folder = tmp_path_factory.mktemp("gateway")
    teams = {"search": team_file([ALICE]), "shop": team_file([BOB])}
    with standing_before(provider, folder, server="workers = 2", teams=teams) as run:
        yield run


def post(gateway: Gateway, path: str, fields: Any, key: str = ALICE, *headers: tuple[str, str]) -> Reply:
    """Ask for work."""
    reply = gateway.post(path, fields, *headers, key=key)
    assert 200 == reply.status, reply.body
    return reply


def get(gateway: Gateway, path: str, key: str = ALICE, *headers: tuple[str, str], method: str = "GET") -> Reply:
    """Look at it, on a connection of its own: either worker may serve it."""
    reply = gateway.ask(method, path, [("Authorization", f"Bearer {key}"), *headers], b"" if method == "POST" else None)
    assert reply.status in (200, 206), reply.body
    return reply


def booked(gateway: Gateway, exchange_id: str) -> dict[str, Any]:
    """Wait until the cost of an exchange's work is known."""

    def look() -> dict[str, Any] | None:
        row = gateway.row(exchange_id)
        return row if row["job"]["state"] == "booked" else None

    return dict(until(look, f"{exchange_id} is booked"))


def check_free(gateway: Gateway, replies: list[Reply]) -> list[Any]:
    """Check that these exchanges cost nothing, and return what they saw."""
    rows = [gateway.row(reply.id) for reply in replies]
    assert {(0, "none", None)} == {(row["cost_nano_usd"], row["usage_source"], row["usage"]) for row in rows}
    assert {None} == {reply.value("x-tollway-cost-usd") for reply in replies}
    return [(row["job"]["state"], "usage" in row["job"]) for row in rows]


def foreground_cost(gateway: Gateway) -> int:
    """Return what the same response costs that is waited for."""
    row = gateway.row(post(gateway, "/v1/responses", {"model": MODEL, "input": "Hi"}).id)
    assert row["job"] is None
    return int(row["cost_nano_usd"])


def test_background_response_is_booked_once(gateway: Gateway) -> None:
    """Polled by two keys of two teams, whole and streamed, on two workers; it costs what the foreground costs."""
    reply = post(gateway, "/v1/responses", {"model": MODEL, "input": "Hi", "background": True})
    row = gateway.row(reply.id)
    assert (0, "none", "open", None) == (row["cost_nano_usd"], row["usage_source"], row["job"]["state"], row["usage"])
    assert row["job"]["usage"]["input_total"] > 0
    name = json.loads(reply.body)["id"]
    polls = [get(gateway, f"/v1/responses/{name}", key) for key in (BOB, ALICE) * 4]
    polls.append(get(gateway, f"/v1/responses/{name}?stream=true&starting_after=3", BOB))
    row = booked(gateway, reply.id)

    assert [("seen", False)] * 2 + [("seen", True)] * 7 == check_free(gateway, polls)
    assert foreground_cost(gateway) == row["cost_nano_usd"] > 0
    assert ("search", "provider", MODEL, "ok") == (
        row["team"],
        row["usage_source"],
        row["model_served"],
        row["outcome"],
    )
    assert (1_100, 200, 300) == tuple(
        row["usage"][name] for name in ("input_total", "input_cached_read", "output_reasoning")
    )
    assert USAGE == row["usage"]["raw"]
    assert b'"background": true' in row["request_body"].encode()


def test_a_stream_that_was_cut_is_booked_by_who_takes_it_up(gateway: Gateway) -> None:
    """The run goes on without its client."""
    reply = post(gateway, "/v1/responses", {"model": MODEL, "input": "Hi", "background": True, "stream": True})
    assert not reply.whole
    row = gateway.row(reply.id)
    assert ("open", 0, "upstream_error") == (row["job"]["state"], row["cost_nano_usd"], row["outcome"])
    poll = get(gateway, f"/v1/responses/{row['job']['id']}?stream=true")

    assert foreground_cost(gateway) == booked(gateway, reply.id)["cost_nano_usd"]
    assert [("seen", True)] == check_free(gateway, [poll])


def test_what_is_cancelled_is_booked_as_far_as_it_came(gateway: Gateway) -> None:
    """The answer to the cancelling tells."""
    reply = post(gateway, "/v1/responses", {"model": MODEL, "input": "Hi", "background": True})
    name = json.loads(reply.body)["id"]
    cancelled = get(gateway, f"/v1/responses/{name}/cancel", BOB, method="POST")

    assert foreground_cost(gateway) == booked(gateway, reply.id)["cost_nano_usd"]
    assert [("seen", True)] == check_free(gateway, [cancelled])


def test_reading_a_stored_response_again_is_free(gateway: Gateway, provider: Provider) -> None:
    """It repeats its usage; it was booked when it was answered."""
    stored = {**Work.response("resp_stored", "completed", background=False), "usage": USAGE}
    provider.play(answer(json.dumps(stored).encode()))
    reply = get(gateway, "/v1/responses/resp_stored")

    assert json.loads(reply.body) == stored
    row = gateway.row(reply.id)
    assert (None, None, 0, "none") == (row["job"], row["usage"], row["cost_nano_usd"], row["usage_source"])


def test_openai_batch_is_booked_at_its_price(gateway: Gateway) -> None:
    """Half of what its requests would have cost one by one, each in the tier of its size."""
    reply = post(gateway, "/v1/batches", {"input_file_id": "file-1", "endpoint": "/v1/responses"})
    name = json.loads(reply.body)["id"]
    polls = [get(gateway, f"/openai/v1/batches/{name}", key) for key in (ALICE, BOB, ALICE, BOB)]
    row = booked(gateway, reply.id)

    assert [("seen", False)] * 2 + [("seen", True)] * 2 == check_free(gateway, polls)
    usage = row["usage"]
    assert (900, 1_000, "batch") == (usage["requests"], usage["context"], usage["processing"])
    rates = row["rates"]
    pico = 899_800 * rates["input"] + 200 * rates["cache_read"] + 700 * rates["output"]
    assert -(-pico // 1000) == row["cost_nano_usd"]
    assert (MODEL, "genai-prices") == (row["model_served"], row["price_source"])


def test_anthropic_batch_is_booked_by_its_results(gateway: Gateway) -> None:
    """Each model at its own price; a range of the results is not taken for all of them."""
    head = ("anthropic-version", "2023-06-01")
    reply = post(gateway, "/v1/messages/batches", {"requests": []}, ALICE, head)
    name = json.loads(reply.body)["id"]
    look = get(gateway, f"/v1/messages/batches/{name}", ALICE, head)
    assert "https://api.anthropic.com/x" == json.loads(look.body)["results_url"], "the body is relayed as it came"
    results = [get(gateway, f"/v1/messages/batches/{name}/results", key, head) for key in (BOB, ALICE)]
    row = booked(gateway, reply.id)

    assert [("seen", False), ("seen", True), ("seen", True)] == check_free(gateway, [look, *results])
    (other,) = row["usage"]["elsewhere"]
    assert {("claude-haiku-4-5", 700_000), ("claude-opus-4-5", 500_000)} == {
        (row["model_served"], row["usage"]["input_total"]), (other["model"], other["input_total"]),
    }  # fmt: skip
    assert row["cost_nano_usd"] > other["cost_nano_usd"] > 0


def test_gemini_batch_is_booked_by_its_answers(gateway: Gateway) -> None:
    """They stand in the operation once it is done."""
    google = ("x-goog-api-key", ALICE)
    reply = gateway.post("/v1beta/models/gemini-2.5-flash:batchGenerateContent", {"batch": {}}, google, key=None)
    name = json.loads(reply.body)["name"]
    polls = [gateway.ask("GET", f"/v1beta/{name}", [google]) for _ in range(4)]
    row = booked(gateway, reply.id)

    assert [("seen", False)] * 2 + [("seen", True)] * 2 == check_free(gateway, polls)
    assert ("gemini-2.5-flash", 600, 80, 2) == (
        row["model_served"], row["usage"]["input_total"], row["usage"]["output_total"], row["usage"]["requests"],
    )  # fmt: skip


def test_a_part_of_the_results_is_not_the_bill(gateway: Gateway, provider: Provider) -> None:
    """A client that asks for a range first would pay for a range."""
    head = ("anthropic-version", "2023-06-01")
    reply = post(gateway, "/v1/messages/batches", {"requests": []}, ALICE, head)
    name = json.loads(reply.body)["id"]
    ranged = Answer(body=(_result("claude-haiku-4-5", 1),), status=206)
    cut = Answer(body=(_result("claude-haiku-4-5", 1) * 2,), stop_at=len(_result("claude-haiku-4-5", 1)))
    packed = answer(_result("claude-haiku-4-5", 1), headers=(("Content-Encoding", "br"),))
    press = zlib.compressobj(wbits=31)
    first = press.compress(_result("claude-haiku-4-5", 1)) + press.flush(zlib.Z_SYNC_FLUSH)
    damaged = Answer(body=(first, 0.1, b"\xff" * 50), headers=(("Content-Encoding", "gzip"),), framing="chunked")
    for part in (ranged, cut, packed, damaged):
        provider.play(part)
        get(gateway, f"/v1/messages/batches/{name}/results", ALICE, head, ("Range", "bytes=0-200"))
    get(gateway, f"/v1/messages/batches/{name}/results", ALICE, head)

    usage = booked(gateway, reply.id)["usage"]
    assert 1_200_000 == sum(part["input_total"] for part in [usage, *usage["elsewhere"]])


@pytest.mark.parametrize(
    "fields",
    [
        {"status": ["completed"]},
        {"id": "x" * 10_240},
        {"id": "\x1b[2J'; DROP TABLE jobs"},
        {"id": None},
        {"usage": {"input_tokens": 10**30, "output_tokens": -5}},
        {"usage": "lots"},
        {"usage": {"input_tokens": {"a": []}}, "model": 7},
        {"background": "true"},
        {"error": ["x"], "output": {"deep": [[[[]]]]}},
    ],
)
def test_hostile_answers_book_nothing_they_should_not(fields: Any, gateway: Gateway, provider: Provider) -> None:
    """Neither in the answer to the question nor in those to polls; never a crash, a negative or an absurd cost."""
    asked = {**Work.response("resp_hostile", "queued"), **fields}
    provider.play(answer(json.dumps(asked).encode()))
    reply = post(gateway, "/v1/responses", {"model": MODEL, "input": "Hi", "background": True})
    honest = post(gateway, "/v1/responses", {"model": MODEL, "input": "Hi", "background": True})
    name = json.loads(honest.body)["id"]
    polled = {**Work.response(name, "completed"), "usage": USAGE, **fields}
    provider.play(answer(json.dumps(polled).encode()))
    poll = get(gateway, f"/v1/responses/{name}")
    get(gateway, f"/v1/responses/{name}?stream=true")

    assert json.loads(reply.body) == asked
    assert json.loads(poll.body) == polled
    assert 0 == gateway.row(poll.id)["cost_nano_usd"]
    assert foreground_cost(gateway) == booked(gateway, honest.id)["cost_nano_usd"]
    row = gateway.row(reply.id)
    assert row["job"] is not None or 0 < row["cost_nano_usd"] < 10**9


def test_books_and_metrics_agree_at_the_end(gateway: Gateway) -> None:
    """After all of the above: what the counters say is what stands in the rows, and nothing was counted down."""
    rows = gateway.rows()
    states = Counter(row["job"]["state"] for row in rows if row["job"])

    def sums(metric: str) -> float:
        return sum(float(value) for value in re.findall(rf"(?m)^{metric}{{.*}} (\S+)$", gateway.metrics()))

    assert states["booked"] >= 10
    assert len(rows) == sums("tollway_requests_total")
    assert sum(row["cost_nano_usd"] for row in rows) == round(sums("tollway_cost_usd_total") * 1e9)
    assert states["booked"] == sums("tollway_jobs_total")
    assert float(states["open"]) == float(re.findall(r"(?m)^tollway_jobs_open (\S+)$", gateway.metrics())[0])
    tokens = sum(row["usage"]["input_total"] + row["usage"]["output_total"] for row in rows if row["usage"])
    assert tokens == sums("tollway_tokens_total")


def test_a_price_that_nobody_knows_does_not_stop_polls(provider: Provider, tmp_path: Path) -> None:
    """Where config refuses models without a price: who asks how far something is names none, nor does a batch."""
    more = '[prices]\nunknown_model = "deny"'
    with standing_before(provider, tmp_path, ["openai"], more=more) as run:
        reply = run.post("/v1/batches", {"input_file_id": "file-1"})
        name = json.loads(reply.body)["id"]
        polled = run.ask("GET", f"/v1/batches/{name}", [("Authorization", f"Bearer {KEY}")])
        refused = run.post("/v1/chat/completions", {"model": "of-nobody-known"})

        assert [200, 200] == [reply.status, polled.status]
        assert "price_unknown" == refused.value("x-tollway-error")


def test_the_books_of_all_this_work_agree(gateway: Gateway) -> None:
    """Whatever went on, was looked at, was asked for twice or is open still: the audit finds no difference."""
    shown = command(gateway.folder, "audit", "--json")
    *differences, summary = shown.lines

    assert [] == differences, "\n".join(map(str, differences))
    assert summary["rows"] > 20
    assert any("the job is booked" in reason for reason in summary["skipped"])
