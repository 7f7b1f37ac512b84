"""What the meters of all dialects have in common, tried on every recorded exchange."""

import json
import random
import warnings
from typing import Any

import genai_prices
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import REFUSALS, Refusal
from gateway.core.usage import Usage, disjoint_tokens
from gateway.wire import paths
from gateway.wire.dialect import DIALECTS, Endpoint, Meter
from tests import exchanges

BYTE_BY_BYTE_MOST = 64 << 10

# Where we differ from genai-prices on purpose: a part of the exchange's name, the field, and why.
DISAGREEMENTS = (
    ("anthropic_compaction", None, "compaction passes are billed, and the totals leave them out"),
    ("openrouter_web_search", "web_searches", "it reads no searches from server_tool_use_details"),
)
ORACLE_NAMES = {"gemini": "google"}


def meter_for(exchange: dict[str, Any], *, strip_usage: bool = False) -> Meter:
    """Make the meter that a recorded exchange gets."""
    dialect = exchanges.dialect_of(exchange)
    place = paths.under_provider(dialect, exchange["method"], exchanges.path_of(exchange))
    return DIALECTS[dialect].new_meter(place.endpoint, streamed=exchange["stream"], strip_usage=strip_usage)


def seen_by(meter: Meter, pieces: list[bytes], status: int = 200) -> tuple[Any, ...]:
    """Feed pieces and return everything that the meter found out."""
    given_back = b"".join([meter.feed(piece) for piece in pieces] + [meter.finish()])
    usage = meter.usage()
    raw = bytes(usage.raw) if usage else None
    plain = usage and [getattr(usage, name) for name in usage.__struct_fields__ if name != "raw"]
    sight = meter.sight()
    end = (sight.response_id, sight.finish_reason, sight.tool_calls)
    return (
        given_back,
        plain,
        raw,
        end,
        meter.model,
        meter.error,
        meter.terminal,
        meter.content_seen,
        meter.complete(status),
    )


def random_pieces(data: bytes, seed: int) -> list[bytes]:
    """Cut data at random places."""
    chance = random.Random(seed)
    places = sorted(chance.sample(range(1, len(data)), min(len(data) - 1, 40)))
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


def oracle(exchange: dict[str, Any]) -> dict[str, Any] | None:
    """Read an exchange's usage with genai-prices; None: it does not know the shape or the model."""
    document = exchanges.final_document(exchange)
    if document is None:
        return None
    provider = ORACLE_NAMES.get(exchange["provider"], exchange["provider"])
    flavor = next((name for name in ("responses", "embeddings") if name in exchange["path"]), "chat")
    for place, api_flavor in ((provider, flavor), (provider, "default"), ("openai", flavor)):
        own = "default" if place in ("anthropic", "google") else api_flavor
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = genai_prices.extract_usage(document, provider_id=place, api_flavor=own)
        except (LookupError, ValueError):
            continue
        return {name: int(value) for name, value in found.usage._reported_values().items()}
    return None


def as_oracle(usage: Usage) -> dict[str, int]:
    """Return a usage under the oracle's names."""
    return {
        "input_tokens": usage.input_total,
        "output_tokens": usage.output_total,
        "cache_read_tokens": usage.input_cached_read,
        "cache_write_tokens": usage.input_cache_write,
        "output_reasoning_tokens": usage.output_reasoning,
        "web_searches": usage.web_searches,
    }


def test_recorded_usage_is_what_genai_prices_reads() -> None:
    """Totals and parts of every recorded answer equal the oracle's, but for the listed disagreements."""
    compared, differing = 0, []
    for exchange in exchanges.load():
        expected = oracle(exchange)
        if expected is None:
            continue
        meter = meter_for(exchange)
        meter.feed(exchanges.answer_bytes(exchange))
        meter.finish()
        usage = meter.usage()
        assert usage is not None, exchange["name"]
        compared += 1
        for name, value in as_oracle(usage).items():
            listed = any(part in exchange["name"] and field in (None, name) for part, field, _ in DISAGREEMENTS)
            if value != expected.get(name, 0) and not listed:
                differing.append((exchange["name"], name, expected.get(name, 0), value))

    assert [] == differing
    assert compared > 740


