"""A stored answer that is metered again tells what was booked, or the difference is named."""

import gzip
from typing import Any

import msgspec
import pytest

from gateway.audit.answers import check_answer
from gateway.audit.findings import Findings
from gateway.core.record import Attempt, Job
from gateway.core.usage import Usage
from gateway.exchange.books import DRAINED, LEFT
from gateway.journal.reader import WORKER_DIED
from gateway.store.interface import Body
from gateway.wire.weight import READ_BYTES
from tests.audit.settled import Books, Settled

CHAT = b'{"model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":20}}'
TEXT = b'data: {"model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":"Hello, how are you?"}}]}\n\n'
USAGE = b'data: {"model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":20}}\n\n'
DONE = b"data: [DONE]\n\n"
EVENTS = "text/event-stream"


def differences(one: Settled, found: Findings | None = None) -> dict[str, tuple[Any, Any]]:
    """Check an answer; return what differs by name."""
    found = found or Findings()
    check_answer(one.record, one.request, one.response, found)
    return {each.what: (each.recorded, each.recomputed) for each in found.take()}


def reason(one: Settled) -> str:
    """Check an answer that cannot be judged; return why."""
    found = Findings()
    assert {} == differences(one, found)
    assert not found.checked
    (skipped,) = found.skipped
    return skipped


@pytest.mark.parametrize(
    ("answer", "fields", "source"),
    [
        (CHAT, {}, "provider"),
        (TEXT + USAGE + DONE, {"content_type": EVENTS}, "provider"),
        (TEXT + USAGE.rstrip(), {"content_type": EVENTS, "whole": False}, "partial"),
        (TEXT, {"content_type": EVENTS, "whole": False}, "estimated"),
        (b"", {"whole": False}, "estimated"),
        (b'{"model":"m","usage":{"prompt_tokens":-1}}', {}, "estimated"),
        (b'{"error":{"message":"no"},"usage":{"prompt_tokens":1,"completion_tokens":2}}', {}, "provider"),
    ],
)
def test_what_was_booked_is_told_again(books: Books, answer: bytes, fields: Any, source: str) -> None:
    """Whole, cut and estimated; and a token more is seen."""
    one = books.settle(answer, **fields)
    found = Findings()
    assert (source, {}) == (one.record.usage_source, differences(one, found))
    assert {"bodies": 1} == found.checked
    assert one.record.usage is not None
    booked = one.record.usage.output_total
    one.record.usage.output_total += 1

    assert {"usage.output_total": (booked + 1, booked)} == differences(one)


@pytest.mark.parametrize(
    ("name", "value"), [("model_served", "gpt-4o"), ("usage_source", "partial"), ("usage_source", "estimated")]
)
def test_model_and_source_are_compared(books: Books, name: str, value: str) -> None:
    """Which model served decides the price; the source says how far the numbers can be trusted."""
    one = books.settle(CHAT)
    told = getattr(one.record, name)
    setattr(one.record, name, value)

    assert {name: (value, told)} == differences(one)


def test_a_digit_in_the_body_is_seen(books: Books) -> None:
    """The answer then tells another usage, and another object of the provider's."""
    one = books.settle(CHAT)
    changed = one._replace(response=Body([(0, CHAT.replace(b":100,", b":101,"))], len(CHAT)))

    assert {"usage.input_total", "usage.raw"} == differences(changed).keys()
    assert (100, 101) == differences(changed)["usage.input_total"]


def test_missing_usage_is_seen(books: Books) -> None:
    """A good answer of a metered call always has some, and a free call never."""
    one = books.settle(CHAT)
    one.record.usage = None
    assert {"usage"} == differences(one).keys()
    free = books.settle(CHAT)
    free.record.path, free.record.endpoint = "/v1/models", "models"

    assert {"usage"} == differences(free).keys()


