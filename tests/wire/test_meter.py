"""What passed without its usage being told is estimated from its text, and never at nothing."""

import itertools
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire import meter as meters
from gateway.wire.dialect import DIALECTS
from gateway.wire.endpoint import Endpoint
from gateway.wire.json_meter import WHOLE_BYTES
from gateway.wire.meter import Meter, error_text
from gateway.wire.openai_meter import new_meter
from tests import exchanges
from tests.wire.test_dialect import meter_for, random_pieces
from tests.wire.test_sample import kept_bytes

USAGE = {"prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 29}


def test_an_error_is_told_in_one_line() -> None:
    """From an object, or a text; never more than a line."""
    assert "rate_limit: slow down" == error_text({"type": "rate_limit", "message": "slow down"})
    assert "429: slow down" == error_text({"code": 429, "message": "slow down"})
    assert "no" == error_text("no")
    assert "error" == error_text({"x": 1})
    assert None is error_text(None)
    assert 300 == len(error_text({"message": "x" * 1000}) or "")


def test_a_stream_without_usage_is_estimated_from_its_text() -> None:
    """Over all recorded chat streams with some text, taken together, the estimate is near what was reported."""
    estimated, reported = 0, 0
    for exchange in exchanges.streams():
        if exchange["provider"] != "openai" or "chat/completions" not in exchange["path"]:
            continue
        meter = new_meter(Endpoint(name="chat"), streamed=True, strip_usage=False)
        meter.feed(exchanges.answer_bytes(exchange))
        usage = meter.usage()
        assert usage is not None
        estimated += meter.estimate(0).output_total
        reported += usage.output_total - usage.output_reasoning

    assert reported * 0.85 < estimated < reported * 1.15


ECHO = {"id": "resp_1", "instructions": "do as you are told " * 2000, "tools": [{"name": "x" * 9000}], "usage": None}
# What each dialect sends before its first delta, and how it frames one.
FRAMES: dict[str, tuple[list[dict[str, Any]], Callable[[str], dict[str, Any]]]] = {
    "chat": (
        [{"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}], "usage": None}],
        lambda said: {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": said}}], "usage": None},
    ),
    "responses": (
        [
            {"type": "response.created", "response": ECHO},
            {"type": "response.in_progress", "response": ECHO},
            {"type": "response.output_item.added", "item": {"id": "msg_1", "type": "message", "content": []}},
        ],
        lambda said: {
            "type": "response.output_text.delta",
            "item_id": "msg_1",
            "delta": said,
            "logprobs": [],
            "obfuscation": "NjxGZ7aBcD"[: len(said)],
        },
    ),
    "messages": (
        [
            {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 9, "output_tokens": 1}}},
            {"type": "content_block_start", "content_block": {"type": "text", "text": ""}},
        ],
        lambda said: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": said}},
    ),
    "generate_content": ([], lambda said: {"candidates": [{"content": {"parts": [{"text": said}]}, "index": 0}]}),
}
DIALECT_OF = {"chat": "openai", "responses": "openai", "messages": "anthropic", "generate_content": "gemini"}


def streaming(name: str) -> Meter:
    """Make a meter for a stream."""
    return DIALECTS[DIALECT_OF[name]].new_meter(Endpoint(name=name), streamed=True, strip_usage=False)


def event(chunk: dict[str, Any], name: str = "chat") -> bytes:
    """Write an event as a dialect's provider does."""
    kind = f"event: {chunk['type']}\n" if "type" in chunk else ""
    text = json.dumps(chunk, separators=(",", ":") if name != "generate_content" else None)
    return f"{kind}data: {text}".encode() + (b"\r\n\r\n" if name == "generate_content" else b"\n\n")


def stream_of(name: str, texts: Iterable[str]) -> list[bytes]:
    """Write a stream that is never ended, as its events."""
    first, frame = FRAMES[name]
    return [event(chunk, name) for chunk in (*first, *map(frame, texts))]


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("deltas", [30, 800, 5000])
@pytest.mark.parametrize(("said", "tokens"), [(" w7", 1), (" word", 1), (" some words of text", 4.4)])
def test_a_stream_that_is_left_is_estimated_within_15_percent(name: str, deltas: int, said: str, tokens: float) -> None:
    """After any number of deltas, of one token each or of several; an echo of the request, padding and frames are none.

    A tokenizer counts one token of " w7" as two, of " word" as one; who streams by the token sends one in each delta.
    """
    meter = streaming(name)
    for each in stream_of(name, [said] * deltas):
        meter.feed(each)
    guess = meter.usage() if name == "messages" else meter.estimate(400)
    several = len(said) / 3.5 if name == "messages" and tokens > 1 else tokens

    assert guess is not None
    assert deltas * several == pytest.approx(guess.output_total, rel=0.15)
    assert guess.output_total == meter.so_far()


@pytest.mark.parametrize("size", [4_000, WHOLE_BYTES + 100_000])
@pytest.mark.parametrize(
    ("dialect", "name"), [("openai", "chat"), ("anthropic", "messages"), ("gemini", "generate_content")]
)
def test_an_answer_is_estimated_by_its_text_or_by_its_size_where_it_cannot_be_read(
    dialect: str, name: str, size: int
) -> None:
    """Frames are no text; of one that was cut, or is too long to be kept, the size is what there is."""
    said = "word " * (size // 5)
    document = {
        "openai": {"choices": [{"message": {"content": said}, "logprobs": ["some other words " * 20] * 99}]},
        "anthropic": {"content": [{"type": "text", "text": said, "citations": ["some other words " * 20] * 99}]},
        "gemini": {
            "candidates": [
                {"content": {"parts": [{"text": said}]}, "groundingMetadata": ["some other words " * 20] * 99}
            ]
        },
    }[dialect]
    meter, cut = (DIALECTS[dialect].new_meter(Endpoint(name=name), streamed=False, strip_usage=False) for _ in "ab")
    meter.feed(json.dumps(document).encode())
    cut.feed(json.dumps(document).encode()[: size + 40])
    tokens = size / (3.5 if dialect == "anthropic" else 4)

    assert tokens == pytest.approx(meter.estimate(0).output_total, rel=0.05)
    assert tokens == pytest.approx(cut.estimate(0).output_total, rel=0.1)


def test_an_answer_of_which_no_text_is_known_is_at_least_a_token() -> None:
    """It was paid for."""
    for body in (b"{}", b"[]", b"null", b"\xff", b'{"error":{"message":"x"}}'):
        meter = new_meter(Endpoint(name="chat"), streamed=False, strip_usage=False)
        meter.feed(body)

        assert 1 == meter.estimate(0).output_total


def test_a_delta_with_text_is_at_least_a_token() -> None:
    """Short tokens are not a quarter of a token."""
    meter = new_meter(Endpoint(name="chat"), streamed=True, strip_usage=False)
    for _ in range(40):
        meter.feed(b'data: {"choices":[{"delta":{"content":"1"}}]}\n\n')

    assert 40 == meter.estimate(0).output_total


def test_seen_content_is_never_estimated_at_nothing() -> None:
    """One short delta is at least a token; no content is none."""
    meter = new_meter(Endpoint(name="chat"), streamed=True, strip_usage=False)
    assert 0 == meter.estimate(10).output_total

    meter.feed(b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n')

    assert 1 <= meter.estimate(10).output_total <= 2


# ---- the running estimate -----------------------------------------------------------------------------------------


def usage_chunk(output: int, **delta: Any) -> dict[str, Any]:
    """Write a chunk that tells the usage so far."""
    return {"choices": [{"index": 0, "delta": delta}], "usage": {"prompt_tokens": 9, "completion_tokens": output}}


def test_what_a_server_tells_on_each_chunk_is_what_was_used_so_far() -> None:
    """With vLLM's continuous usage nothing is estimated, at any moment."""
    meter = streaming("chat")
    for number in range(1, 200):
        meter.feed(event(usage_chunk(number * 3, content="x")))
        assert number * 3 == meter.so_far()

    sight = meter.sight()
    assert sight.usage is not None
    assert (597, False) == (sight.usage.output_total, sight.guessed)


@pytest.mark.parametrize("name", FRAMES)
def test_what_comes_after_the_last_usage_is_added_to_it(name: str) -> None:
    """While the stream goes on, and where it is cut; a stream that ended is what its usage says."""
    told = {
        "chat": usage_chunk(400),
        "responses": {"type": "response.queued", "response": {"id": "r", "usage": {"output_tokens": 400}}},
        "messages": {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 400}},
        "generate_content": {"candidates": [], "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 400}},
    }[name]  # fmt: skip
    ended = {
        "chat": b"data: [DONE]\n\n",
        "responses": b"data: [DONE]\n\n",
        "messages": event({"type": "message_stop"}),
        "generate_content": event({"candidates": [{"finishReason": "STOP"}]}, name),
    }[name]
    texts = stream_of(name, [" word"] * 600)
    begin, rest = texts[:-200], texts[-200:]
    meter = streaming(name)
    for each in (*begin, event(told, name)):
        meter.feed(each)
    assert 400 == meter.so_far()

    for each in rest:
        meter.feed(each)
    later, cut = meter.so_far(), meter.sight()
    meter.feed(ended)
    whole = meter.sight()

    assert 600 == pytest.approx(later, rel=0.15)
    assert cut.usage is not None
    assert whole.usage is not None
    assert (later, True) == (cut.usage.output_total, cut.guessed)
    assert (400, False) == (whole.usage.output_total, whole.guessed)
    assert later == meter.so_far()


def test_usage_that_cannot_be_believed_is_none() -> None:
    """The estimate stands in for it."""
    meter = streaming("chat")
    for each in stream_of("chat", [" word"] * 100):
        meter.feed(each)
    meter.feed(event(usage_chunk(-5)))

    assert 100 == pytest.approx(meter.so_far(), rel=0.1)
    assert meter.estimate(0).output_total == meter.so_far()
    usage = meter.sight().usage
    assert usage is not None
    assert usage.is_spoiled


def test_usage_told_before_the_first_content_is_no_end() -> None:
    """Some servers tell the prompt first; what comes before the content, however long, is none of it."""
    usage = {"prompt_tokens": 9, "input_tokens": 9, "completion_tokens": 0}
    for name, first in (
        ("chat", {"choices": [], "usage": usage, "padding": "x" * 50_000}),
        ("responses", {"type": "response.created", "response": ECHO | {"usage": usage}}),
    ):
        meter = streaming(name)
        for each in (event(first), *stream_of(name, [" word"] * 100)):
            meter.feed(each)

        assert 100 == pytest.approx(meter.so_far(), rel=0.1)


def test_a_growing_array_tells_what_was_used_so_far() -> None:
    """Gemini's streams without SSE."""
    meter = streaming("generate_content")
    for number in range(1, 100):
        chunk = {"candidates": [{"content": {"parts": [{"text": "x"}]}}], "usageMetadata": {"promptTokenCount": 1}}
        chunk["usageMetadata"] |= {"candidatesTokenCount": number}  # type: ignore[operator]
        meter.feed((b"[" if number == 1 else b",\r\n") + json.dumps(chunk).encode())
        assert number == meter.so_far()

    silent = streaming("generate_content")
    silent.feed(b"[" + json.dumps({"candidates": [{"content": {"parts": [{"text": "word " * 100}]}}]}).encode())
    assert silent.estimate(0).output_total == silent.so_far() > 0


def in_sight(meter: Meter) -> tuple[Any, ...]:
    """Return all numbers that a meter comes to."""
    sight = meter.sight()
    return meter.estimate(0).output_total, sight.usage and sight.usage.output_total, sight.guessed, meter.so_far()


def test_recorded_streams_are_estimated_the_same_however_they_are_cut() -> None:
    """Also where they broke off; whoever recomputes it from a stored body comes to the same."""
    for number, exchange in enumerate(exchanges.streams()):
        whole = exchanges.answer_bytes(exchange)
        for cut in (len(whole), len(whole) * 2 // 3, len(whole) // 4):
            body = whole[:cut]
            reference = meter_for(exchange)
            reference.feed(body)
            expected = in_sight(reference)
            pieces = random_pieces(body, number)
            for each in (pieces, [body[at : at + 1] for at in range(len(body))] if len(body) < 20_000 else [body]):
                meter = meter_for(exchange)
                for piece in each:
                    meter.feed(piece)
                assert expected == in_sight(meter), exchange["name"]
                if cut < len(whole):
                    meter.finish()
                    assert expected == in_sight(meter), exchange["name"]


def test_the_running_estimate_of_recorded_streams_only_grows() -> None:
    """And ends where the usage, or without one the estimate, ends."""
    for number, exchange in enumerate(exchanges.streams()):
        meter = meter_for(exchange)
        said = [0]
        for piece in random_pieces(exchanges.answer_bytes(exchange), number):
            meter.feed(piece)
            said.append(meter.so_far())
        usage = meter.usage()

        assert sorted(said) == said
        end = meter.estimate(0).output_total if usage is None else usage.output_total
        assert max(end, said[-2]) == said[-1], exchange["name"]


TEXTS = st.lists(
    st.tuples(st.sampled_from(["", "a", " word", "some words " * 4, "x" * 9000]), st.integers(1, 200)),
    min_size=1,
    max_size=6,
)
CUTS = st.lists(st.integers(0, 1 << 20), max_size=20)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(list(FRAMES)), TEXTS, CUTS)
def test_the_running_estimate_is_the_final_one_of_what_came_until_then(
    name: str, texts: list[tuple[str, int]], places: list[int]
) -> None:
    """It only grows, and depends neither on the cut nor on being asked."""
    data = b"".join(stream_of(name, itertools.chain.from_iterable([text] * count for text, count in texts)))
    asked, silent = streaming(name), streaming(name)
    said = 0
    for start, end in itertools.pairwise([0, *sorted({place % len(data) for place in places} - {0}), len(data)]):
        asked.feed(data[start:end])
        silent.feed(data[start:end])
        before, said = said, asked.so_far()
        whole = streaming(name)
        whole.feed(data[:end])

        assert before <= said == whole.estimate(0).output_total == asked.estimate(0).output_total
    assert said == silent.so_far()
    silent.finish()
    assert said == silent.so_far()


def test_a_running_estimate_costs_little_once_the_beginning_is_read() -> None:
    """Of a hundred thousand deltas a few hundred are kept to be parsed, and none twice, however often somebody asks."""
    delta = event(FRAMES["chat"][1](" word"))
    asked, silent = streaming("chat"), streaming("chat")
    for number in range(100_000):
        asked.feed(delta)
        silent.feed(delta)
        if not number % 100:
            asked.so_far()
    waiting = [kept_bytes(sample) for meter in (silent, asked) if (sample := meter._sample) is not None]  # type: ignore[attr-defined]

    assert 100_000 == asked.so_far() == silent.so_far()
    assert waiting[0] < 1_000 * len(delta)
    assert 0 == waiting[1]


def test_a_stream_is_watched_by_a_dialect() -> None:
    """What all have in common reads nothing by itself."""
    meter = meters.StreamMeter()

    with pytest.raises(TypeError):
        meter.usage()
    with pytest.raises(TypeError):
        meter._event(b"data: {}\n\n")


def test_an_injected_event_in_front_of_all_content_is_taken_out() -> None:
    """Also where ordinary events follow in the same read."""
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":1}}\n\n'
    rest = b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n' * 3
    meter = new_meter(Endpoint(name="chat"), streamed=True, strip_usage=True)

    assert rest == meter.feed(usage + rest) + meter.finish()
