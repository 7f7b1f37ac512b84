"""Everything about a row is checked; what the books made audits clean, whatever a provider said."""

import json
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.exchange import Now, check_row
from gateway.audit.findings import Difference, Findings
from gateway.store.dayview import Row
from gateway.store.schema import facts
from tests.audit.settled import SNAPSHOT, ZERO, Books, Settled
from tests.records import record

NOW = Now(SNAPSHOT.routing, SNAPSHOT.prices.listed)
CHAT = b'{"model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":20}}'


def row_of(one: Settled, **changed: Any) -> Row:
    """Make the row of an exchange as the store writes it."""
    return Row({**facts(UUID(one.record.id).bytes, one.record), **changed}, *one)


def differences(row: Row) -> list[Difference]:
    """Check a row; return what differs."""
    found = Findings()
    check_row("2026-11-23", row, NOW, found)
    assert 1 == found.rows
    return found.take()


def test_clean_row(books: Books) -> None:
    """Every check looks at it, and none finds a difference."""
    found = Findings()
    check_row("2026-11-23", row_of(books.settle(CHAT)), NOW, found)

    assert [] == found.take()
    assert {"bodies": 1, "costs": 1, "prices": 1, "usage objects": 1} == found.checked
    assert {} == found.skipped


@pytest.mark.parametrize("name", sorted(facts(b"", record())))
def test_column_that_is_not_the_records_is_named(books: Books, name: str) -> None:
    """Filters and sums read the columns: they must say what the record says."""
    one = books.settle(CHAT)
    (found,) = differences(row_of(one, **{name: b"\x01" * 16 if name == "id" else 999}))

    assert (one.record.id, "row", name) == (found.id, found.check, found.what)


def test_rows_that_cannot_be_read_are_named(books: Books) -> None:
    """With the id that the row has; what can be read of it is checked all the same."""
    one = books.settle(CHAT)
    row = row_of(one)
    (found,) = differences(row._replace(record=None, request=None, response=None, fault="no JSON"))
    assert (one.record.id.replace("-", ""), "readable", "no JSON") == (found.id, found.what, found.recorded)
    one.record.cost_nano_usd += 1
    broken = row_of(one)._replace(request=None, response=None, fault="no zstd")

    findings = Findings()
    check_row("2026-11-23", broken, NOW, findings)

    assert ["readable", "cost_nano_usd"] == [each.what for each in findings.take()]
    assert {} == findings.skipped


@pytest.mark.parametrize(
    ("change", "checks"),
    [
        ({"cost_nano_usd": 1}, {"cost"}),
        ({"model_served": "gpt-4o"}, {"bodies", "prices"}),
        ({"usage_source": "partial"}, {"bodies"}),
        ({"price_source": "free"}, {"cost"}),
        ({"price_source": "provider"}, {"cost"}),
        ({"rates": msgspec.Raw(b'{"input":150000,"output":600001}')}, {"cost", "prices"}),
        ({"id": "nonsense"}, {"row"}),
    ],
)
def test_each_field_that_explains_the_cost_is_checked(books: Books, change: Any, checks: set[str]) -> None:
    """Whatever is changed in a record, some check names it."""
    one = books.settle(CHAT)
    changed = msgspec.structs.replace(one.record, **change)
    row = Row(facts(UUID(one.record.id).bytes, changed), changed, one.request, one.response)

    assert checks == {each.check for each in differences(row)}


def test_numbers_that_nobody_can_reckon_with_are_named(books: Books) -> None:
    """One damaged record must not end the audit of all others."""
    one = books.settle(CHAT)
    assert one.record.usage is not None
    one.record.usage.seconds = 1e308
    one.record.rates = msgspec.Raw(b'{"audio_hour":1}')

    assert "plausible" in [each.what for each in differences(row_of(one))]


# ==== whatever a provider says ========================================================================================