def test_refused_calls_have_none(books: Books) -> None:
    """What a provider refused, and what never reached one, is not metered."""
    one = books.settle(b'{"error":{}}')
    one.record.usage, one.record.status = None, 400
    assert {} == differences(one)
    one.record.status, one.record.attempts = 200, []

    assert {} == differences(one)


def test_compressed_answers_are_read(books: Books) -> None:
    """By the coding that the record names; a coding that nobody here knows was estimated, and is again."""
    one = books.settle(CHAT)
    one.record.content_encoding = "gzip"
    packed = gzip.compress(CHAT)
    assert {} == differences(one._replace(response=Body([(0, packed)], len(packed))))
    blind = books.settle(b"")
    blind.record.content_encoding, blind.record.response_bytes = "br", 5

    assert {} == differences(blind._replace(response=Body([(0, b"\x01\x02\x03\x04\x05")], 5)))


def picture(head: bytes, size: int = 6_000) -> bytes:
    """Write a request of that size with base64 in it."""
    tail = b'"}'
    return head + b"A" * (size - len(head + tail)) + tail


@pytest.mark.parametrize(
    ("request_body", "sent"),
    [
        pytest.param(picture(b'{"model":"gpt-4o-mini","y":"'), lambda one: one, id="as it came"),
        pytest.param(
            picture(b'{"model":"a-route-of-a-longer-name","y":"'),
            lambda one: one.replace(b"a-route-of-a-longer-name", b"gpt-4o-mini"),
            id="under another name",
        ),
        pytest.param(
            picture(b'{"model":"gpt-4o-mini","stream":true,"y":"', READ_BYTES),
            lambda one: one[:-1] + b',"stream_options":{"include_usage":true}}',
            id="asked for its usage",
        ),
    ],
)
def test_an_estimate_weighs_the_request_as_it_was_sent(books: Books, request_body: bytes, sent: Any) -> None:
    """What was changed on the way is changed again, for the log holds what the client sent: a few bytes may decide
    how a body is weighed."""
    one = books.settle(TEXT, content_type=EVENTS, whole=False, request=request_body, sent=sent(request_body))

    assert {} == differences(one)


def test_a_request_that_streamed_through_was_weighed_unseen(books: Books) -> None:
    """Of a call of an unknown kind only the size was known."""
    request = picture(b'{"y":"')
    one = books.settle(b"{}", path="/v1/something/new", request=request, sent=b"")
    assert {} == differences(one)
    chat = books.settle(b"{}", request=request, sent=b"")

    assert {"usage.input_total"} == differences(chat).keys()


def test_a_client_that_left_gives_no_last_look(books: Books) -> None:
    """An event without its end was not read then, and is not now; where it was, it is."""
    answer = TEXT + USAGE.rstrip()
    left = books.settle(answer, content_type=EVENTS, finish=False)
    assert ("cancelled", "estimated", {}) == (left.record.outcome, left.record.usage_source, differences(left))
    ended = books.settle(answer, content_type=EVENTS, whole=False)

    assert ("upstream_error", "partial", {}) == (ended.record.outcome, ended.record.usage_source, differences(ended))


def test_what_was_read_to_its_end_without_a_client_is_whole(books: Books) -> None:
    """Where a budget wants to know what it cost; what ended early is partial, whoever says otherwise."""
    drained = books.settle(TEXT + USAGE + DONE, content_type=EVENTS)
    drained.record.outcome, drained.record.error = "cancelled", DRAINED
    assert ("provider", {}) == (drained.record.usage_source, differences(drained))
    drained.record.error = LEFT
    assert {"usage_source": ("provider", "partial")} == differences(drained)
    early = b'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":5}}}\n\n'
    aborted = books.settle(early, dialect="anthropic", content_type=EVENTS, finish=False)
    assert ("cancelled", "partial", {}) == (aborted.record.outcome, aborted.record.usage_source, differences(aborted))
    aborted.record.usage_source = "provider"

    assert {"usage_source": ("provider", "partial")} == differences(aborted)


