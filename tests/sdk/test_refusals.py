"""What is said where a budget or a limit is in the way, as the SDKs understand it: their own exceptions, once."""

from typing import Any

import anthropic
import openai
import pytest
from google.genai import errors as gemini

from gateway.core.errors import Advice, Refusal, Standing
from gateway.exchange.replies import render
from tests.provider import Answer, Provider
from tests.sdk.calls import CALLS, STREAMS, USUAL
from tests.sdk.conftest import Make

RETRIES = 2
RAISED: dict[int, dict[str, type[Exception]]] = {
    400: {"openai": openai.BadRequestError, "anthropic": anthropic.BadRequestError},
    402: {"openai": openai.APIStatusError, "anthropic": anthropic.PaymentRequiredError},
    403: {"openai": openai.PermissionDeniedError, "anthropic": anthropic.PermissionDeniedError},
    422: {"openai": openai.UnprocessableEntityError, "anthropic": anthropic.UnprocessableEntityError},
    429: {"openai": openai.RateLimitError, "anthropic": anthropic.RateLimitError},
}


def played(refusal: Refusal, sdk: str) -> Answer:
    """Write a refusal as the gateway answers it."""
    block, body = render(refusal, sdk, "id-1")
    lines = [line.decode().split(": ", 1) for line in block.split(b"\r\n") if line]
    return Answer(status=refusal.status, headers=[(name, value) for name, value in lines], body=(body,))


def raised(name: str, status: int, client: Any) -> Any:
    """Make a call that is refused with this status, and return what the SDK raised."""
    call = CALLS[name]
    with pytest.raises(RAISED[status].get(call.sdk, gemini.ClientError)) as caught:
        call.make(client)
    error: Any = caught.value
    assert status == (error.code if call.sdk == "gemini" else error.status_code)
    return error


@pytest.mark.parametrize("name", USUAL + STREAMS)
@pytest.mark.parametrize("status", [429, 402, 403, 422])
def test_a_spent_budget_is_raised_after_one_request(name: str, status: int, make: Make, provider: Provider) -> None:
    """With the status that the operator chose; nobody sends it again, and what is said comes through."""
    sdk = CALLS[name].sdk
    refusal = Refusal("budget_exceeded", "$25.00 of $25.00 used.", advice=Advice(status=status))
    provider.play(*[played(refusal, sdk)] * (RETRIES + 1))

    error = raised(name, status, make(sdk, direct=True, retries=RETRIES))

    assert 1 == len(provider.asked)
    assert "$25.00 of $25.00 used." in str(error)
    if sdk == "openai":
        assert ("budget_exceeded", "insufficient_quota") == (error.code, error.type)
    elif sdk == "anthropic":
        assert "billing_error" == error.type
    else:
        assert "BUDGET_EXCEEDED" == error.details["error"]["details"][0]["reason"]


@pytest.mark.parametrize("name", USUAL)
@pytest.mark.parametrize(
    ("kind", "status"), [("model_not_allowed", 403), ("unbounded_request", 400), ("bound_exceeded", 403)]
)
def test_what_will_never_do_is_raised_after_one_request(
    name: str, kind: str, status: int, make: Make, provider: Provider
) -> None:
    """The caller must change something first."""
    sdk = CALLS[name].sdk
    provider.play(*[played(Refusal(kind, "Do this."), sdk)] * (RETRIES + 1))

    raised(name, status, make(sdk, direct=True, retries=RETRIES))

    assert 1 == len(provider.asked)


def limited() -> Refusal:
    """Refuse for a limit that has room again in a moment."""
    standing = Standing("requests", 600, 0, 1_000, 1_796_083_200)
    message = "Rate limit reached. Please try again in 0.02s."
    return Refusal("rate_limited", message, advice=Advice(retry_after_ms=20, standing=standing))


@pytest.mark.parametrize("name", USUAL)
def test_a_rate_limit_is_raised_where_nobody_waits(name: str, make: Make, provider: Provider) -> None:
    """The same exception as the provider's own limit."""
    sdk = CALLS[name].sdk
    provider.play(played(limited(), sdk))

    error = raised(name, 429, make(sdk, direct=True))

    if sdk == "openai":
        assert ("rate_limit_exceeded", "requests") == (error.code, error.type)
    elif sdk == "anthropic":
        assert "rate_limit_error" == error.type


@pytest.mark.parametrize("name", [name for name in USUAL if CALLS[name].sdk != "gemini"])
def test_an_sdk_waits_as_it_is_told_and_succeeds(name: str, make: Make, provider: Provider) -> None:
    """As these two do on their own; Google's does not wait unless it is configured to."""
    call = CALLS[name]
    provider.play(played(limited(), call.sdk), call.answer)

    call.make(make(call.sdk, direct=True, retries=RETRIES))

    assert 2 == len(provider.asked)
