"""Every evaluator over all exchanges that were recorded with real providers; the totals were checked by eye."""

import functools
from collections import Counter
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from gateway.evaluation.api import Conversation, Evaluator, Exchange, Message, ResponseFormat, Skip, ToolCall
from gateway.evaluation.reading import exchange_of
from tests.canaries import CANARIES
from tests.evaluation.kept import recorded
from tests.evaluation.streamed import stream_of
from tests.plugins.making import outcome, results, scored
from tests.plugins.shipped import classes, evaluators

NO_TALK = {"skip other_endpoint": 34, "skip failed": 12}
# Of those that ask for words.
NO_WORDS = {**NO_TALK, "skip tool_calls": 261, "skip no_text": 1, "skip incomplete": 1}
TOTALS: dict[str, dict[Any, int]] = {
    "json_valid": {True: 31, "skip no_json_asked": 770, "skip tool_calls": 8},
    "json_adherence": {True: 27, "skip no_schema": 775, "skip tool_calls": 7},
    "truncated": {**NO_TALK, "no": 760, "length": 1, "no_finish": 1, "skip intended": 1},
    "empty_answer": {**NO_TALK, False: 761, True: 1, "skip incomplete": 1},
    "refusal": {**NO_TALK, "none": 759, "text": 2, "filtered": 1, "skip incomplete": 1},
    # Gemini's models invent arguments for a tool without parameters, and a tool `list_files`.
    "tool_call_valid": {
        **NO_TALK, "ok": 281, "schema_error": 14, "unknown_tool": 5,
        "skip no_calls": 234, "skip no_tools": 227, "skip refused": 1, "skip incomplete": 1,
    },
    "repetition": {**NO_TALK, False: 500, "skip no_text": 263},
    "secret_leak": {**NO_TALK, False: 761, "skip no_text": 2},
    "pii_leak": {**NO_TALK, False: 761, "skip no_text": 2},
    "injection_heuristic": {**NO_TALK, 0: 287, "skip no_tool_results": 476},
    # The questions are short, and all that are long enough are English.
    "language_mismatch": {
        **NO_WORDS, False: 116, "skip uncertain": 295, "skip no_letters": 85, "skip explicit_target": 4,
    },
    "contains": {**NO_WORDS, True: 240, False: 260},
    "regex": {**NO_WORDS, True: 240, False: 260},
    "equals": {**NO_WORDS, True: 18, False: 482},
    "text_sim": {"skip no_reference": 809},
    "slo": {"skip unknown_latency_ms": 791, "skip failed": 18},
    "agent_loop": {False: 269, "skip no_tool_calls": 234},
    "conversation_outcome": {"unknown": 485, "unresolved": 18},
}  # fmt: skip
PARAMS: dict[str, dict[str, Any]] = {
    "contains": {"must_match": ["the"]},
    "regex": {"must_match": ["the"]},
    "equals": {"expected": "4"},
    "slo": {"latency_ms": 1000},
}
MATRIX = "test_multimodal_tool_returns/test_multimodal_tool_return_matrix"
REFUSALS = {
    "test_anthropic/test_anthropic_model_thinking_part_redacted#0": "text",
    "test_google/test_google_model_safety_settings#0": "filtered",
    f"{MATRIX}[tool_return_content-url-audio-google_2_5]#2": "text",
}
ENDINGS = {
    "test_google/test_google_model_max_tokens#0": "skip intended",
    "test_groq/test_tool_use_failed_error_streaming#0": "no_finish",
    "test_huggingface/test_max_completion_tokens#0": "length",
}


@functools.cache
def exchanges() -> dict[str, Exchange]:
    """Read all recorded exchanges."""
    return {name: exchange_of(each) for name, each in recorded()}


@functools.cache
def conversations() -> dict[str, Conversation]:
    """Take what was recorded in one go for a conversation."""
    groups: dict[str, list[Exchange]] = {}
    for name, exchange in exchanges().items():
        groups.setdefault(name.partition("#")[0], []).append(exchange)
    return {name: Conversation(session=name, exchanges=tuple(group)) for name, group in groups.items()}


def targets(evaluator: Evaluator[Any]) -> dict[str, Any]:
    """Return what an evaluator looks at."""
    return dict(conversations() if evaluator.needs.unit == "conversation" else exchanges())


def fresh(name: str) -> Evaluator[Any]:
    """Make an evaluator with the parameters of TOTALS."""
    cls = classes()[name]
    return cls(cls.Params.model_validate(PARAMS.get(name, {})))