def test_a_dead_worker_took_no_last_look_at_all(books: Books) -> None:
    """What its remains tell is told in part, whatever they tell."""
    one = books.settle(TEXT + USAGE + DONE, content_type=EVENTS)
    one.record.outcome, one.record.error, one.record.usage_source = "gateway_error", WORKER_DIED, "partial"
    assert {} == differences(one)
    one.record.usage_source = "provider"

    assert {"usage_source": ("provider", "partial")} == differences(one)
    looked = books.settle(TEXT + USAGE.rstrip(), content_type=EVENTS, whole=False)
    looked.record.outcome, looked.record.error = "gateway_error", WORKER_DIED

    assert ("partial", True) == (looked.record.usage_source, "usage_source" in differences(looked))


def test_damaged_codings_are_counted(books: Books) -> None:
    """How much of one was read depends on how the network had cut it."""
    one = books.settle(TEXT + USAGE + DONE, content_type=EVENTS)
    damaged = gzip.compress(TEXT + USAGE + DONE)[:-8] + b"damaged!"
    one.record.content_encoding, one.record.response_bytes = "gzip", len(damaged)

    assert "bodies: the answer's coding is damaged" == reason(one._replace(response=Body([(0, damaged)], len(damaged))))


def test_output_that_no_event_told_is_part_of_the_truth(books: Books) -> None:
    """A message may end well and leave its output to be estimated."""
    whole = (
        b'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":5}}}\n\n'
        b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"Hi"}}\n\n'
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )
    one = books.settle(whole, dialect="anthropic", content_type=EVENTS)
    assert ("ok", "partial", {}) == (one.record.outcome, one.record.usage_source, differences(one))
    one.record.usage_source = "provider"

    assert {"usage_source": ("provider", "partial")} == differences(one)


def test_only_what_came_behind_a_mark_of_the_end_may_be_partial_and_whole(books: Books) -> None:
    """Books that were closed at a mark and amended when the client left say so; others may not."""
    early = books.settle(TEXT + USAGE + DONE + TEXT, content_type=EVENTS)
    early.record.usage_source = "partial"
    assert {} == differences(early)
    late = books.settle(TEXT + USAGE + DONE, content_type=EVENTS)
    late.record.usage_source = "partial"

    assert {"usage_source": ("partial", "provider")} == differences(late)


def test_an_error_inside_the_answer_is_no_cut(books: Books) -> None:
    """The outcome is the provider's failure; its usage is whole all the same, unless the connection broke, too."""
    error = b'data: {"error":{"message":"overloaded"}}\n\n'
    one = books.settle(TEXT + USAGE + error + DONE, content_type=EVENTS)
    assert ("upstream_error", "provider") == (one.record.outcome, one.record.usage_source)
    assert {} == differences(one)
    one.record.error = "the connection broke off"

    assert {"usage_source": ("provider", "partial")} == differences(one)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"response": None}, "bodies: the answer was not kept"),
        ({"response": Body([(0, CHAT[:9])], len(CHAT))}, "bodies: the answer was not written down whole"),
    ],
)
def test_answers_that_are_not_there_are_counted(books: Books, change: Any, said: str) -> None:
    """Never silently passed."""
    one = books.settle(CHAT)._replace(**change)
    assert said == reason(one)
    one.record.truncated = True

    assert said.replace("not written down whole", "cut by max_body") == reason(one)


def test_requests_that_are_not_there_matter_for_estimates_only(books: Books) -> None:
    """What was told needs none."""
    assert {} == differences(books.settle(CHAT)._replace(request=None))
    estimated = books.settle(TEXT, content_type=EVENTS, whole=False)._replace(request=None)

    assert "bodies: nothing was told, and for an estimate the request was not kept" == reason(estimated)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"job": Job(id="resp_1")}, "bodies: the work went on after the answer, the job is open"),
        ({"job": Job(id="resp_1", state="booked")}, "bodies: the work went on after the answer, the job is booked"),
        ({"dialect": "cobol"}, "bodies: this version does not know the dialect cobol"),
        ({"endpoint": "video"}, "bodies: this version takes a call of kind video for chat"),
    ],
)
def test_rows_of_other_versions_are_counted(books: Books, fields: Any, said: str) -> None:
    """What cannot be metered as it was then says why."""
    one = books.settle(CHAT)

    assert said == reason(one._replace(record=msgspec.structs.replace(one.record, **fields)))


