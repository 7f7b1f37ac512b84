"""What is read from a request body is what every JSON reader would read, and edits touch nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Refusal
from gateway.wire import body
from tests import exchanges

READ = sorted(body.READ)
KEYS = st.sampled_from(
    [*READ, "messages", "temperature", "x", "mod\\u0065l", "Model", "str\\u0065am", "MAX_TOKENS", "N"]
)
VALUES = st.sampled_from(
    [
        '"gpt"',
        '"a\\"b"',
        "true",
        "false",
        "null",
        "1",
        "12",
        "1.5",
        "[1, 2]",
        '{"model": "x"}',
        '{"include_usage":true}',
    ]
)
# What stands around members and behind their parts: nothing, as the standard library writes it, and wilder.
SPACES = st.sampled_from([("", ",", ":"), ("", ", ", ": "), (" ", " , ", " : "), ("\n\t ", "\n\t ,\n\t ", ":")])


@st.composite
def objects(draw: st.DrawFn) -> str:
    """Write a JSON object by hand, so that repeated keys and white space survive."""
    space, comma, colon = draw(SPACES)
    members = draw(st.lists(st.tuples(KEYS, VALUES), max_size=6))
    inside = comma.join(f'"{key}"{colon}{value}' for key, value in members)
    return f"{space}{{{space}{inside}{space}}}{space}"


def pairs_of(text: str) -> list[tuple[str, Any]]:
    """Read an object with the standard library, keeping every pair."""
    found: list[tuple[str, Any]] = json.loads(text, object_pairs_hook=lambda pairs: pairs)
    return found


def is_ambiguous(pairs: list[tuple[str, Any]], names: list[str]) -> bool:
    """Tell whether a field that is read stands twice or under a look-alike name."""
    folded = [key.casefold() for key, _ in pairs if key.casefold() in names]
    return len(folded) != len(set(folded)) or any(key not in names for key, _ in pairs if key.casefold() in names)


def is_wrong(pairs: list[tuple[str, Any]]) -> bool:
    """Tell whether a field has a type that is refused."""
    seen = dict(pairs)
    options = seen.get("stream_options")
    if not (isinstance(seen.get("model"), str | None) and isinstance(seen.get("stream"), bool | None)):
        return True
    if "stream_options" in seen and not isinstance(options, list | None):
        return True  # the hook turns objects into lists of pairs; a JSON list is told apart below
    return isinstance(options, list) and not all(isinstance(pair, tuple) for pair in options)


@given(objects())
def test_fields_are_read_as_the_standard_library_reads_them(text: str) -> None:
    """Repeats of a read field are refused in every disguise; repeats of others pass."""
    pairs = pairs_of(text)
    if is_ambiguous(pairs, READ) or is_wrong(pairs):
        with pytest.raises(Refusal) as refused:
            body.read(text.encode())
        assert "bad_request" == refused.value.kind
        return

    fields = body.read(text.encode())

    seen = json.loads(text)
    assert seen.get("model") == fields.model
    assert bool(seen.get("stream")) == fields.stream
    assert bool((seen.get("stream_options") or {}).get("include_usage")) == fields.include_usage
    limits = [seen.get(name) for name in ("max_tokens", "max_completion_tokens", "max_output_tokens")]
    assert max((limit for limit in limits if type(limit) is int), default=None) == fields.max_output_tokens
    assert (seen.get("n") if type(seen.get("n")) is int else None) == fields.n


@given(objects(), st.text(max_size=8))
def test_a_new_model_changes_nothing_else(text: str, name: str) -> None:
    """Only the value of `model` changes: every other pair, repeats and order included, stands."""
    try:
        body.read(text.encode())
        name.encode()
    except (Refusal, UnicodeEncodeError):
        return

    edited = body.with_model(text.encode(), name).decode()

    others = [pair for pair in pairs_of(text) if pair[0] != "model"]
    assert others == [pair for pair in pairs_of(edited) if pair[0] != "model"]
    assert name == json.loads(edited)["model"] == body.read(edited.encode()).model


@given(objects())
def test_asking_for_usage_changes_nothing_else(text: str) -> None:
    """Only stream_options.include_usage changes."""
    try:
        fields = body.read(text.encode())
    except Refusal:
        return

    edited = body.with_usage(text.encode(), fields.options).decode()

    others = [pair for pair in pairs_of(text) if pair[0] != "stream_options"]
    assert others == [pair for pair in pairs_of(edited) if pair[0] != "stream_options"]
    before = json.loads(text).get("stream_options") or {}
    assert before | {"include_usage": True} == json.loads(edited)["stream_options"]


def test_asking_for_usage_keeps_the_other_options_bytes() -> None:
    """Inside stream_options, too, every other byte stands."""
    given_body = b'{"stream_options" : { "x": 1.0e5 , "include_usage" : false, "y":[ ] } , "stream":true}'

    edited = body.with_usage(given_body, body.read(given_body).options)

    assert given_body.replace(b"false", b"true") == edited


@pytest.mark.parametrize(
    "bad",
    [
        b"", b"[1]", b"nul", b'{"a":NaN}', b'{"a":1', b'{"a":1}}', b'"model"', b'{"model":1}', b'{"stream":"yes"}',
        b'{"stream":1}', b'{"model":["a"]}', b'{"stream_options":[]}', b'{"stream_options":{"include_usage":1}}',
        b'{"stream_options":{"include_usage":true,"include\\u005fusage":false}}', b'{"model":"\xff"}', b'{"\xff":1}',
        b'{"model":"a","model":"a"}', b'{"model":"a","mod\\u0065l":"b"}', b'{"Model":"a"}',
        # Compact but for a repeat that is as long as the blanks of another spelling.
        b'{"n":1,"model":"a","x":1,"y":1,"n":10}', b'{"a\x01":1,"n":1,"n":1}',
        '{"\u017ftream":true}'.encode(), b"[" * 100_000, b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)  # fmt: skip
def test_what_could_be_read_in_two_ways_is_refused(bad: bytes) -> None:
    """Not one clear JSON object, or a read field that is unclear: 400, never another exception."""
    with pytest.raises(Refusal) as refused:
        body.read(bad)

    assert 400 == refused.value.status


@pytest.mark.parametrize("fine", [b'{"a":1,"a":12,"model":"m"}', b' {"model":"m", "b":{"model":1}, "b":"model"}\n'])
def test_repeats_of_other_fields_pass(fine: bytes) -> None:
    """What we do not read is the provider's to judge."""
    assert "m" == body.read(fine).model


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_read_or_refused(data: bytes) -> None:
    """No other exception leaves the reader."""
    try:
        body.read(data)
    except Refusal as refusal:
        assert "bad_request" == refusal.kind


