"""The official SDKs, each pointed at the scripted provider itself and at the gateway before it."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest
from google import genai

from tests.gateway import KEY, PROVIDER_KEY, Gateway, standing_before, team_file
from tests.provider import Provider, providing

LIMITED_KEY = "tw-limited-key"
ALLOWED = ("gpt-4o-mini", "claude-9", "gemini-2.5-flash")
MAX_BODY_BYTES = 64 << 10

_TEAMS = {
    "search": team_file(),
    "limited": team_file([LIMITED_KEY], f"[models]\nallow = {list(ALLOWED)}"),
}

Make = Callable[..., Any]

# Providers that nothing listens for, one of each dialect.
_DEAD = """
[providers.dead-{dialect}]
dialect = "{dialect}"
base_url = "http://127.0.0.1:{port}{base_path}"
api_keys = ["file:openai.key"]
"""
DEAD = {"openai": "/v1", "anthropic": "", "gemini": ""}


@pytest.fixture(scope="package")
def provider() -> Iterator[Provider]:
    """The provider of this package's tests."""
    with providing() as provider:
        yield provider


@pytest.fixture(scope="package")
def gateway(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The gateway before it."""
    folder = tmp_path_factory.mktemp("gateway")
    with socket.socket() as deaf:  # bound, so that nobody else takes the port, and not listening
        deaf.bind(("127.0.0.1", 0))
        port = deaf.getsockname()[1]
        more = "".join(_DEAD.format(dialect=dialect, port=port, base_path=path) for dialect, path in DEAD.items())
        with standing_before(provider, folder, server='max_request_body = "64 KiB"', more=more, teams=_TEAMS) as run:
            yield run


@pytest.fixture(autouse=True)
def _fresh(provider: Provider) -> None:
    provider.forget()


@pytest.fixture
def make(provider: Provider, gateway: Gateway) -> Iterator[Make]:
    """Make an SDK's client: `make("openai")` at the gateway, with `direct=True` at the provider. No SDK retries."""
    with contextlib.ExitStack() as stack:

        def make(
            sdk: str, *, direct: bool = False, key: str = KEY, retries: int = 0, url: str = "", session: str = "none"
        ) -> Any:
            base = url or (provider.url if direct else gateway.url)
            key = PROVIDER_KEY if direct else key
            headers = {"x-tollway-session": session}
            if sdk == "gemini":
                options = {"base_url": base, "timeout": 20_000, "headers": headers}
                return stack.enter_context(genai.Client(api_key=key, http_options=options))
            kind = openai.OpenAI if sdk == "openai" else anthropic.Anthropic
            base += "/v1" if sdk == "openai" else ""
            return stack.enter_context(
                kind(base_url=base, api_key=key, max_retries=retries, timeout=20, default_headers=headers)
            )

        yield make