def test_a_call_that_got_no_answer_is_estimated_again(books: Books) -> None:
    """Whatever we then told the client."""
    one = books.settle(b"", whole=False)
    one.record.status, one.record.response_content_type = 502, None
    one.record.attempts = [Attempt(provider="openai", result="protocol")]

    assert ("estimated", {}) == (one.record.usage_source, differences(one))


RESPONSE = (
    b'{"id":"resp_1","object":"response","status":"%b","background":true,"model":"gpt-4o-mini",'
    b'"usage":{"input_tokens":100,"output_tokens":20}}'
)
POLL = {"path": "/v1/responses/resp_1", "method": "GET"}


def test_who_asks_how_far_work_is_is_told_again(books: Books) -> None:
    """Nothing is booked there, and what the answer told of the work is what was noted."""
    one = books.settle(RESPONSE % b"completed", **POLL)
    found = Findings()
    assert one.record.job is not None
    assert one.record.job.usage is not None
    assert ("seen", 100, None) == (one.record.job.state, one.record.job.usage.input_total, one.record.usage)
    assert {} == differences(one, found)
    assert {"bodies": 1} == found.checked
    one.record.job.usage.input_total = 99
    assert {"job.usage.input_total": (99, 100)} == differences(one)
    one.record.job = None

    assert {"job": (None, "resp_1"), "job.state": (None, "seen")} == differences(one)


@pytest.mark.parametrize("fields", [{"finish": False}, {"status": 206}])
def test_part_of_such_an_answer_tells_nothing(books: Books, fields: Any) -> None:
    """It may be less than was used, so that nothing may stand there."""
    one = books.settle(RESPONSE % b"completed", **POLL, **fields)
    assert one.record.job is not None
    assert (None, {}) == (one.record.job.usage, differences(one))
    one.record.job.usage = Usage(input_total=100, output_total=20)

    assert {"job.usage"} == differences(one).keys()


def test_a_dead_workers_poll_tells_nothing(books: Books) -> None:
    """Whether its answer was whole nobody knows."""
    event = b'event: response.completed\ndata: {"type":"response.completed","response":%b}\n\n'
    one = books.settle(event % (RESPONSE % b"completed"), content_type=EVENTS, stream=True, **POLL)
    assert one.record.job is not None
    assert one.record.job.usage is not None
    one.record.outcome, one.record.error = "gateway_error", WORKER_DIED
    assert {"job.usage"} == differences(one).keys()
    one.record.job.usage = None

    assert {} == differences(one)


def test_work_that_was_asked_for_twice_is_billed_once(books: Books) -> None:
    """The second row says that it was seen, and nothing of it may be booked."""
    one = books.settle(RESPONSE.replace(b',"usage":{"input_tokens":100,"output_tokens":20}', b"") % b"queued",
                       path="/v1/responses")  # fmt: skip
    assert one.record.job is not None
    assert "open" == one.record.job.state
    one.record.job = Job(id="resp_1", state="seen")
    assert {} == differences(one)
    one.record.usage = Usage(input_total=1)

    assert {"usage": ("input_total 1", None)} == differences(one)


def test_what_the_request_is_billed_by_is_counted_again(books: Books) -> None:
    """Speech answers with sound alone: its characters stand in the request."""
    request = b'{"model":"tts-1","input":"Hello, how are you?"}'
    one = books.settle(b"ID3", path="/v1/audio/speech", content_type="audio/mpeg", request=request)
    assert one.record.usage is not None
    assert (19, {}) == (one.record.usage.characters, differences(one))
    one.record.usage.characters = 18

    assert {"usage.characters": (18, 19)} == differences(one)