def test_recorded_requests_are_read() -> None:
    """Real bodies of every provider are read, and their model is found where they name one."""
    requests = [each["request"] for each in exchanges.load() if isinstance(each["request"], dict)]
    assert len(requests) > 700

    for request in requests:
        fields = body.read(json.dumps(request).encode())
        assert request.get("model") == fields.model
        assert bool(request.get("stream")) == fields.stream


def test_a_repeated_key_cannot_shift_what_is_edited() -> None:
    """The later value of `x` is as long as the way from its first one to a place where a walk would fit again."""
    sly = b'{"x":1,"model":"aaaa","x":{"b":1,"abcdefghijk":"ddd"}}'

    assert sly.replace(b"aaaa", b"b") == body.with_model(sly, "b")


def test_usage_that_was_declined_is_asked_for_all_the_same() -> None:
    """In place; the event is taken out again."""
    asked = b'{"stream":true,"stream_options":{"include_usage":false,"x":1}}'

    assert b'{"stream":true,"stream_options":{"include_usage":true,"x":1}}' == body.with_usage(
        asked, body.read(asked).options
    )


def test_options_that_are_null_are_none() -> None:
    """As if they were not there."""
    asked = b'{"stream":true,"stream_options":null}'

    assert not body.read(asked).include_usage
    assert b'{"stream":true,"stream_options":{"include_usage":true}}' == body.with_usage(
        asked, body.read(asked).options
    )


def test_what_is_no_object_is_not_edited() -> None:
    """Nobody edits what was not read before; if somebody did, it would be refused."""
    with pytest.raises(Refusal):
        body.with_model(b'{"a":', "m")


def test_a_model_that_is_null_is_none() -> None:
    """As one that is not there: some calls need none."""
    assert None is body.read(b'{"model":null}').model


def test_claims_are_handed_on_as_they_stand() -> None:
    """Raw, and only those: the last of one that stands twice, and none that is longer than any claim."""
    asked = b'{"model":"m","user":"a","metadata": {"x": 1},"User":"c","labels":{},"user":"b"}'

    assert {"user": b'"b"', "metadata": b'{"x": 1}'} == body.read(asked).claims
    assert None is body.read(b'{"model":"m"}').claims
    assert {} == body.read(b'{"metadata":"' + b"x" * body.LONGEST_CLAIM + b'"}').claims
