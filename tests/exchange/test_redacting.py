"""What is kept of a body: never a canary, however it is written and cut; and where there is none, every byte."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange.redacting import Form, Redacting
from gateway.policies.redaction import DEFAULT, Redaction
from gateway.wire.transcript import answer_turns
from tests import exchanges
from tests.canaries import ALL, CANARIES, HARMLESS

JSON, EVENTS, PLAIN = Form("application/json; charset=utf-8"), Form("text/event-stream"), Form("text/plain")
# Around a canary anything may stand that does not make another word of it.
AROUND = st.text(st.characters(exclude_categories=["L", "N", "Pc", "Pd", "Sm", "Cs"], exclude_characters="%+-./'@:,&"))
# What escapes and structures may do to a reader of them.
TRICKY = st.text(st.sampled_from('abz \\"/\n\t{}[]:,é😀\u2028'))


def keep(
    pieces: Sequence[bytes],
    form: Form = JSON,
    redaction: Redaction = DEFAULT,
    *,
    most_bytes: int = 1 << 20,
    answer: bool = False,
    whole: bool = True,
) -> tuple[bytes, int]:
    """Return what is kept of a body, and how much was taken out."""
    body = Redacting(redaction, most_bytes, form, answer=answer)
    for piece in pieces:
        body.add(piece)
    return body.finish(whole=whole), body.redactions


def cut(data: bytes, step: int) -> list[bytes]:
    """Cut into pieces of one size."""
    return [data[at : at + step] for at in range(0, len(data), step)]


def escaped(text: str, level: int) -> str:
    """Write a text as JSON in JSON; at the innermost level nothing stands as itself that could be escaped."""
    for depth in range(level):
        text = json.dumps({"x": text})
        if depth == 0:
            text = text.replace("@", "\\u0040").replace("+", "\\u002b").replace("/", "\\/")
    return text


def openai(piece: str) -> Any:
    """One event of a chat."""
    return {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": piece}}]}


def tool(piece: str) -> Any:
    """One event of a tool's arguments."""
    call = {"index": 0, "function": {"arguments": json.dumps(piece)[1:-1]}}
    return {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}


def responses(piece: str) -> Any:
    """One event of OpenAI's newer API."""
    return {
        "type": "response.output_text.delta",
        "output_index": 0,
        "content_index": 0,
        "delta": piece,
        "obfuscation": "x1",
    }


def anthropic(piece: str) -> Any:
    """One event of Anthropic's."""
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}


def gemini(piece: str) -> Any:
    """One event of Google's."""
    return {"candidates": [{"content": {"parts": [{"text": piece}], "role": "model"}, "index": 0}]}


def ollama(piece: str) -> Any:
    """One line of Ollama's."""
    return {"model": "m", "message": {"role": "assistant", "content": piece}}


def event(chunk: Any) -> bytes:
    """Write an event."""
    return b"event: x\ndata: %b\n\n" % json.dumps(chunk).encode()


def stream(make: Any, pieces: Sequence[str]) -> tuple[bytes, Form]:
    """Write a stream as its provider does."""
    chunks = [make(piece) for piece in pieces]
    if make is ollama:
        return b"\n".join(json.dumps(chunk).encode() for chunk in chunks), Form("application/x-ndjson")
    return b"".join(map(event, chunks)) + b"data: [DONE]\n\n", EVENTS


def said(make: Any, kept: bytes) -> str:
    """Put a kept stream together again."""
    lines = kept.split(b"\n") if make is ollama else [line[6:] for line in kept.split(b"\n") if line[:7] == b"data: {"]
    return "".join(leaf for line in lines for leaf in leaves(json.loads(line)))


def leaves(value: Any) -> list[str]:
    """Return the texts of a document, without names."""
    if isinstance(value, dict):
        return [
            leaf
            for name, each in value.items()
            if name not in ("id", "type", "obfuscation", "role", "model")
            for leaf in leaves(each)
        ]
    if isinstance(value, list):
        return [leaf for each in value for leaf in leaves(each)]
    return [value] if isinstance(value, str) else []


