"""The calls that the SDKs' tests make, by name: which SDK, what is called, and what the provider answers."""

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.provider import Answer
from tests.sdk import answers

_ASKED: list[Any] = [{"role": "user", "content": "Say hello."}]


class Call(NamedTuple):
    """`make` is given a client and returns what came, as plain data. `injected`: what the provider answers instead
    where the gateway asked for more than the SDK did."""

    sdk: str
    make: Callable[[Any], Any]
    answer: Answer
    injected: Answer | None = None


def plain(result: Any) -> Any:
    """Turn what an SDK returned into plain data, everything that it read from the body included."""
    if isinstance(result, list):
        return [plain(each) for each in result]
    # The transport's headers come along in Google's results; some of OpenAI's helpers do not match their own types.
    return result.model_dump(exclude={"sdk_http_response"}, warnings=False)


def chat(client: Any, **more: Any) -> Any:
    """Ask OpenAI's chat."""
    return plain(client.chat.completions.create(model="gpt-4o-mini", messages=_ASKED, **more))


def chat_stream(client: Any, **more: Any) -> Any:
    """Stream OpenAI's chat."""
    with client.chat.completions.create(model="gpt-4o-mini", messages=_ASKED, stream=True, **more) as events:
        return plain(list(events))


def response(client: Any) -> Any:
    """Ask OpenAI's Responses."""
    return plain(client.responses.create(model="gpt-4o-mini", input="Say hello."))


def response_stream(client: Any) -> Any:
    """Stream OpenAI's Responses, with the helper that adds the events up."""
    with client.responses.stream(model="gpt-4o-mini", input="Say hello.") as events:
        seen = [plain(event) for event in events]
        return [*seen, plain(events.get_final_response())]


def message(client: Any) -> Any:
    """Ask Anthropic's Messages."""
    return plain(client.messages.create(model="claude-9", max_tokens=64, messages=_ASKED))


def message_stream(client: Any) -> Any:
    """Stream Anthropic's Messages, with the helper that adds the events up."""
    with client.messages.stream(model="claude-9", max_tokens=64, messages=_ASKED) as events:
        seen = [plain(event) for event in events]
        return [*seen, plain(events.get_final_message())]


def generated(client: Any) -> Any:
    """Ask Gemini."""
    return plain(client.models.generate_content(model="gemini-2.5-flash", contents="Say hello."))


def generated_stream(client: Any) -> Any:
    """Stream Gemini."""
    return plain(list(client.models.generate_content_stream(model="gemini-2.5-flash", contents="Say hello.")))


def embeddings(client: Any) -> Any:
    """Embed with OpenAI."""
    return plain(client.embeddings.create(model="text-embedding-3-small", input="hello"))


CALLS = {
    "chat": Call("openai", chat, answers.CHAT),
    "chat stream": Call("openai", chat_stream, answers.CHAT_STREAM, answers.CHAT_STREAM_USAGE),
    "chat stream with usage": Call(
        "openai", lambda client: chat_stream(client, stream_options={"include_usage": True}), answers.CHAT_STREAM_USAGE
    ),
    "responses": Call("openai", response, answers.RESPONSE),
    "responses stream": Call("openai", response_stream, answers.RESPONSE_STREAM),
    "embeddings": Call("openai", embeddings, answers.EMBEDDINGS),
    "messages": Call("anthropic", message, answers.MESSAGE),
    "messages stream": Call("anthropic", message_stream, answers.MESSAGE_STREAM),
    "count_tokens": Call(
        "anthropic",
        lambda client: plain(client.messages.count_tokens(model="claude-9", messages=_ASKED)),
        answers.COUNTED,
    ),
    "generate_content": Call("gemini", generated, answers.GENERATED),
    "generate_content stream": Call("gemini", generated_stream, answers.GENERATED_STREAM),
    "embed_content": Call(
        "gemini",
        lambda client: plain(client.models.embed_content(model="gemini-embedding-001", contents="hello")),
        answers.GEMINI_EMBEDDED,
    ),
    "countTokens": Call(
        "gemini",
        lambda client: plain(client.models.count_tokens(model="gemini-2.5-flash", contents="hello")),
        answers.GEMINI_COUNTED,
    ),
}
# One of each API, streamed and not: what goes wrong is tried with these.
USUAL = ("chat", "responses", "messages", "generate_content")
STREAMS = ("chat stream", "chat stream with usage", "responses stream", "messages stream", "generate_content stream")
