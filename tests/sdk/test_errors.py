"""What goes wrong raises in every SDK the exception that it knows for it, once, and nobody retries in vain."""

import json
import re
from typing import Any

import anthropic
import openai
import pytest
from google.genai import errors as gemini

from tests.gateway import Gateway, until
from tests.provider import Answer, Provider
from tests.sdk.calls import CALLS, STREAMS, USUAL
from tests.sdk.conftest import LIMITED_KEY, MAX_BODY_BYTES, Make

RETRIES = 2
# The error bodies of the providers, as they write them.
UPSTREAM = {
    "openai": b'{\n  "error": {\n    "message": "Rate limit \xc3\xbc",\n "type": "requests", "code": null}}\n',
    "anthropic": b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_9"}',
    "gemini": b'{"error": {"code": 429,\n  "message": "Quota", "status": "RESOURCE_EXHAUSTED"}}\n',
}
RAISED: dict[int, dict[str, type[Exception]]] = {
    401: {"openai": openai.AuthenticationError, "anthropic": anthropic.AuthenticationError},
    403: {"openai": openai.PermissionDeniedError, "anthropic": anthropic.PermissionDeniedError},
    413: {"openai": openai.APIStatusError, "anthropic": anthropic.RequestTooLargeError},
    429: {"openai": openai.RateLimitError, "anthropic": anthropic.RateLimitError},
    500: {"openai": openai.InternalServerError, "anthropic": anthropic.InternalServerError},
    502: {"openai": openai.InternalServerError, "anthropic": anthropic.InternalServerError},
    529: {"openai": openai.InternalServerError, "anthropic": anthropic.OverloadedError},
}


def raised(name: str, status: int, client: Any) -> Any:
    """Make a call that is refused with this status, and return what the SDK raised."""
    call = CALLS[name]
    kind = RAISED[status].get(call.sdk) or (gemini.ClientError if status < 500 else gemini.ServerError)
    with pytest.raises(kind) as caught:
        call.make(client)
    error: Any = caught.value
    assert status == (error.code if call.sdk == "gemini" else error.status_code)
    return error


def told(name: str, error: Any) -> str:
    """Return the message that an exception carries from the body."""
    body = error.details if CALLS[name].sdk == "gemini" else error.body
    return str((body.get("error") or body)["message"])


def rejections(gateway: Gateway) -> int:
    """Read how many callers without a valid key were turned away."""
    found = re.search(r'tollway_rejections_total\{reason="auth"\} (\d+)', gateway.metrics())
    return int(found[1]) if found else 0


@pytest.mark.parametrize("name", USUAL + STREAMS)
def test_unknown_key(name: str, make: Make, provider: Provider, gateway: Gateway) -> None:
    """AuthenticationError after exactly one request, and the provider hears nothing."""
    before = rejections(gateway)

    error = raised(name, 401, make(CALLS[name].sdk, key="tw-unknown", retries=RETRIES))

    assert "tollway key new" in told(name, error)
    until(lambda: rejections(gateway) > before, "the rejection is counted")
    assert before + 1 == rejections(gateway)
    assert [] == provider.asked


@pytest.mark.parametrize("name", ["embeddings", "embed_content"])
def test_model_that_the_key_may_not_use(name: str, make: Make, provider: Provider, gateway: Gateway) -> None:
    """PermissionDenied after one request, which is in the log; the provider hears nothing."""
    client = make(CALLS[name].sdk, key=LIMITED_KEY, retries=RETRIES, session=f"refused {name}")

    error = raised(name, 403, client)

    assert "may not use the model" in told(name, error)
    (row,) = gateway.wait_rows(1, session=f"refused {name}")
    assert ("policy_blocked", 403, "limited", 0) == tuple(
        row[field] for field in ("outcome", "status", "team", "cost_nano_usd")
    )
    assert [] == provider.asked


@pytest.mark.parametrize("sdk", ["openai", "anthropic", "gemini"])
def test_body_that_is_too_large(sdk: str, make: Make, provider: Provider) -> None:
    """413 in the dialect's own shape, with what to do about it."""
    client = make(sdk, retries=RETRIES)
    long = "x" * (MAX_BODY_BYTES * 3)
    kind = RAISED[413].get(sdk, gemini.ClientError)

    with pytest.raises(kind) as caught:
        if sdk == "openai":
            client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": long}])
        elif sdk == "anthropic":
            client.messages.create(model="claude-9", max_tokens=9, messages=[{"role": "user", "content": long}])
        else:
            client.models.generate_content(model="gemini-2.5-flash", contents=long)

    error: Any = caught.value
    body = error.details if sdk == "gemini" else error.response.json()
    assert 413 == (error.code if sdk == "gemini" else error.status_code)
    assert "max_request_body" in body["error"]["message"]
    expected = {"openai": ("code", "request_too_large"), "anthropic": ("type", "request_too_large")}
    field, value = expected.get(sdk, ("status", "INVALID_ARGUMENT"))
    assert value == body["error"][field]
    assert [] == provider.asked