@given(st.sampled_from(ALL), AROUND, AROUND, st.integers(1, 200), st.integers(0, 3), st.booleans())
def test_canary_is_never_kept(canary: str, before: str, behind: str, step: int, level: int, answer: bool) -> None:
    """Anywhere in any text, written as JSON in JSON, cut anywhere: it is gone, and what is kept is still JSON."""
    fields = {"messages": [{"content": escaped(f"{before} {canary} {behind}", level)}], "n": [1, 2.5, None]}
    body = json.dumps(fields).encode()

    kept, count = keep(cut(body, step), answer=answer)

    text = kept.decode()
    for _ in range(level + 1):
        assert canary not in text
        assert json.dumps(canary)[1:-1] not in text
        text = (
            json.loads(json.dumps({"x": text}))["x"].encode().decode("unicode_escape", "replace")
            if "\\" in text
            else text
        )
    assert count >= 1
    inner = json.loads(kept)["messages"][0]["content"]
    for _ in range(level):
        inner = json.loads(inner)["x"]
    assert before.strip() in inner


@pytest.mark.parametrize("make", [openai, tool, responses, anthropic, gemini, ollama])
@pytest.mark.parametrize("canary", [family[0] for family in CANARIES.values()] + [CANARIES["secret"][-1]])
def test_canary_that_is_cut_at_any_place_is_found(make: Any, canary: str) -> None:
    """In two, and into single characters; the stream stays what it was, with a mark where the canary began."""
    text = f"so {canary} ok"
    cuts = [[text[:at], text[at:]] for at in range(1, len(text))]
    for pieces in [*cuts, list(text)]:
        body, form = stream(make, pieces)

        kept, count = keep(cut(body, 37), form, answer=True)

        assert 1 == count
        told = said(make, kept)
        assert told.startswith("so [")
        assert told.endswith("] ok")
        assert body.count(b"\n") == kept.count(b"\n")


@pytest.mark.parametrize("make", [openai, anthropic, gemini])
def test_kept_stream_can_be_read(make: Any) -> None:
    """Who shows a conversation puts the words together as before."""
    body, form = stream(make, ["Write to jane", "@exam", "ple.org", " today"])

    kept, _ = keep([body], form, answer=True)

    assert ["Write to [email] today"] == [turn.text for turn in answer_turns(kept)]


@given(
    st.recursive(
        TRICKY | st.integers(-(10**7), 10**7) | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(TRICKY, inner),
    ),
    st.integers(1, 50),
    st.booleans(),
    st.booleans(),
)
def test_what_holds_nothing_is_kept_byte_for_byte(value: Any, step: int, answer: bool, ascii_only: bool) -> None:
    """Any JSON, and any plain text, cut anywhere."""
    body = json.dumps([value], ensure_ascii=ascii_only).encode()

    assert (body, 0) == keep(cut(body, step), answer=answer)
    assert (body, 0) == keep(cut(body, step), PLAIN, answer=answer)


@pytest.mark.parametrize("make", [openai, responses, anthropic, gemini, ollama])
def test_harmless_numbers_in_streams_stay(make: Any) -> None:
    """Ids, times and counts, one in each event."""
    body, form = stream(make, [f" {each} " for each in HARMLESS])

    assert (body, 0) == keep([body], form, answer=True)


@given(st.sampled_from(ALL), st.integers(1, 3_000), st.booleans())
def test_nothing_of_a_canary_is_left_where_a_body_is_cut(canary: str, most_bytes: int, answer: bool) -> None:
    """Half a secret is one, too, and would be found by nobody: the last words of what is cut go."""
    body = json.dumps({"messages": [{"content": f"hello there {canary} ok " * 20}]}).encode()

    kept, _ = keep([body], most_bytes=most_bytes, answer=answer)

    assert len(kept) <= most_bytes + 20
    assert max(canary.split(), key=len)[:8] not in kept.decode()