def test_each_listed_disagreement_still_stands() -> None:
    """A disagreement that went away leaves the list."""
    for part, field, reason in DISAGREEMENTS:
        named = [exchange for exchange in exchanges.load() if part in exchange["name"]]
        differs = False
        for exchange in named:
            meter = meter_for(exchange)
            meter.feed(exchanges.answer_bytes(exchange))
            usage, expected = meter.usage(), oracle(exchange)
            if usage and expected:
                ours = as_oracle(usage)
                differs |= any(ours[name] != expected.get(name, 0) for name in ours if field in (None, name))
        assert differs, reason


def test_a_stream_reads_the_same_however_it_is_cut() -> None:
    """Whole, in random pieces, byte by byte: the same bytes come out, and the same is found."""
    streams = exchanges.streams()
    assert len(streams) >= 70
    for number, exchange in enumerate(streams):
        body = exchanges.answer_bytes(exchange)
        whole = seen_by(meter_for(exchange), [body])
        assert body == whole[0]
        for seed in range(3):
            assert whole == seen_by(meter_for(exchange), random_pieces(body, number * 10 + seed)), exchange["name"]
        if len(body) <= BYTE_BY_BYTE_MOST:
            single = [body[at : at + 1] for at in range(len(body))]
            assert whole == seen_by(meter_for(exchange), single), exchange["name"]


def test_a_json_answer_reads_the_same_however_it_is_cut() -> None:
    """An answer that arrives in pieces is the same answer."""
    for number, exchange in enumerate(exchanges.load()):
        if exchange["stream"]:
            continue
        body = exchanges.answer_bytes(exchange)
        assert seen_by(meter_for(exchange), [body]) == seen_by(meter_for(exchange), random_pieces(body, number))


def test_recorded_streams_end_well() -> None:
    """Each recorded stream that was not broken off by an error is seen to its terminal event, and had content."""
    for exchange in exchanges.streams():
        *_, error, terminal, content_seen, complete = seen_by(meter_for(exchange), [exchanges.answer_bytes(exchange)])
        assert content_seen, exchange["name"]
        assert (error is None, error is None) == (terminal, complete), exchange["name"]


def test_a_stream_cut_before_its_end_is_not_complete() -> None:
    """Without its terminal event, and without a finish reason, a stream never looks whole."""
    for exchange in exchanges.streams():
        body = exchanges.answer_bytes(exchange)
        finish = body.find(b'"finish_reason":"')
        cut = min(len(body) // 3, finish if finish > 0 else len(body))
        *_, terminal, _, complete = seen_by(meter_for(exchange), [body[:cut]])
        assert not terminal, exchange["name"]
        assert not complete, exchange["name"]


def test_the_bytes_returned_are_the_object_that_was_fed() -> None:
    """Unless something is stripped, nothing is copied."""
    for exchange in exchanges.load():
        body = exchanges.answer_bytes(exchange)
        assert meter_for(exchange).feed(body) is body


def injected_away(exchange: dict[str, Any]) -> bytes:
    """Return a recorded stream without the events that only an injected include_usage makes, taken out plainly."""
    events = exchange["response"].split("\n\n")
    kept = []
    for event in events:
        chunk = json.loads(event[5:]) if event.startswith("data:") and event[5:].strip().startswith("{") else {}
        if not (chunk.get("choices") == [] and chunk.get("usage") and "error" not in chunk):
            kept.append(event)
    return "\n\n".join(kept).encode()


def test_stripping_gives_what_would_have_come_without_injection() -> None:
    """Exactly the injected event goes; usage is known all the same; streams with usage elsewhere stay untouched."""
    stripped = 0
    for number, exchange in enumerate(exchanges.streams()):
        if "chat/completions" not in exchange["path"]:
            continue
        body = exchanges.answer_bytes(exchange)
        expected = injected_away(exchange)
        stripped += expected != body
        plain = seen_by(meter_for(exchange), [body])
        pieces = [[body], random_pieces(body, number), [body[at : at + 7] for at in range(0, len(body), 7)]]
        for cut in pieces:
            found = seen_by(meter_for(exchange, strip_usage=True), cut)
            assert expected == found[0], exchange["name"]
            assert plain[1:] == found[1:]

    assert stripped > 15


def test_events_that_hold_more_than_usage_stay() -> None:
    """Azure's first chunk, moderation results, errors and usage beside choices are the client's."""
    stays = [
        {"choices": [], "id": "", "prompt_filter_results": [{}]},
        {"choices": [], "usage": {"prompt_tokens": 1}, "moderation": {}},
        {"choices": [], "usage": {"prompt_tokens": 1}, "error": {"message": "x"}},
        {"choices": [{"delta": {"content": "x"}}], "usage": {"prompt_tokens": 1}},
        {"choices": [], "usage": None},
    ]
    goes = {"choices": [], "usage": {"prompt_tokens": 1}, "id": "x", "obfuscation": "y"}
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in [*stays, goes])
    meter = DIALECTS["openai"].new_meter(Endpoint(name="chat"), streamed=True, strip_usage=True)

    out = meter.feed(body) + meter.finish()

    assert body[: body.rindex(b"data: ")] == out