@pytest.mark.parametrize("name", USUAL + STREAMS)
@pytest.mark.parametrize("status", [429, 500, 529])
def test_errors_of_the_provider_are_its_own(name: str, status: int, make: Make, provider: Provider) -> None:
    """Same exception, same bytes, same headers that tell when to retry, as without the gateway."""
    sdk = CALLS[name].sdk
    told = Answer(
        status=status,
        headers=[("Content-Type", "application/json"), ("Retry-After", "7"), ("x-request-id", "req_9")],
        body=(UPSTREAM[sdk],),
    )
    provider.play(told, told)

    without = raised(name, status, make(sdk, direct=True))
    through = raised(name, status, make(sdk))

    if sdk == "gemini":
        assert without.details == through.details == json.loads(UPSTREAM[sdk])
    else:
        assert UPSTREAM[sdk] == through.response.content == without.response.content
        assert ("7", "req_9") == (through.response.headers["retry-after"], through.response.headers["x-request-id"])
        assert without.body == through.body


@pytest.mark.parametrize("name", USUAL + STREAMS)
def test_provider_that_nobody_listens_for(name: str, make: Make, gateway: Gateway) -> None:
    """502, which the SDKs know as the server's fault; the text names the provider."""
    sdk = CALLS[name].sdk
    client = make(sdk, url=f"{gateway.url}/dead-{sdk}", session=f"dead {name}")

    error = raised(name, 502, client)

    assert f"dead-{sdk}" in told(name, error)
    (row,) = gateway.wait_rows(1, session=f"dead {name}")
    assert ("upstream_error", ["connect"], 0) == (
        row["outcome"],
        [attempt["result"] for attempt in row["attempts"]],
        row["cost_nano_usd"],
    )


HANGS_UP = Answer(raw=b"", closes=True)


@pytest.mark.parametrize("name", USUAL + STREAMS)
def test_kept_connection_that_dies_under_a_request(name: str, make: Make, provider: Provider, gateway: Gateway) -> None:
    """The provider closes it just when it is used again: the SDK does not notice, the log shows two attempts."""
    call = CALLS[name]
    good = call.injected or call.answer
    provider.play(good, HANGS_UP, good)
    client = make(call.sdk, session=f"kept {name}")

    first = call.make(client)
    second = call.make(client)

    assert first == second
    one, closed, again = provider.asked
    assert (one.connection, closed.body) == (closed.connection, again.body)
    assert again.connection != closed.connection
    rows = gateway.wait_rows(2, session=f"kept {name}")
    assert [["protocol", "ok"], ["ok"]] == [[attempt["result"] for attempt in row["attempts"]] for row in rows]
    assert ["ok", "ok"] == [row["outcome"] for row in rows]


@pytest.mark.parametrize("name", USUAL)
def test_second_connection_that_dies_is_told(name: str, make: Make, provider: Provider) -> None:
    """Once is chance; then the SDK hears of it, and is not told to try again: the request may have had an effect."""
    call = CALLS[name]
    provider.play(call.answer, HANGS_UP, HANGS_UP)
    client = make(call.sdk, retries=RETRIES)
    call.make(client)

    error = raised(name, 502, client)

    assert "closed the connection" in told(name, error)
    assert 3 == len(provider.asked)


@pytest.mark.parametrize("name", USUAL)
def test_new_connection_that_dies_is_told(name: str, make: Make, provider: Provider) -> None:
    """That is no race with a connection's old age: the request was read, and is not sent again."""
    provider.close_connections()
    provider.play(HANGS_UP)

    raised(name, 502, make(CALLS[name].sdk, retries=RETRIES))

    assert 1 == len(provider.asked)


@pytest.mark.parametrize("name", USUAL)
def test_connection_that_the_provider_closed_while_idle(name: str, make: Make, provider: Provider) -> None:
    """Providers close what is idle; the next request takes another."""
    call = CALLS[name]
    provider.play(call.answer, call.answer)
    client = make(call.sdk)

    first = call.make(client)
    provider.close_connections()

    assert first == call.make(client)
    assert 2 == len(provider.asked)
