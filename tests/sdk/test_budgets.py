"""Budgets and limits of a real gateway, as the real SDKs meet them: what they raise, after how many requests."""

import contextlib
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors as gemini

from tests.gateway import Gateway, standing_before, team_file
from tests.provider import Answer, Provider, Step
from tests.sdk import answers
from tests.sdk.calls import CALLS, USUAL
from tests.sdk.calls import STREAMS as ALL_STREAMS
from tests.sdk.conftest import Make

# What the SDKs do unless told otherwise; Google's sends nothing again.
RETRIES = {"openai": openai.DEFAULT_MAX_RETRIES, "anthropic": anthropic.DEFAULT_MAX_RETRIES, "gemini": 0}
STREAMS = tuple(name for name in ALL_STREAMS if name != "chat stream with usage")  # is the same to us
# A dollar for a token: what an answer costs is what it says of its usage.
PRICES = '{ "*" = { input = "1000000", output = "1000000" } }'
ASKED: list[Any] = [{"role": "user", "content": "Say hello."}]
# On a machine that is so busy that the ledger's answer takes more than 50 ms a request is sent away for a moment (503).
BUSY = (openai.InternalServerError, anthropic.InternalServerError, gemini.ServerError)
TRIES = 10
# Each test has a session, and each session balances of its own, so that tests do not meet each other.
TEAMS = {
    "spent": '[[budgets]]\nname = "loop"\nlimit_usd = "10"\nwindow = "total"\nper = ["session"]',
    "listed": '[[budgets]]\nlimit_usd = "10"\nwindow = "day"\n[models]\nallow = ["nothing-else"]',
    "paced": '[[limits]]\nname = "pace"\nrequests_per_minute = 40\nburst = "1500 ms"\nper = ["session"]',
    "strict": '[[budgets]]\nname = "hard"\nlimit_usd = "1000000"\nwindow = "day"\nmode = "strict"',
    "stopping": '[[budgets]]\nlimit_usd = "3000"\nwindow = "total"\nmidstream = "stop"\nper = ["session"]',
    "roomy": '[[budgets]]\nlimit_usd = "100000"\nwindow = "day"\nper = ["session"]\n'
    '[[limits]]\nrequests_per_minute = 1000\nper = ["session"]',
}
# Requests of which nobody can say what they cost at most, and what would help.
UNBOUNDED: dict[str, tuple[Any, str]] = {
    "chat": (lambda client: client.chat.completions.create(model="brand-new", messages=ASKED), "max_output_tokens"),
    "responses": (
        lambda client: client.responses.create(model="gpt-4o-mini", input="Hi", tools=[{"type": "web_search"}]),
        "max_tool_calls",
    ),
    "messages": (
        lambda client: client.messages.create(
            model="claude-9",
            max_tokens=64,
            messages=ASKED,
            tools=[{"type": "web_search_20250305", "name": "web_search"}],
        ),
        "max_uses",
    ),
    "generate_content": (
        lambda client: client.models.generate_content(
            model="gemini-2.5-flash", contents="Hi", config={"tools": [{"google_search": {}}]}
        ),
        "strict_ceiling_usd",
    ),
}
# Calls whose answer shows its headers, too.
RAW: dict[str, Any] = {
    "chat": lambda client: client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=ASKED),
    "responses": lambda client: client.responses.with_raw_response.create(model="gpt-4o-mini", input="Hi"),
    "messages": lambda client: client.messages.with_raw_response.create(
        model="claude-9", max_tokens=64, messages=ASKED
    ),
    "generate_content": lambda client: (
        client.models.generate_content(model="gemini-2.5-flash", contents="Hi").sdk_http_response
    ),
}


def key_of(team: str) -> str:
    """Return the key of a team."""
    return f"tw-{team}-key"


