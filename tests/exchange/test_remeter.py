"""An answer that is metered again from its stored bytes tells what it told while it passed."""

import gzip

import pytest

from gateway.exchange.remeter import endpoint_of, remeter
from gateway.wire.endpoint import Endpoint
from gateway.wire.meter import Meter
from tests.records import record

TEXT = b'data: {"model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":"Hello"}}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5}}\n\n'
DONE = b"data: [DONE]\n\n"
DOCUMENT = b'{"model":"m","usage":{"prompt_tokens":9,"completion_tokens":5}}'


def chat() -> Endpoint:
    """The endpoint of the usual record."""
    endpoint = endpoint_of(record())
    assert endpoint is not None
    return endpoint


def told(meter: Meter) -> tuple[int, int] | None:
    """Return input and output as the answer tells them."""
    usage = meter.usage()
    return None if usage is None else (usage.input_total, usage.output_total)


@pytest.mark.parametrize(
    ("dialect", "provider", "path", "name"),
    [
        ("openai", "openai", "/v1/chat/completions", "chat"),
        ("openai", "groq", "/groq/openai/v1/chat/completions", "chat"),
        ("openai", "evals", "/evals/v1/something/else", "other"),
        ("openai", "chat", "/chat/v1/something/else", "other"),
        ("anthropic", "anthropic", "/v1/messages/count_tokens", "count_tokens"),
        ("gemini", "gemini", "/gemini/v1beta/models/m:generateContent", "generate_content"),
    ],
)
def test_kind_of_call_is_told_by_the_path(dialect: str, provider: str, path: str, name: str) -> None:
    """Where the path names its provider, that name is no word of the path: a provider may be called `models`."""
    endpoint = endpoint_of(record(dialect=dialect, provider=provider, path=path))

    assert endpoint is not None
    assert name == endpoint.name
    assert None is endpoint_of(record(dialect="cobol"))


@pytest.mark.parametrize(
    ("answer", "content_type", "asked", "usage"),
    [
        (TEXT + USAGE + DONE, "text/event-stream", True, (9, 5)),
        (TEXT + USAGE + DONE, "TEXT/Event-Stream", False, (9, 5)),
        (TEXT + USAGE + DONE, "", True, (9, 5)),
        (TEXT + USAGE + DONE, None, False, (9, 5)),
        (DOCUMENT, "application/json", True, (9, 5)),
        (DOCUMENT, None, False, (9, 5)),
        (TEXT, "text/event-stream", True, None),
        (b": comment\n\n" + TEXT + USAGE, None, True, (9, 5)),
        (b"", None, True, None),
    ],
)
def test_stream_or_document(
    answer: bytes, content_type: str | None, asked: bool, usage: tuple[int, int] | None
) -> None:
    """By its type as the relay tells it; where the head was not written down, by how it begins."""
    one = record(response_content_type=content_type, stream=asked)

    assert usage == told(remeter(one, chat(), answer, finish=True).meter)


def test_completeness_is_judged_by_the_answers_own_words() -> None:
    """A stream without its end is not whole, a document always is."""
    stream = record(response_content_type="text/event-stream", stream=True)
    document = record(response_content_type="application/json")

    assert remeter(stream, chat(), TEXT + DONE, finish=True).complete
    assert not remeter(stream, chat(), TEXT, finish=True).complete
    assert remeter(document, chat(), DOCUMENT, finish=True).complete


def test_event_without_its_end_is_read_at_the_end_only() -> None:
    """Of what was left or died in the middle it is not known whether the event was whole."""
    stream = record(response_content_type="text/event-stream", stream=True)

    assert (9, 5) == told(remeter(stream, chat(), TEXT + USAGE.rstrip(), finish=True).meter)
    assert None is told(remeter(stream, chat(), TEXT + USAGE.rstrip(), finish=False).meter)


def test_codings_are_taken_off() -> None:
    """Long ones, too, in pieces; of a coding that nobody here can read the answer is believed to be whole."""
    stream = record(response_content_type="text/event-stream", stream=True, content_encoding="gzip")
    again = remeter(stream, chat(), gzip.compress(TEXT * 20_000 + USAGE + DONE), finish=True)
    assert ((9, 5), True, False) == (told(again.meter), again.complete, again.damaged)
    stream.content_encoding = "br"
    blind = remeter(stream, chat(), b"\x00" * 100, finish=True)

    assert (None, True, False) == (told(blind.meter), blind.complete, blind.damaged)
    stream.content_encoding = "gzip"

    assert remeter(stream, chat(), b"no gzip", finish=True).damaged
