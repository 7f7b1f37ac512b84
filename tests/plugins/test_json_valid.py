"""What counts as JSON where JSON was asked for."""

import pytest

from gateway.evaluation.api import ResponseFormat
from gateway_plugins.json_valid import JsonValid
from tests.plugins.making import CALL, JSON_OBJECT, label, made, outcome, results, said, schema

PLUGIN = made(JsonValid)
ANY = schema({})
FENCE = "```"


@pytest.mark.parametrize("text", ['{"a": 1}', ' \n{"a": [1.5, null, "é"]}\n', '\ufeff{"a": "\\ud800"}'])
@pytest.mark.parametrize("form", [JSON_OBJECT, ANY])
def test_json_is_valid(text: str, form: ResponseFormat) -> None:
    """White space and a byte order mark may stand around a document, nothing else."""
    exchange = said(text, response_format=form)

    assert outcome(PLUGIN, exchange) is True
    assert "valid" == label(PLUGIN, exchange)
    assert results(PLUGIN, exchange)["recoverable"].value is True


@pytest.mark.parametrize(
    ("text", "why", "recoverable"),
    [
        ("", "empty", False),
        ("Paris", "unparsable", False),
        ('{"a": 1', "unparsable", False),
        ('{"a": 1} and so on', "unparsable", True),
        ('Here it is: {"a": {"b": 2}} - good luck', "unparsable", True),
        ('{"a": NaN}', "not_a_number", False),
        ("[Infinity, -Infinity]", "not_a_number", False),
        ('{"a": 1, "b": {"a": 2, "a": 3}}', "duplicate_keys", False),
        ("{'a': 1}", "unparsable", False),
        ("[" * 100_000, "too_deep", False),
        (f'{FENCE}json\n{{"a": 1}}\n{FENCE}', "fenced", True),
        (f'{FENCE}\n{{"a": 1}}\n{FENCE}\n', "fenced", True),
        (f"{FENCE}json\n{{'a': 1}}\n{FENCE}", "fenced", False),
        (f'Of course:\n{FENCE}json\n{{"a": 1}}\n{FENCE}', "unparsable", True),
    ],
)
def test_what_is_wrong_is_said(text: str, why: str, recoverable: bool) -> None:
    """Each way to be no JSON has its label, and whether a forgiving reader gets along."""
    exchange = said(text, response_format=ANY)

    assert outcome(PLUGIN, exchange) is False
    assert why == label(PLUGIN, exchange)
    assert recoverable is results(PLUGIN, exchange)["recoverable"].value


@pytest.mark.parametrize("text", ["[1]", '"a"', "1", "true", f"{FENCE}\n[1]\n{FENCE}"])
def test_json_object_must_be_one(text: str) -> None:
    """`json_object` promises an object; any other value breaks its reader."""
    exchange = said(text, response_format=JSON_OBJECT)

    assert outcome(PLUGIN, exchange) is False
    assert results(PLUGIN, exchange)["recoverable"].value is False


def test_any_value_may_fit_a_schema() -> None:
    """A schema may describe a list."""
    assert outcome(PLUGIN, said("[1]", response_format=ANY)) is True


def test_cut_answer_is_no_json() -> None:
    """At the limit of tokens it is false under a label of its own, even where it happens to parse."""
    exchange = said('{"a": 1}', response_format=JSON_OBJECT, finish="length")

    assert (False, "truncated") == (outcome(PLUGIN, exchange), label(PLUGIN, exchange))
    assert results(PLUGIN, exchange)["recoverable"].value is True


@pytest.mark.parametrize(
    ("exchange", "why"),
    [
        (said("{}"), "no_json_asked"),
        (said(refusal="no", response_format=ANY), "refused"),
        (said("no", finish="refusal", response_format=ANY), "refused"),
        (said("", finish="content_filter", response_format=ANY), "filtered"),
        (said(calls=(CALL,), response_format=ANY), "tool_calls"),
        (said("{", is_complete=False, response_format=ANY), "incomplete"),
        (said("{", is_truncated=True, response_format=ANY), "body_cut"),
        (said("{", status=500, response_format=ANY), "failed"),
        (said("{", endpoint="embeddings", response_format=ANY), "other_endpoint"),
        (said(choices=(), response_format=ANY), "no_answer"),
    ],
)
def test_what_is_not_to_be_json_is_skipped(exchange: object, why: str) -> None:
    """Nothing passes because it does not apply."""
    assert f"skip {why}" == outcome(PLUGIN, exchange)


def test_force_looks_at_every_answer() -> None:
    """Some ask for JSON in words."""
    forced = made(JsonValid, force=True)

    assert outcome(forced, said("[1]")) is True
    assert outcome(forced, said("Paris")) is False


def test_long_answer_is_cut() -> None:
    """What is above the limit is not looked at, and the evidence says so."""
    found = results(made(JsonValid, force=True), said("[" + "1," * 200_000 + "1]"))[""]

    assert {"truncated_input": True} == found.evidence
