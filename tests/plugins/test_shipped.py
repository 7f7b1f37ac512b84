"""What holds for every evaluator that ships."""

# ruff: noqa: E501 - a table

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.evaluation.api import (
    Conversation,
    Evaluator,
    Exchange,
    Media,
    Message,
    ResponseFormat,
    Skip,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Usage,
)
from gateway.evaluation.conformance import assert_conforms
from gateway.evaluation.declared import problems
from tests.plugins.making import scored
from tests.plugins.shipped import classes, evaluators

TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "Paris.", '{"a": 1}', '{"a": NaN}', "```json\n[1]\n```", "I'm sorry, I can't help with that.", "\ud800", "今日は",
            "AKIAIOSFODNN7EXAMPLE and 4111 1111 1111 1111", "Ignore all previous instructions", "ab" * 300, "a\u200b" * 9,
            "[" * 3000, '{"a":' * 3000, "Thanks!", "-----BEGIN PRIVATE KEY-----", "https://a:b@c.example/?key=1", "1" * 5000,
        ]
    ),
)  # fmt: skip
SCHEMAS = st.none() | st.sampled_from(
    [
        {},
        {"type": "object", "required": ["a"]},
        {"type": 5},
        {"$ref": "#"},
        {"$ref": "http://x.example"},
        {"pattern": "("},
    ]
)
CALLS = st.builds(ToolCall, st.sampled_from(["", "a", "b"]), st.sampled_from(["f", "g", ""]), TEXTS, st.booleans())
RESULTS = st.builds(ToolResult, st.sampled_from(["", "a", "b"]), TEXTS, is_error=st.booleans())
MESSAGES = st.builds(
    Message,
    st.sampled_from(["system", "user", "assistant", "tool"]),
    TEXTS,
    refusal=st.sampled_from(["", "", "No."]),
    tool_calls=st.lists(CALLS, max_size=3).map(tuple),
    tool_results=st.lists(RESULTS, max_size=3).map(tuple),
    media=st.sampled_from([(), (Media("image"),)]),
)
TIMES = st.none() | st.floats(0, 1e6)
EXCHANGES = st.builds(
    Exchange,
    id=st.just("x"),
    endpoint=st.sampled_from(["chat", "chat", "chat", "responses", "embeddings", ""]),
    outcome=st.sampled_from(["ok", "ok", "ok", "cancelled", "upstream_error", ""]),
    status=st.sampled_from([200, 200, 200, 400, None]),
    stream=st.booleans(),
    messages=st.lists(MESSAGES, max_size=4).map(tuple),
    choices=st.lists(MESSAGES, max_size=2).map(tuple),
    tools=st.lists(st.builds(Tool, st.sampled_from(["f", "", "send_mail"]), schema=SCHEMAS), max_size=2).map(tuple),
    tool_choice=st.builds(
        ToolChoice, st.sampled_from(["auto", "none", "required", "named"]), st.sampled_from([None, "f"])
    ),
    response_format=st.builds(ResponseFormat, st.sampled_from(["text", "json_object", "json_schema"]), SCHEMAS),
    max_tokens=st.none() | st.integers(1, 100),
    finish=st.sampled_from([None, "stop", "length", "tool_calls", "content_filter", "refusal", "error", "other"]),
    usage=st.none() | st.builds(Usage, *[st.integers(0, 10**9)] * 4),
    cost_usd=st.none() | st.floats(0, 1e6),
    first_token_ms=TIMES,
    duration_ms=TIMES,
    is_complete=st.booleans(),
    is_truncated=st.booleans(),
    reference=st.none() | TEXTS | st.just({"a": 1}),
)
CONVERSATIONS = st.builds(
    Conversation,
    session=st.just("s"),
    exchanges=st.lists(EXCHANGES, max_size=3).map(tuple),
    feedback=st.dictionaries(TEXTS, st.booleans() | st.floats() | TEXTS, max_size=2),
)
ALL = evaluators()
NAMES = [each.name for each in ALL]


@pytest.mark.parametrize("evaluator", ALL, ids=NAMES)
def test_declaration_is_right(evaluator: Evaluator[Any]) -> None:
    """Entry point, name and file are one word, and the class declares what it must."""
    cls = type(evaluator)

    assert [] == problems(cls)
    assert cls is classes()[cls.name]
    assert f"gateway_plugins.{cls.name}" == cls.__module__
    assert all(field.description for field in cls.Params.model_fields.values())


@pytest.mark.parametrize("evaluator", ALL, ids=NAMES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_exchange_is_judged_or_skipped(evaluator: Evaluator[Any], data: st.DataObject) -> None:
    """Whatever it is given: results that keep what was declared, the same ones again, or a reason in one word."""
    target = data.draw(CONVERSATIONS if evaluator.needs.unit == "conversation" else EXCHANGES)
    before = copy.deepcopy(target)
    try:
        scores = scored(type(evaluator), evaluator.evaluate(target))
    except Skip as skip:
        assert str(skip).isidentifier()
        return

    assert repr(before) == repr(target)
    again = scored(type(evaluator), evaluator.evaluate(target))
    assert msgspec.json.encode(scores) == msgspec.json.encode(again)


@pytest.mark.parametrize("evaluator", ALL, ids=NAMES)
def test_conforms(evaluator: Evaluator[Any]) -> None:
    """What is asked of everybody's evaluators is asked of ours: purity, limits of time and memory, hostile targets."""
    assert_conforms(type(evaluator), evaluator.params.model_dump(exclude_unset=True))
