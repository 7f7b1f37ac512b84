"""Which answers fit the request's schema."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from gateway.evaluation.api import ResponseFormat
from gateway_plugins.json_adherence import JsonAdherence
from tests.plugins.making import CALL, label, made, outcome, results, said, schema

PLUGIN = made(JsonAdherence)
POINT = {
    "type": "object",
    "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}, "at": {"type": "string", "format": "date"}},
    "required": ["x"],
    "additionalProperties": False,
}


def test_fitting_answer() -> None:
    """1.0 is an integer, as JSON has one kind of numbers."""
    found = results(PLUGIN, said('{"x": 1.0}', response_format=schema(POINT)))

    assert (True, "ok", 0) == (found[""].value, found[""].label, found["schema_errors"].value)


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("{}", [("", "required")]),
        ('{"x": true}', [("/x", "type")]),
        ('{"x": 1.5}', [("/x", "type")]),
        ('{"x": 1, "z": 1}', [("", "additionalProperties")]),
        ('{"x": "1", "y": "2"}', [("/x", "type"), ("/y", "type")]),
        ("[]", [("", "type")]),
    ],
)
def test_what_does_not_fit_is_named(text: str, errors: list[tuple[str, str]]) -> None:
    """The evidence has the place and the keyword of each; True is no integer."""
    found = results(PLUGIN, said(text, response_format=schema(POINT)))

    assert (False, "schema_error") == (found[""].value, found[""].label)
    assert sorted(errors) == sorted(found[""].evidence["errors"])
    assert len(errors) == found["schema_errors"].value


def test_pointers_are_escaped_and_few() -> None:
    """RFC 6901, and 20 of them; all are counted."""
    text = '{"a/b~c": ' + str(["x"] * 30).replace("'", '"') + "}"
    numbers = {"properties": {"a/b~c": {"items": {"type": "number"}}}}
    found = results(PLUGIN, said(text, response_format=schema(numbers)))

    assert ("/a~1b~0c/0", "type") == found[""].evidence["errors"][0]
    assert 20 == len(found[""].evidence["errors"])
    assert 30 == found["schema_errors"].value


@pytest.mark.parametrize(("text", "finish", "why"), [("{", "stop", "bad_json"), ('{"x": 1}', "length", "truncated")])
def test_no_json_does_not_fit(text: str, finish: str, why: str) -> None:
    """There is nothing to count then."""
    exchange = said(text, finish=finish, response_format=schema(POINT))

    assert (False, why) == (outcome(PLUGIN, exchange), label(PLUGIN, exchange))
    assert [""] == list(results(PLUGIN, exchange))


def test_formats_are_remarks_unless_wanted() -> None:
    """`format` asserts nothing by default, as in the standard."""
    exchange = said('{"x": 1, "at": "tomorrow"}', response_format=schema(POINT))

    assert outcome(PLUGIN, exchange) is True
    assert outcome(made(JsonAdherence, formats=True), exchange) is False


def test_draft_is_the_schemas_own() -> None:
    """In draft 4 a boolean `exclusiveMaximum` is right; in the newest it is an error of the schema."""
    old = {"$schema": "http://json-schema.org/draft-04/schema#", "maximum": 5, "exclusiveMaximum": True}

    assert outcome(PLUGIN, said("5", response_format=schema(old))) is False
    assert "skip invalid_request_schema" == outcome(
        PLUGIN, said("5", response_format=schema({"maximum": 5, "exclusiveMaximum": True}))
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "objekt"},
        {"required": "x"},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "#/$defs/missing"},
        {"$ref": "#"},
        {"pattern": "("},
        {"pattern": "(?=a)"},
        {"patternProperties": {"(a)\\1": {}}},
    ],
)
def test_wrong_schema_is_no_fault_of_the_answer(wrong: dict[str, object]) -> None:
    """Skipped: nothing is fetched, and no pattern is run that could run for ever."""
    for text in ('"aaa"', '{"a": 1}'):
        assert outcome(PLUGIN, said(text, response_format=schema(wrong))) in ("skip invalid_request_schema", True)
    assert "skip invalid_request_schema" in [
        outcome(PLUGIN, said(text, response_format=schema(wrong))) for text in ('"aaa"', '{"a": 1}')
    ]


def test_nothing_is_fetched() -> None:
    """A request cannot make the gateway call anybody, however near."""

    class Schema(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

    asked: list[str] = []
    with HTTPServer(("127.0.0.1", 0), Schema) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        far = schema({"$ref": f"http://127.0.0.1:{server.server_port}/schema.json"})

        assert "skip invalid_request_schema" == outcome(PLUGIN, said("5", response_format=far))
        server.shutdown()
    assert [] == asked


@pytest.mark.parametrize(
    ("patterns", "text", "fits"),
    [
        ({"pattern": "^a+$"}, '"aaa"', True),
        ({"pattern": "^a+$"}, '"aab"', False),
        ({"pattern": "^(a+)+$"}, '"' + "a" * 5000 + 'b"', False),
        ({"patternProperties": {"^n_": {"type": "number"}}}, '{"n_a": 1, "b": "x"}', True),
        ({"patternProperties": {"^n_": {"type": "number"}}}, '{"n_a": "x"}', False),
        ({"patternProperties": {"^n_": {}}, "additionalProperties": False}, '{"n_a": "x"}', True),
        ({"patternProperties": {"^n_": {}}, "additionalProperties": False}, '{"m_a": "x"}', False),
        ({"properties": {"a": {}}, "additionalProperties": {"type": "number"}}, '{"a": "x", "b": 1}', True),
        ({"properties": {"a": {}}, "additionalProperties": {"type": "number"}}, '{"a": "x", "b": "x"}', False),
    ],
)
def test_patterns_work_as_ever(patterns: dict[str, object], text: str, fits: bool) -> None:
    """Patterns run in linear time, and mean what they mean otherwise."""
    assert fits is outcome(PLUGIN, said(text, response_format=schema(patterns)))


@pytest.mark.parametrize(
    ("exchange", "why"),
    [
        (said("{}"), "no_schema"),
        (said("{}", response_format=ResponseFormat("json_object")), "no_schema"),
        (said("{}", response_format=ResponseFormat("json_schema")), "no_schema"),
        (said(refusal="no", response_format=schema({})), "refused"),
        (said(calls=(CALL,), response_format=schema({})), "tool_calls"),
        (said("{", is_complete=False, response_format=schema({})), "incomplete"),
    ],
)
def test_what_does_not_apply_is_skipped(exchange: object, why: str) -> None:
    """Without a schema there is nothing to fit."""
    assert f"skip {why}" == outcome(PLUGIN, exchange)