def test_every_evaluator_has_totals() -> None:
    """One that was never run over real traffic would be a guess."""
    assert {*classes()} == {*TOTALS}


@pytest.mark.parametrize("name", TOTALS)
def test_totals(name: str) -> None:
    """What an evaluator says of all of them."""
    evaluator = fresh(name)

    assert TOTALS[name] == Counter(outcome(evaluator, target) for target in targets(evaluator).values())


@pytest.mark.parametrize(("name", "usual", "expected"), [
    ("refusal", {"none"}, REFUSALS), ("truncated", {"no"}, ENDINGS),
])  # fmt: skip
def test_unusual_ones(name: str, usual: set[str], expected: dict[str, str]) -> None:
    """The very exchanges that refuse, and those that end too early."""
    evaluator = fresh(name)
    found = {each: outcome(evaluator, target) for each, target in exchanges().items()}
    unusual = {each: said for each, said in found.items() if said not in usual}

    boring = {"skip other_endpoint", "skip failed", "skip incomplete"}
    assert expected == {each: said for each, said in unusual.items() if said not in boring}


def test_tool_calls_that_break_their_schema() -> None:
    """All are of one model that was given a tool without parameters, and the evidence names the keyword."""
    evaluator = fresh("tool_call_valid")
    wrong = {name: x for name, x in exchanges().items() if outcome(evaluator, x) == "schema_error"}

    assert 14 == len(wrong)
    for name, exchange in wrong.items():
        assert "google_gemini3" in name
        (finding,) = results(evaluator, exchange)[""].evidence["findings"]
        assert [("", "additionalProperties")] == finding["errors"]


@pytest.mark.parametrize("evaluator", evaluators(), ids=lambda each: each.name)
def test_scores_keep_the_contract(evaluator: Evaluator[Any]) -> None:
    """Also with parameters that make an evaluator say something."""
    for target in targets(evaluator).values():
        try:
            verdict = evaluator.evaluate(target)
        except Skip:
            continue
        assert scored(type(evaluator), verdict)


def test_streamed_answers_get_the_same_scores() -> None:
    """Every recorded answer, written as the stream that it could have been."""
    judges = [each for each in evaluators() if each.needs.unit == "exchange" and each.name != "slo"]
    compared = 0
    for _, each in recorded():
        exchange = exchange_of(each)
        answer = _document(exchange)
        if answer is None:
            continue
        body = stream_of(exchange.endpoint, answer)
        stream = exchange_of(msgspec.structs.replace(each, response=[(0, body)], response_bytes=len(body)))
        compared += 1
        for judge in judges:
            assert outcome(judge, exchange) == outcome(judge, stream)
    assert compared > 400


def _document(exchange: Exchange) -> dict[str, Any] | None:
    """Return an answer that came in one piece and can be written as a stream."""
    if exchange.endpoint not in ("chat", "messages", "responses", "generate_content") or exchange.outcome != "ok":
        return None
    try:
        answer = msgspec.json.decode(exchange.response or b"", type=dict[str, Any])
    except msgspec.DecodeError:
        return None
    is_open = exchange.endpoint == "responses" and answer.get("status") not in ("completed", "incomplete")
    return None if is_open or "error" in answer else answer


@pytest.mark.parametrize("evaluator", evaluators(), ids=lambda each: each.name)
def test_no_evidence_repeats_a_secret(evaluator: Evaluator[Any]) -> None:
    """Secrets planted in answer, tool call, prompt and tool result stay out of every score."""
    planted = [canary for family in CANARIES.values() for canary in family]
    words = "\n".join(planted)
    for exchange in [*exchanges().values()][::40]:
        answer = replace(exchange.answer, text=f"{exchange.text}\n{words}", tool_calls=(ToolCall("c", "f", words),))
        leaking = replace(
            exchange,
            choices=(answer,),
            messages=(*exchange.messages, Message("user", words[: len(words) // 2])),
            response_format=ResponseFormat("json_schema", {"type": "object"}),
            reference=words,
        )
        target = Conversation(session="s", exchanges=(leaking,)) if evaluator.needs.unit == "conversation" else leaking
        try:
            told = msgspec.json.encode(scored(type(evaluator), evaluator.evaluate(target))).decode()
        except Skip:
            continue
        assert [] == [canary for canary in planted if canary in told or canary[:12] in told]
