"""Which tool calls a caller can run."""

import pytest

from gateway.evaluation.api import Tool, ToolCall, ToolChoice
from gateway_plugins.tool_call_valid import LABELS, ToolCallValid
from tests.plugins.making import CALL, WEATHER, made, outcome, results, said

PLUGIN = made(ToolCallValid)
NOW = Tool("now", schema={})
SHELL = Tool("shell", schema=None)


def call(arguments: str, *, name: str = "weather", id: str = "c1", server: bool = False) -> ToolCall:
    """Make a call."""
    return ToolCall(id, name, arguments, server)


def calling(*calls: ToolCall, **facts: object) -> object:
    """Make an exchange that offers three tools and has these calls."""
    return said(calls=calls, **{"tools": (WEATHER, NOW, SHELL), "finish": "tool_calls", **facts})


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        (calling(CALL), "ok"),
        (calling(CALL, call("{}", name="now", id="c2")), "ok"),
        (calling(call("", name="now")), "ok"),
        (calling(call("ls -l", name="shell")), "ok"),
        (calling(call("{}", name="wether")), "unknown_tool"),
        (calling(call('{"city": "Par')), "bad_json"),
        (calling(call('["Paris"]')), "bad_json"),
        (calling(call('{"city": NaN}')), "bad_json"),
        (calling(call('{"city": "a", "city": "b"}')), "bad_json"),
        (calling(call("")), "bad_json"),
        (calling(call("{}")), "schema_error"),
        (calling(call('{"city": 5}')), "schema_error"),
        (calling(CALL, tool_choice=ToolChoice("none")), "choice_violation"),
        (calling(tool_choice=ToolChoice("none")), "ok"),
        (calling(tool_choice=ToolChoice("required")), "choice_violation"),
        (calling(CALL, tool_choice=ToolChoice("required")), "ok"),
        (calling(CALL, tool_choice=ToolChoice("named", "weather")), "ok"),
        (calling(CALL, tool_choice=ToolChoice("named", "now")), "choice_violation"),
        (calling(tool_choice=ToolChoice("named", "now")), "choice_violation"),
        (
            calling(CALL, call("{}", name="now", id="c2"), tool_choice=ToolChoice("named", "weather")),
            "choice_violation",
        ),
        (calling(CALL, CALL, tool_choice=ToolChoice(parallel=False)), "dup_id"),
        (calling(CALL, call("{}", name="now", id="c2"), tool_choice=ToolChoice(parallel=False)), "choice_violation"),
        (calling(CALL, CALL), "dup_id"),
        (calling(call('{"city": "a"}', id=""), call('{"city": "b"}', id="")), "ok"),
        (calling(call('{"city": "Par'), finish="length"), "truncated"),
    ],
)
def test_call(exchange: object, expected: str) -> None:
    """Each way to be wrong has its label."""
    assert expected == outcome(PLUGIN, exchange)


def test_worst_label_wins() -> None:
    """What is listed later is worse, however many calls have what is listed before; all is in the evidence."""
    calls = (call("{}", name="wether", id="a"), call("{", id="b"), call("{}", id="c"), call("{}", id="c"))
    found = results(PLUGIN, calling(*calls, tool_choice=ToolChoice("none"), finish="length"))

    assert "truncated" == found[""].value
    assert 4 == found["calls"].value
    assert [*LABELS[1:4], "schema_error", *LABELS[4:]] == [each["label"] for each in found[""].evidence["findings"]]


def test_evidence_names_places_not_values() -> None:
    """Where a schema is broken, and by which keyword; what the model wrote stays in the exchange."""
    found = results(PLUGIN, calling(call('{"city": ["sk-secret"]}')))[""]

    assert {"findings": [{"label": "schema_error", "call": 0, "errors": [("/city", "type")]}]} == found.evidence


def test_empty_arguments_are_told() -> None:
    """Some providers send an empty text for no arguments."""
    assert {"empty_args": True} == results(PLUGIN, calling(call("", name="now")))[""].evidence


def test_tools_of_the_provider_are_not_looked_at() -> None:
    """What the provider runs itself it has understood; where a call is required, it is one."""
    search = call("cats", name="web_search", id="s", server=True)

    assert "skip no_calls" == outcome(PLUGIN, calling(search))
    assert "ok" == outcome(PLUGIN, calling(search, tool_choice=ToolChoice("required")))
    assert "ok" == outcome(PLUGIN, calling(search, CALL, tool_choice=ToolChoice("named", "weather")))
    assert 0 == results(PLUGIN, calling(search, tool_choice=ToolChoice("required")))["calls"].value


@pytest.mark.parametrize(
    ("exchange", "why"),
    [
        (said("Paris"), "no_tools"),
        (calling(), "no_calls"),
        (calling(finish="refusal", tool_choice=ToolChoice("required")), "refused"),
        (calling(finish="content_filter", tool_choice=ToolChoice("required")), "refused"),
        (calling(call("{"), is_complete=False), "incomplete"),
        (calling(call("{"), is_truncated=True), "body_cut"),
        (calling(CALL, status=400), "failed"),
        (calling(call("{}", name="bad"), tools=(Tool("bad", schema={"type": "objekt"}),)), "invalid_request_schema"),
        (
            calling(call("{}", name="far"), tools=(Tool("far", schema={"$ref": "https://example.com/s"}),)),
            "invalid_request_schema",
        ),
    ],
)
def test_what_does_not_apply_is_skipped(exchange: object, why: str) -> None:
    """No calls, or a schema that nothing can be checked against."""
    assert f"skip {why}" == outcome(PLUGIN, exchange)


def test_call_without_offered_tools_is_unknown() -> None:
    """A model that calls what nobody offered."""
    assert "unknown_tool" == outcome(PLUGIN, said(calls=(CALL,)))