ENDPOINTS = [
    ("openai", Endpoint(name=name)) for name in ("chat", "text_completion", "responses", "embeddings", "image", "audio")
] + [
    ("anthropic", Endpoint(name="messages")),
    ("gemini", Endpoint(name="generate_content")),
    ("gemini", Endpoint(name="embeddings")),
]
FRAGMENTS = st.sampled_from(
    [
        b"data: ", b"event: message_delta\n", b"\n\n", b"\r\n\r\n", b"\r", b"[DONE]", b"{", b"}", b"[", b"]", b",",
        b'"usage":{', b'"usage":null', b'"usageMetadata":', b'"prompt_tokens":-1', b'"input_tokens":1e400',
        b'"output_tokens":99999999999999999999999', b'"promptTokenCount":"7"', b'"candidatesTokenCount":5',
        b'"choices":[]', b'"error":', b'"type":"message_start"', b'"type":"message_stop"', b'"message":', b'"x_groq":',
        b'"type":"response.completed"', b'"response":', b'"finishReason":"STOP"', b'"candidates":', b"1", b"null",
        b'"a"', b'"completion_tokens_details":{"reasoning_tokens":9}',
        b'"delta":{"content":"hi"}', b'"cost":1e999', b"\xff", b'"id":"', b'"item":{"id":"', b'"type":"reasoning"',
        b'"type":"response.output_item.done"', b'"encrypted_content":"x"', b'"content_block":', b'"delta":"x"',
        b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n', b'data: {"type":"response.output_text.delta"}\n\n',
        b'"candidates":[{"content":{"parts":[{"functionCall":', b'"usage":{"completion_tokens":7}',
    ]
)  # fmt: skip


@settings(max_examples=300)
@given(
    st.sampled_from(ENDPOINTS),
    st.booleans(),
    st.booleans(),
    st.lists(st.one_of(st.binary(max_size=20), FRAGMENTS), max_size=30),
)
def test_no_bytes_whatever_raise(
    where: tuple[str, Endpoint], streamed: bool, strip_usage: bool, pieces: list[bytes]
) -> None:
    """A meter takes anything, returns what it was given, and its usage adds up."""
    dialect, endpoint = where
    meter = DIALECTS[dialect].new_meter(endpoint, streamed=streamed, strip_usage=strip_usage)

    given_back, *_ = seen_by(meter, pieces)
    running = DIALECTS[dialect].new_meter(endpoint, streamed=streamed, strip_usage=strip_usage)
    said = [running.so_far() for piece in pieces if isinstance(running.feed(piece), bytes)]

    assert sorted(said) == said
    if not strip_usage:
        assert b"".join(pieces) == given_back
    for usage in (meter.usage(), meter.estimate(100)):
        assert usage is None or min(disjoint_tokens(usage)) >= 0


