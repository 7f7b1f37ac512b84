"""Where the usage of a JSON answer is found: its own, whole or by its ends (test_meter.py tries it in place)."""

import json

import pytest

from gateway.wire.document import NESTED_MOST, parse, parse_ends

USAGE = {"prompt_tokens": 20, "completion_tokens": 9}


def usage_in(head: bytes, tail: bytes) -> object:
    """Return the usage that the ends of a document tell."""
    answer = parse_ends(head, tail, b'"usage"')
    return json.loads(bytes(answer.usage)) if answer else None


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\r\n\r\n", b"\xef\xbb\xbf \n"])
@pytest.mark.parametrize("wrap", [b"%b", b"[%b]", b'[{"usage":null},%b]'])
def test_what_stands_around_a_document_hides_nothing(before: bytes, wrap: bytes) -> None:
    """A byte order mark, blank lines, a list of one."""
    answer = parse(before + wrap % json.dumps({"usage": USAGE}).encode())

    assert answer is not None
    assert USAGE == json.loads(bytes(answer.usage))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[1]", b"3", b'{"usage"', b"\xff", b"[" * 100_000])
def test_what_is_no_answer_is_none(body: bytes) -> None:
    """And never an exception."""
    assert None is parse(body)
    assert None is parse_ends(body, body, b'"usage"')


def test_usage_at_either_end_is_found_and_what_looks_like_it_is_not() -> None:
    """Nested members and quoted ones are passed over, up to a bound."""
    decoy = b'"a":{"usage":{"prompt_tokens":6}},'
    first = b'{"model":"m",' + decoy + b'"usage":' + json.dumps(USAGE).encode() + b',"data":["'
    last = b'xx"],' + decoy + b'"usage":' + json.dumps(USAGE).encode() + b"}"

    assert (USAGE, USAGE) == (usage_in(first, b"xxx"), usage_in(b"xxx", last))
    assert None is usage_in(b'{"x":1,' + decoy, b"xx" + decoy[:-1] + b"}")
    assert None is usage_in(b"xxx", last[:-1] + b',"b":{' + decoy * NESTED_MOST + b'"c":1}}')


def test_the_model_is_found_on_the_far_side() -> None:
    """It may stand before what makes an answer long, while the usage stands behind."""
    answer = parse_ends(
        b'{"model" : "m-1","data":["', b'"],"usage":{"prompt_tokens":1},"service_tier":"flex"}', b'"usage"'
    )
    none = parse_ends(b'{"model":1,"data":["', b'"],"usage":{"prompt_tokens":1}}', b'"usage"')

    assert answer is not None
    assert none is not None
    assert ("m-1", "flex", None) == (answer.model, answer.service_tier, none.model)