COUNTS = st.one_of(
    st.integers(0, 300_000), st.integers(-5, 10**40), st.floats(), st.text(max_size=5), st.none(), st.booleans()
)
SANE = st.integers(0, 5_000)
NAMES = {
    "openai": [
        "prompt_tokens", "input_tokens", "completion_tokens", "output_tokens", "total_tokens", "cached_tokens",
        "prompt_cache_hit_tokens", "cost", "estimated_cost", "cost_in_usd_ticks", "seconds", "prompt_audio_seconds",
        "prompt_tokens_details", "input_tokens_details", "completion_tokens_details", "output_tokens_details",
        "server_tool_use_details", "type", "is_byok",
    ],
    "anthropic": [
        "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation",
        "service_tier", "speed", "inference_geo", "iterations", "server_tool_use", "output_tokens_details",
    ],
    "gemini": [
        "promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "toolUsePromptTokenCount",
        "cachedContentTokenCount", "promptTokensDetails", "cacheTokensDetails", "candidatesTokensDetails",
        "serviceTier",
    ],
}  # fmt: skip
PARTS = st.dictionaries(
    st.sampled_from(
        [
            "cached_tokens", "audio_tokens", "image_tokens", "reasoning_tokens", "cache_write_tokens",
            "ephemeral_1h_input_tokens", "ephemeral_5m_input_tokens", "web_search_requests", "thinking_tokens",
        ]
    ),
    st.one_of(SANE, COUNTS),
    max_size=4,
)  # fmt: skip
MODALITIES = st.lists(
    st.fixed_dictionaries(
        {
            "modality": st.sampled_from(["TEXT", "AUDIO", "IMAGE", "VIDEO", "DOCUMENT"]),
            "tokenCount": st.one_of(SANE, COUNTS),
        }
    ),
    max_size=3,
)
ADVICE = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["message", "advisor_message", "compaction"]),
            "model": st.sampled_from(["claude-opus-4-1", "nobody-knows", None]),
            "input_tokens": st.one_of(SANE, COUNTS),
            "output_tokens": SANE,
        }
    ),
    max_size=3,
)
VALUES = st.one_of(SANE, SANE, COUNTS, PARTS, MODALITIES, ADVICE, st.sampled_from(["flex", "priority", "us", "fast"]))
MODELS = ["gpt-4o-mini", "gpt-4o-audio-preview", "own-model", "nobody-knows", "claude-sonnet-4-5", "gemini-2.5-pro"]


@st.composite
def answers(draw: st.DrawFn) -> tuple[str, bytes, bool]:
    """Draw a dialect, an answer in it, and whether it is a stream."""
    dialect = draw(st.sampled_from(sorted(NAMES)))
    # Google's compatible API tells OpenAI's kind of usage.
    shape = draw(st.sampled_from(["gemini", "openai"])) if dialect == "gemini" else dialect
    usage = draw(st.dictionaries(st.sampled_from(NAMES[shape]), VALUES, max_size=8))
    model = draw(st.sampled_from(MODELS))
    answer: dict[str, Any] = {"model": model, "modelVersion": model}
    answer |= draw(
        st.dictionaries(st.sampled_from(["service_tier", "tool_usage", "error", "x_groq"]), VALUES | PARTS, max_size=2)
    )
    answer["usageMetadata" if shape == "gemini" else "usage"] = usage
    if not draw(st.booleans()):
        return dialect, _json(answer), False
    return dialect, _streamed(dialect, answer), True


def _streamed(dialect: str, answer: dict[str, Any]) -> bytes:
    if dialect == "anthropic":
        events = [
            {"type": "message_start", "message": answer},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hello"}},
            {"type": "message_delta", "usage": {"output_tokens": 3}},
            {"type": "message_stop"},
        ]
        return b"".join(b"event: %b\ndata: %b\n\n" % (str(e["type"]).encode(), _json(e)) for e in events)
    if dialect == "gemini":
        parts = {"content": {"parts": [{"text": "Hello"}]}, "finishReason": "STOP"}
        return b"data: %b\r\n\r\n" % _json({**answer, "candidates": [parts]})
    text = {"model": answer["model"], "choices": [{"index": 0, "delta": {"content": "Hello"}}]}
    return b"data: %b\n\ndata: %b\n\ndata: [DONE]\n\n" % (_json(text), _json({**answer, "choices": []}))


def _json(value: Any) -> bytes:
    """Write numbers of any size, and what is none."""
    return json.dumps(value).encode()


@settings(max_examples=400, deadline=None)
@given(
    answers(),
    st.booleans(),
    st.integers(0, 10_000),
    st.sampled_from([SNAPSHOT, ZERO]),
    st.sampled_from([None, "local"]),
)
def test_whatever_was_settled_audits_clean(
    books: Books, answer: tuple[str, bytes, bool], finish: bool, cut: int, snapshot: Any, provider: str | None
) -> None:
    """Any usage, told whole or cut anywhere, at any price: the record explains itself."""
    dialect, body, streamed = answer
    whole = cut >= len(body)
    one = books.settle(
        body[:cut],
        dialect=dialect,
        provider=provider,
        content_type="text/event-stream" if streamed else "application/json",
        path="/v1beta/models/m:streamGenerateContent" if dialect == "gemini" and streamed else None,
        whole=whole,
        finish=finish or whole,
        snapshot=snapshot,
    )

    assert [] == differences(row_of(one))