@pytest.mark.parametrize("length", range(4, 40))
def test_stream_that_broke_off_ends_before_its_last_words(length: int) -> None:
    """The client left, or the provider did, in the middle of a secret."""
    text = f"ok {CANARIES['secret'][0]}"[: length + 3]
    body, form = stream(anthropic, list(text))

    kept, count = keep([body], form, answer=True, whole=False)

    assert ("ok [cut]" if not count else "ok [secret]") == said(anthropic, kept)


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (Form("multipart/form-data; boundary=x"), b"--x\r\n\r\nhello\r\n--x--"),
        (Form("image/png"), b"hello"),
        (Form("audio/mpeg"), b"hello"),
        (Form("application/octet-stream"), b"hello"),
        (Form("application/x-www-form-urlencoded"), b"a=b"),
        (Form("application/json", "gzip"), b"{}"),
        (JSON, b"hello"),
        (JSON, b'{"a": hello}'),
        (Form(None), b"\x89PNG"),
        (PLAIN, b"\xff\xfe\x00h"),
    ],
)
def test_what_cannot_be_read_is_not_kept(form: Form, body: bytes) -> None:
    """Never as it was."""
    assert (b"", 0) == keep([body], form)


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (Form(None), b'{"a":1}'),
        (Form(""), b" [1]"),
        (Form("application/problem+json"), b"{}"),
        (PLAIN, b"[note] no JSON"),
        (Form("text/html"), b"<p>"),
        (JSON, b'\xef\xbb\xbf{"a":"b"}'),
        (EVENTS, b'\xef\xbb\xbf: hello\r\n\r\ndata: words\r\rdata: {"a":\r\ndata: "b"}\r\n\r\ndata: [DONE]'),
    ],
)
def test_what_can_be_read_is_kept(form: Form, body: bytes) -> None:
    """Whatever the server calls it."""
    assert (body, 0) == keep(cut(body, 3), form, answer=True)


def test_values_at_paths_go_whole() -> None:
    """Whatever stands there; each counts once."""
    redaction = Redaction(kinds=[], paths=["user", "messages[*].content"])
    body = b'{"user": 7, "messages": [{"role": "user", "content": [{"text": "x"}]}, {"content": "y"}]}'

    assert (
        b'{"user": "[redacted]", "messages": [{"role": "user", "content": "[redacted]"}, {"content": "[redacted]"}]}',
        3,
    ) == keep(cut(body, 5), redaction=redaction)


def test_equal_texts_go_everywhere() -> None:
    """They are looked at once."""
    body = json.dumps([{"to": "a@b.example"}] * 3).encode()

    assert (body.replace(b"a@b.example", b"[email]"), 3) == keep([body])


def test_number_without_quotes_gets_some() -> None:
    """What is kept is still JSON."""
    assert (b'{"card": "[card]", "at": 1732550400}', 1) == keep([b'{"card": 4111111111111111, "at": 1732550400}'])


def test_recorded_exchanges_lose_nothing_but_sealed_data() -> None:
    """Of what real agents and providers said nothing goes that nobody wanted: signatures and sealed reasoning, tokens
    told once more, and two names of Python's that look like addresses (`via@agent.tool`)."""
    redaction = Redaction(kinds=["secret", "card", "iban", "phone"])
    for exchange in exchanges.load():
        request = json.dumps(exchange["request"]).encode()
        answer = exchanges.answer_bytes(exchange)
        form = EVENTS if exchange["response_kind"] == "text" else JSON
        assert (request, 0) == keep(cut(request, 4096), redaction=redaction)
        kept, count = keep(cut(answer, 4096), form, redaction, answer=True)
        assert count == kept.count(b'"logprobs":"[redacted]"') + kept.count(b'"logprobs": "[redacted]"')


@given(
    st.lists(
        st.binary(max_size=12)
        | st.sampled_from([each.encode() for each in ALL])
        | st.sampled_from(
            [
                b'{"a":',
                b'"',
                b"\\",
                b"\\u00",
                b"[",
                b"]",
                b"{",
                b"}",
                b",",
                b":",
                b"1",
                b"null",
                b"data: ",
                b"\n",
                b"\r\n",
                b'{"choices":[{"index":0,"delta":{"content":"',
                b'"}}]}\n\n',
                b"\xef\xbb\xbf",
                b'"index":',
                b'"logprobs":',
            ]
        ),
        max_size=30,
    ),
    st.sampled_from([JSON, EVENTS, PLAIN, Form(None)]),
    st.integers(1, 400),
    st.booleans(),
    st.booleans(),
)
def test_no_body_makes_it_fail(pieces: list[bytes], form: Form, most_bytes: int, answer: bool, whole: bool) -> None:
    """Whatever a caller or a provider sends: an exchange must not end for what is only to be written down of it."""
    redaction = Redaction(patterns=["[a-c]+"], paths=["a", "choices[*]", "*.a"])
    kept, count = keep(pieces, form, redaction, most_bytes=most_bytes, answer=answer, whole=whole)

    assert count >= 0
    assert kept == b"" or len(pieces) > 0
