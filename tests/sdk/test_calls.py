"""An SDK sees through the gateway what it sees without it."""

from typing import Any

import pytest

from tests.gateway import Gateway
from tests.provider import Provider
from tests.sdk import answers
from tests.sdk.calls import CALLS
from tests.sdk.conftest import ALLOWED, LIMITED_KEY, Make

# Per call: model as asked, input and output tokens in the log (None: not metered).
LOGGED = {
    "chat": ("gpt-4o-mini", 11, 7),
    "chat stream": ("gpt-4o-mini", 11, 7),
    "chat stream with usage": ("gpt-4o-mini", 11, 7),
    "responses": ("gpt-4o-mini", 11, 7),
    "responses stream": ("gpt-4o-mini", 11, 7),
    "embeddings": ("text-embedding-3-small", 3, 0),
    "messages": ("claude-9", 13, 7),
    "messages stream": ("claude-9", 11, 7),
    "count_tokens": ("claude-9", None, None),
    "generate_content": ("gemini-2.5-flash", 11, 7),
    "generate_content stream": ("gemini-2.5-flash", 11, 7),
    "countTokens": ("gemini-2.5-flash", None, None),
}


@pytest.mark.parametrize("name", CALLS)
def test_sdk_gets_the_same_with_and_without(name: str, make: Make, provider: Provider) -> None:
    """Every object, event by event."""
    call = CALLS[name]
    provider.play(call.answer, call.injected or call.answer)

    without = call.make(make(call.sdk, direct=True))
    through = call.make(make(call.sdk))

    assert without == through
    first, second = provider.asked
    assert first.target == second.target
    assert (first.body == second.body) is (call.injected is None)


@pytest.mark.parametrize("name", LOGGED)
def test_call_is_in_the_log(name: str, make: Make, provider: Provider, gateway: Gateway) -> None:
    """With the usage that the provider told."""
    call = CALLS[name]
    provider.play(call.injected or call.answer)

    call.make(make(call.sdk, session=name))

    (row,) = gateway.wait_rows(1, session=name)
    usage = row["usage"] or {"input_total": None, "output_total": None}
    assert (*LOGGED[name], "ok", 200) == (
        *(row["model_requested"], usage["input_total"], usage["output_total"]),
        *(row["outcome"], row["status"]),
    )


def test_helper_streams_end_in_the_whole_text(make: Make, provider: Provider) -> None:
    """The scripted answers are what they should be: all four texts arrive."""
    provider.play(answers.CHAT_STREAM_USAGE, answers.RESPONSE_STREAM, answers.MESSAGE_STREAM, answers.GENERATED_STREAM)

    chat = CALLS["chat stream"].make(make("openai"))
    assert answers.WHOLE == "".join(chunk["choices"][0]["delta"]["content"] or "" for chunk in chat)
    assert answers.WHOLE == CALLS["responses stream"].make(make("openai"))[-1]["output"][0]["content"][0]["text"]
    assert answers.WHOLE == CALLS["messages stream"].make(make("anthropic"))[-1]["content"][0]["text"]
    generated = CALLS["generate_content stream"].make(make("gemini"))
    assert answers.WHOLE == "".join(part["candidates"][0]["content"]["parts"][0]["text"] for part in generated)


@pytest.mark.parametrize("sdk", ["openai", "anthropic", "gemini"])
def test_models_are_listed_by_the_gateway(sdk: str, make: Make, provider: Provider) -> None:
    """Those that the key may use, page by page as the SDK asks, and one by its name."""
    client = make(sdk, key=LIMITED_KEY)

    names = [model.name if sdk == "gemini" else model.id for model in client.models.list()]
    one: Any = client.models.get(model=ALLOWED[2]) if sdk == "gemini" else client.models.retrieve(ALLOWED[0])

    assert [f"models/{ALLOWED[0]}", f"models/{ALLOWED[1]}", f"models/{ALLOWED[2]}"] == (
        names if sdk == "gemini" else [f"models/{name}" for name in names]
    )
    assert (f"models/{ALLOWED[2]}" if sdk == "gemini" else ALLOWED[0]) == (one.name if sdk == "gemini" else one.id)
    assert [] == provider.asked


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
async def test_asynchronous_client_of_google(make: Make, provider: Provider) -> None:
    """It speaks through another HTTP library than the others."""
    provider.play(answers.GENERATED_STREAM)
    client = make("gemini").aio
    try:
        events = await client.models.generate_content_stream(model="gemini-2.5-flash", contents="hi")
        texts = [event.text async for event in events]
    finally:
        await client.aclose()

    assert answers.TEXT == texts