@pytest.fixture(scope="module")
def gateway(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with these teams, instead of the package's."""
    folder: Path = tmp_path_factory.mktemp("budgets")
    teams = {team: team_file([key_of(team)], more) for team, more in TEAMS.items()}
    with standing_before(provider, folder, teams=teams, prices=PRICES) as run:
        yield run


def rows_of(gateway: Gateway, session: str) -> list[dict[str, Any]]:
    """Return everything that reached the gateway in a session, in its order.

    One worker's exchanges come into the log in the order in which they ended: behind the last there is nothing more.
    """
    gateway.row(gateway.post("/nowhere", {}, key=key_of("roomy")).id)
    rows = [row for row in gateway.rows(session=session) if row["outcome"] != "overloaded"]
    return sorted(rows, key=lambda row: str(row["started_at"]))


def insist(call: Any, client: Any) -> Any:
    """Make a call, again where the machine is too busy for it."""
    for _ in range(TRIES):
        with contextlib.suppress(*BUSY):
            return call(client)
    return call(client)


def raised(sdk: str, status: int, client: Any, call: Any) -> Any:
    """Make a call that is refused, and return the exception that the SDK documents for it."""
    kinds: dict[str, dict[int, type[Exception]]] = {
        "openai": {400: openai.BadRequestError, 403: openai.PermissionDeniedError, 429: openai.RateLimitError},
        "anthropic": {
            400: anthropic.BadRequestError,
            403: anthropic.PermissionDeniedError,
            429: anthropic.RateLimitError,
        },
        "gemini": dict.fromkeys((400, 403, 429), gemini.ClientError),
    }
    with pytest.raises(kinds[sdk][status]) as caught:
        insist(call, client)
    error: Any = caught.value
    assert status == (error.code if sdk == "gemini" else error.status_code)
    return error


@pytest.mark.parametrize("name", USUAL + STREAMS)
def test_a_spent_budget_raises_after_one_request(name: str, make: Make, provider: Provider, gateway: Gateway) -> None:
    """What the session had is gone with its first answer; with the SDK's own retries the next call is one request."""
    call = CALLS[name]
    session = f"spent {name}"
    client = make(call.sdk, key=key_of("spent"), retries=RETRIES[call.sdk], session=session)
    provider.play(call.injected or call.answer)
    insist(call.make, client)

    error = raised(call.sdk, 429, client, call.make)

    assert "of $10.00 used in total" in str(error)
    assert f"session '{session}' (budget spent/loop)" in str(error)
    assert ["ok", "budget_blocked"] == [row["outcome"] for row in rows_of(gateway, session)]
    assert 1 == len(provider.asked)
    if call.sdk == "openai":
        assert ("budget_exceeded", "insufficient_quota") == (error.code, error.type)
    elif call.sdk == "anthropic":
        assert "billing_error" == error.type
    else:
        assert "BUDGET_EXCEEDED" == error.details["error"]["details"][0]["reason"]


@pytest.mark.parametrize("name", USUAL + STREAMS)
def test_a_forbidden_model_raises_after_one_request(
    name: str, make: Make, provider: Provider, gateway: Gateway
) -> None:
    """And the provider hears nothing."""
    call = CALLS[name]
    session = f"forbidden {name}"
    client = make(call.sdk, key=key_of("listed"), retries=RETRIES[call.sdk], session=session)

    error = raised(call.sdk, 403, client, call.make)

    assert "may not use the model" in str(error)
    assert ["policy_blocked"] == [row["outcome"] for row in rows_of(gateway, session)]
    assert [] == provider.asked


@pytest.mark.parametrize("name", UNBOUNDED)
def test_what_has_no_bound_raises_with_advice_after_one_request(
    name: str, make: Make, provider: Provider, gateway: Gateway
) -> None:
    """A strict budget must know what a request costs at most; the message says what would let it through."""
    call, advice = UNBOUNDED[name]
    sdk = CALLS[name].sdk
    session = f"unbounded {name}"
    client = make(sdk, key=key_of("strict"), retries=RETRIES[sdk], session=session)

    error = raised(sdk, 400, client, call)

    assert advice in str(error)
    assert "strict/hard" in str(error)
    assert ["budget_blocked"] == [row["outcome"] for row in rows_of(gateway, session)]
    assert [] == provider.asked


@pytest.mark.parametrize("name", USUAL + STREAMS)
def test_a_limit_raises_after_one_request_where_nobody_waits(
    name: str, make: Make, provider: Provider, gateway: Gateway
) -> None:
    """With `max_retries=0`: the same exception as the provider's own limit, and when to come again."""
    call = CALLS[name]
    session = f"hasty {name}"
    client = make(call.sdk, key=key_of("paced"), session=session)
    provider.play(call.injected or call.answer)
    insist(call.make, client)

    error = raised(call.sdk, 429, client, call.make)

    assert re.search(r"Rate limit reached for paced/pace.*: 40 requests per minute. Please try again in \d", str(error))
    assert ["ok", "rate_limited"] == [row["outcome"] for row in rows_of(gateway, session)]
    assert 1 == len(provider.asked)
    if call.sdk != "gemini":
        assert 0 < int(error.response.headers["retry-after-ms"]) <= 1_800


def patient(gateway: Gateway, sdk: str, session: str, make: Make) -> Any:
    """Make a client with the SDK's own retries; Google's has them where it is told to."""
    if sdk != "gemini":
        return make(sdk, key=key_of("paced"), retries=RETRIES[sdk], session=session)
    options: Any = {
        "base_url": gateway.url,
        "timeout": 20_000,
        "headers": {"x-tollway-session": session},
        # It does not look at what it is told, and waits longer each time.
        "retry_options": {"attempts": 5, "initial_delay": 1.0, "http_status_codes": [429]},
    }
    return genai.Client(api_key=key_of("paced"), http_options=options)


@pytest.mark.parametrize("name", USUAL)
def test_an_sdk_waits_for_a_limit_and_succeeds(name: str, make: Make, provider: Provider, gateway: Gateway) -> None:
    """With the retries that it has anyway. Those that wait as they are told come back once."""
    call = CALLS[name]
    session = f"patient {name}"
    client = patient(gateway, call.sdk, session, make)
    provider.play(call.answer, call.answer)

    call.make(client)
    call.make(client)

    outcomes = [row["outcome"] for row in rows_of(gateway, session)]
    assert "ok" == outcomes[-1]
    assert ["rate_limited"] * (len(outcomes) - 2) == outcomes[1:-1]
    assert 2 == len(provider.asked)
    if call.sdk == "gemini":
        client.close()
        assert len(outcomes) > 2
    else:
        assert 3 == len(outcomes)


def long(whole: Answer) -> Answer:
    """Make a stream long: the second of its deltas comes two hundred times, with forty words in each."""
    pieces = [step for step in whole.body if isinstance(step, bytes)]
    at = next(at for at, piece in enumerate(pieces) if b'"lo, "' in piece)
    said = pieces[at].replace(b'"lo, "', b'"' + b"word " * 40 + b'"')
    many: list[Step] = [said, 0.002] * 200
    return Answer(headers=whole.headers, framing="chunked", body=(*pieces[:at], *many, *pieces[at + 1 :]))


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_is_stopped_raises(name: str, make: Make, provider: Provider, gateway: Gateway) -> None:
    """What the SDK has for an error in a stream; it does not ask again."""
    call = CALLS[name]
    session = f"stopped {name}"
    client = make(call.sdk, key=key_of("stopping"), retries=RETRIES[call.sdk], session=session)
    provider.play(long(call.injected or call.answer))

    with pytest.raises((openai.APIError, anthropic.APIStatusError, gemini.ClientError)) as caught:
        insist(call.make, client)

    error: Any = caught.value
    assert "of $3000.00 used in total" in str(error)
    if call.sdk == "openai":
        assert openai.APIError is type(error)
        assert ("budget_exceeded", "insufficient_quota") == (error.code, error.type)
    elif call.sdk == "anthropic":
        assert "billing_error" == error.type
    else:
        assert 429 == error.code
    (row,) = rows_of(gateway, session)
    assert ("budget_blocked", 200) == (row["outcome"], row["status"])
    assert 1 == len(provider.asked)


@pytest.mark.parametrize("name", RAW)
def test_what_is_left_can_be_read_from_an_answer(name: str, make: Make, provider: Provider) -> None:
    """To the nano-dollar, until when, and how the limit stands: with the means of each SDK."""
    call = CALLS[name]
    client = make(call.sdk, key=key_of("roomy"), session=f"left {name}")
    provider.play(call.answer)

    headers = dict(insist(RAW[name], client).headers)

    # Its cost, or what was held for it, is off: a token for four bytes, and at most a thousand.
    whole, nano = headers["x-tollway-budget-left-usd"].split(".")
    assert 98_000 < int(whole) < 100_000
    assert re.fullmatch(r"\d{9}", nano)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00Z", headers["x-tollway-budget-reset"])
    assert ("1000", "999") == (
        headers["x-tollway-limit-requests"],
        headers["x-tollway-limit-remaining-requests"],
    )


def test_what_is_left_can_be_read_before_a_stream(make: Make, provider: Provider) -> None:
    """What is held for it counts as spent until it has ended."""
    openai_client = make("openai", key=key_of("roomy"), retries=5, session="left chat stream")
    anthropic_client = make("anthropic", key=key_of("roomy"), retries=5, session="left messages stream")
    provider.play(answers.CHAT_STREAM_USAGE, answers.MESSAGE_STREAM)

    with openai_client.chat.completions.create(model="gpt-4o-mini", messages=ASKED, stream=True) as chunks:
        left_openai = chunks.response.headers["x-tollway-budget-left-usd"]
        list(chunks)
    with anthropic_client.messages.create(model="claude-9", max_tokens=64, messages=ASKED, stream=True) as events:
        left_anthropic = events.response.headers["x-tollway-budget-left-usd"]
        list(events)

    assert 0 < Decimal(left_openai) < 100_000
    assert 0 < Decimal(left_anthropic) < 100_000