NUMBERS = st.one_of(
    st.integers(-5, 2000), st.floats(), st.text(max_size=5), st.none(), st.booleans(), st.integers(), st.just([])
)
USAGES = st.dictionaries(
    st.sampled_from(
        [
            "prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens", "cached_tokens",
            "cache_creation_input_tokens", "cache_read_input_tokens", "promptTokenCount", "candidatesTokenCount",
            "thoughtsTokenCount", "toolUsePromptTokenCount", "cachedContentTokenCount", "prompt_cache_hit_tokens",
            "cost", "cost_in_usd_ticks", "seconds", "type", "iterations", "server_tool_use",
        ]
    ),
    NUMBERS,
) | st.fixed_dictionaries(
    {"input_tokens": NUMBERS},
    optional={
        "output_tokens": NUMBERS,
        "input_tokens_details": st.dictionaries(
            st.sampled_from(["cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens"]), NUMBERS
        ),
        "output_tokens_details": st.dictionaries(
            st.sampled_from(["reasoning_tokens", "thinking_tokens", "audio_tokens", "image_tokens"]), NUMBERS
        ),
        "cache_creation_input_tokens": NUMBERS,
        "cache_creation": st.dictionaries(
            st.sampled_from(["ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"]), NUMBERS
        ),
    },
)  # fmt: skip


@settings(max_examples=300)
@given(USAGES, st.sampled_from(["openai", "anthropic", "gemini"]))
def test_parts_never_exceed_their_totals(usage: dict[str, Any], dialect: str) -> None:
    """Whatever a provider claims, what is booked adds up and fits into 64 bits."""
    name = {"openai": "chat", "anthropic": "messages", "gemini": "generate_content"}[dialect]
    meter = DIALECTS[dialect].new_meter(Endpoint(name=name), streamed=False, strip_usage=False)
    meter.feed(json.dumps({"usage": usage, "usageMetadata": usage}).encode())

    found = meter.usage()

    if found is None:
        return
    assert min(disjoint_tokens(found)) >= 0
    assert max(found.input_audio, found.input_image, found.input_tool) <= found.input_total < 1 << 50
    assert max(found.output_audio, found.output_image) <= found.output_total < 1 << 50
    assert found.provider_cost_nano_usd is None or 0 <= found.provider_cost_nano_usd < 1 << 60


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", REFUSALS)
def test_every_refusal_has_a_shape_in_every_dialect(dialect: str, kind: str) -> None:
    """No kind of refusal lacks its row, as an answer and as an event; the message is there."""
    refusal = Refusal(kind, "what to do", param="model")
    shapes = DIALECTS[dialect]

    body = json.loads(shapes.refusal_body(refusal, "req_1"))
    event = shapes.error_event(refusal, "req_1", Endpoint(name="responses"))

    assert body["error"]["message"].endswith("what to do")
    assert event.endswith((b"\n\n", b"\r\n\r\n"))
    assert "what to do" in event.decode()


@pytest.mark.parametrize(
    ("dialect", "header"),
    [
        ("openai", (b"Authorization", b"Bearer k")),
        ("anthropic", (b"x-api-key", b"k")),
        ("gemini", (b"x-goog-api-key", b"k")),
    ],
)
def test_the_key_travels_in_the_dialects_own_header(dialect: str, header: tuple[bytes, bytes]) -> None:
    """Each API has its header for the credential."""
    assert header == DIALECTS[dialect].credential(b"k")


def test_usage_object_alone_tells_what_the_answer_told() -> None:
    """`read_raw` reads what a record keeps: every recorded usage object, without what stood around it."""
    read = 0
    for exchange in exchanges.load():
        meter = meter_for(exchange)
        meter.feed(exchanges.answer_bytes(exchange))
        meter.finish()
        told = meter.usage()
        if told is None or told.is_spoiled:
            continue
        read += 1
        alone = DIALECTS[exchanges.dialect_of(exchange)].read_raw(bytes(told.raw))
        assert alone is not None
        assert disjoint_tokens(told) == disjoint_tokens(alone), exchange["name"]

    assert read > 700


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"{}", b"\xff", b'"x"'])
def test_usage_object_that_is_none_tells_nothing(dialect: str, raw: bytes) -> None:
    """Whatever stands in a record, reading it again never raises."""
    assert None is DIALECTS[dialect].read_raw(raw)
