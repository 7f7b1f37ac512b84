"""Budgets on the way to a provider: what is let through, what is refused and how, what is charged."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway import Gateway, standing_before, team_file
from tests.provider import Answer, Provider, answer, providing

# One dollar for a token, in USD per million: costs are easy to tell.
PRICES = '{ "*" = { input = "1000000", output = "1000000" } }'


def budgets(*tables: str) -> dict[str, str]:
    """Write a team with budgets."""
    return {"search": team_file(more="\n".join(f"[[budgets]]\n{table}" for table in tables))}


def said(text_in: int, text_out: int) -> Answer:
    """Answer a chat that used so many tokens."""
    usage = {"prompt_tokens": text_in, "completion_tokens": text_out, "total_tokens": text_in + text_out}
    body = {"id": "c", "object": "chat.completion", "model": "m", "choices": [], "usage": usage}
    return answer(json.dumps(body).encode())


def chat(run: Gateway, **fields: Any) -> Any:
    """Ask a chat question."""
    return run.post("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields})


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """Plays every provider."""
    with providing() as provider:
        yield provider


@pytest.fixture(autouse=True)
def _fresh(provider: Provider) -> None:
    provider.forget()


def test_money_that_is_gone_is_refused_before_the_provider_hears(provider: Provider, tmp_path: Path) -> None:
    """The first request spends everything; the second reaches nobody, and says what to do."""
    teams = budgets('name = "daily"\nlimit_usd = "10"\nwindow = "day"')
    with standing_before(provider, tmp_path, teams=teams, prices=PRICES) as run:
        provider.play(said(5, 5))
        first = chat(run)
        before = len(provider.asked)
        second = chat(run)

        print(first, second)
        print(run.said())
        assert 200 == first.status
        assert 429 == second.status
        assert before == len(provider.asked)
