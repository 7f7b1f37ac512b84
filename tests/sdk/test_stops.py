"""A spent budget ends a stream in its middle: every SDK raises what it knows for that, and none waits or retries."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors as gemini

from gateway.core.errors import Advice, Refusal
from gateway.wire.anthropic import MESSAGES
from gateway.wire.dialect import DIALECTS
from gateway.wire.endpoint import Endpoint
from gateway.wire.gemini import ACTIONS
from gateway.wire.openai import CHAT, RESPONSES, TEXT_COMPLETION
from gateway.wire.seam import new_seam
from tests.provider import EVENTS, Answer, Provider, stream
from tests.sdk import answers
from tests.sdk.conftest import Make

SAID = "Budget exceeded for team 'search' (budget search/daily): $25.00 of $25.00 used today"
ADVICE = Advice(status=429, resets_s=1_796_083_200, headers=((b"x-tollway-budget", b"search/daily"),))
RETRIES = 2
_ASKED: list[Any] = [{"role": "user", "content": "Say hello."}]

# What stands in a text completion's stream has no test of its own among the calls.
_TEXTS = [
    answers.data(
        {
            "id": "cmpl-1",
            "object": "text_completion",
            "created": 1,
            "model": "gpt-3.5-turbo-instruct",
            "choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": None}],
        }
    )
    for text in answers.TEXT
]


class Stream(NamedTuple):
    """`open` is given a client and returns what is iterated. `whole`: the answer as it would have been."""

    sdk: str
    endpoint: Endpoint
    whole: Answer
    open: Callable[[Any], Any]


STREAMS = {
    "chat": Stream(
        "openai",
        CHAT,
        answers.CHAT_STREAM_USAGE,
        lambda client: client.chat.completions.create(model="gpt-4o-mini", messages=_ASKED, stream=True),
    ),
    "text completions": Stream(
        "openai",
        TEXT_COMPLETION,
        stream(*_TEXTS, b"data: [DONE]\n\n"),
        lambda client: client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Say", stream=True),
    ),
    "responses": Stream(
        "openai",
        RESPONSES,
        answers.RESPONSE_STREAM,
        lambda client: client.responses.create(model="gpt-4o-mini", input="Say hello.", stream=True),
    ),
    "messages": Stream(
        "anthropic",
        MESSAGES,
        answers.MESSAGE_STREAM,
        lambda client: client.messages.create(model="claude-9", max_tokens=64, messages=_ASKED, stream=True),
    ),
    "generate_content": Stream(
        "gemini",
        ACTIONS["streamgeneratecontent"],
        answers.GENERATED_STREAM,
        lambda client: client.models.generate_content_stream(model="gemini-2.5-flash", contents="Say hello."),
    ),
}
# The helpers that add a stream's events up.
HELPERS: dict[str, Callable[[Any], Any]] = {
    "chat": lambda client: client.chat.completions.stream(model="gpt-4o-mini", messages=_ASKED),
    "responses": lambda client: client.responses.stream(model="gpt-4o-mini", input="Say hello."),
    "messages": lambda client: client.messages.stream(model="claude-9", max_tokens=64, messages=_ASKED),
}
ASYNC: dict[str, Callable[[str], Any]] = {
    "openai": lambda url: openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=RETRIES, timeout=20),
    "anthropic": lambda url: anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=RETRIES, timeout=20),
    "gemini": lambda url: genai.Client(api_key="k", http_options={"base_url": url, "timeout": 20_000}).aio,
}


def event_of(call: Stream) -> bytes:
    """Write the event that ends this stream."""
    return DIALECTS[call.sdk].error_event(Refusal("budget_exceeded", SAID, advice=ADVICE), "id-1", call.endpoint)


def pieces(call: Stream) -> list[bytes]:
    """Return the events of the whole stream, less the one that says that it is whole."""
    return [step for step in call.whole.body if isinstance(step, bytes)][:-1]


def shown(call: Stream) -> int:
    """Count what an SDK shows of them."""
    return sum(b"ping" not in piece for piece in pieces(call))


def stopped(call: Stream, at: int) -> Answer:
    """Stop the stream once so many of its bytes have passed."""
    whole = b"".join(pieces(call))
    seam = new_seam(call.endpoint, b"text/event-stream")
    assert seam is not None
    seam.feed(whole[:at])
    for end in range(at, len(whole) + 1):
        last = seam.end(whole[at:end] if end == at else whole[end - 1 : end], event_of(call))
        if last is not None:
            return Answer(headers=EVENTS, framing="chunked", body=(whole[: max(at, end - 1)] + last,))
    raise AssertionError("no event ends behind this place")


def check(sdk: str, error: Any) -> None:
    """Say of an exception that it is the very one which its SDK has for this, and tells why."""
    assert SAID in str(error)
    if sdk == "openai":
        assert openai.APIError is type(error)
        assert ("budget_exceeded", "insufficient_quota") == (error.code, error.type)
    elif sdk == "anthropic":
        assert anthropic.APIStatusError is type(error)
        assert (200, "billing_error") == (error.status_code, error.type)
        assert error.body["error"]["message"].startswith("spend limit reached: ")
    else:
        assert gemini.ClientError is type(error)
        assert (429, "RESOURCE_EXHAUSTED") == (error.code, error.status)
        assert "BUDGET_EXCEEDED" == error.details["error"]["details"][0]["reason"]


def consumed(events: Iterator[Any]) -> tuple[int, Exception]:
    """Iterate to the error."""
    seen = 0
    try:
        for _ in events:
            seen += 1
    except Exception as error:
        return seen, error
    raise AssertionError("a stream that was stopped looked whole")


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("framing", ["chunked", "length", "eof"])
def test_what_came_is_given_and_then_it_raises(name: str, framing: str, make: Make, provider: Provider) -> None:
    """The events before it arrive as ever; the request is sent once."""
    call = STREAMS[name]
    provider.play(Answer(headers=EVENTS, framing=framing, body=(*pieces(call), event_of(call))))

    seen, error = consumed(call.open(make(call.sdk, direct=True, retries=RETRIES)))

    assert shown(call) == seen
    check(call.sdk, error)
    assert 1 == len(provider.asked)


@pytest.mark.parametrize("name", STREAMS)
def test_it_raises_wherever_it_is_stopped(name: str, make: Make, provider: Provider) -> None:
    """Between two events, and at any byte of one: the seam puts our event where one can stand."""
    call = STREAMS[name]
    client = make(call.sdk, direct=True, retries=RETRIES)
    ends = [0]
    for piece in pieces(call):
        ends.append(ends[-1] + len(piece))
    places = sorted({place for end in ends for place in (end - 1, end, end + 1, end + 20) if 0 <= place <= ends[-1]})
    for place in places:
        provider.play(stopped(call, place))

        _, error = consumed(call.open(client))

        check(call.sdk, error)
    assert len(places) == len(provider.asked)


@pytest.mark.parametrize("name", HELPERS)
def test_the_helpers_raise_it(name: str, make: Make, provider: Provider) -> None:
    """Those that agents use to add the events up; nothing is lost of what came."""
    call = STREAMS[name]
    provider.play(Answer(headers=EVENTS, framing="chunked", body=(*pieces(call), event_of(call))))

    with HELPERS[name](make(call.sdk, direct=True, retries=RETRIES)) as events:
        seen, error = consumed(iter(events))

    assert seen >= len(answers.TEXT)
    check(call.sdk, error)
    assert 1 == len(provider.asked)


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")  # Google's own
@pytest.mark.parametrize("name", STREAMS)
def test_asynchronous_clients_raise_it(name: str, provider: Provider) -> None:
    """They read streams with code of their own."""
    call = STREAMS[name]
    provider.play(Answer(headers=EVENTS, framing="chunked", body=(*pieces(call), event_of(call))))

    async def consume() -> tuple[int, Exception]:
        client = ASYNC[call.sdk](provider.url)
        seen = 0
        try:
            async for _ in await call.open(client):
                seen += 1
        except Exception as error:
            return seen, error
        finally:
            await (client.aclose() if call.sdk == "gemini" else client.close())
        raise AssertionError("a stream that was stopped looked whole")

    seen, error = asyncio.run(consume())

    assert shown(call) == seen
    check(call.sdk, error)
    assert 1 == len(provider.asked)


def test_openais_client_raises_behind_googles_door(make: Make, provider: Provider) -> None:
    """There Google speaks OpenAI's dialect, and so do we."""
    call = STREAMS["chat"]
    refusal = Refusal("budget_exceeded", SAID, advice=ADVICE)
    event = DIALECTS["gemini"].error_event(refusal, "id-1", CHAT)
    provider.play(Answer(headers=EVENTS, framing="chunked", body=(*pieces(call), event)))

    _, error = consumed(call.open(make("openai", direct=True, retries=RETRIES)))

    check("openai", error)
