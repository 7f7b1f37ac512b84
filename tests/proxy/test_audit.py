"""The books of a really running gateway agree, whatever went through it: `tollway audit` finds no difference."""

import contextlib
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests import exchanges
from tests.cli.commands import run as command
from tests.faults.harness import DONE, processes, question, replaced
from tests.gateway import ALL_PROVIDERS, KEY, LIMIT_S, Gateway, standing_before, team_file
from tests.provider import Answer, Gate, Provider, providing, stream, until
from tests.proxy.test_exchanges import Case, ask, everything, gzipped, relay, streams, under_provider, with_answers

HUNG = 12
UNLOGGED_KEY = "tw-unlogged"
SHORT_KEY = "tw-short"
TEAMS = {
    "search": team_file(),
    "quiet": team_file([UNLOGGED_KEY], '[logging]\nbodies = "none"\n'),
    "short": team_file([SHORT_KEY], '[logging]\nmax_body = "100 B"\n'),
}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """The one that plays all recorded providers."""
    with providing() as provider:
        yield provider


@pytest.fixture(scope="module")
def gateway(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The gateway before it. Usage is asked for on every stream, and most of it is metered and taken out again."""
    folder = tmp_path_factory.mktemp("gateway")
    names = list(ALL_PROVIDERS)
    with standing_before(provider, folder, names, teams=TEAMS, stream_usage='"inject"') as run:
        yield run


def audited(gateway: Gateway) -> dict[str, Any]:
    """Audit what is in the log by now, check that nothing differs, and return the summary."""
    shown = command(gateway.folder, "audit", "--json")
    *differences, summary = shown.lines

    assert [] == differences, "\n".join(map(str, differences))
    assert (0, 0) == (shown.code, summary["differences"])
    return dict(summary)


def counted(gateway: Gateway, **filters: Any) -> Counter[Any]:
    """Count the rows by outcome and where their usage is from."""
    return Counter((row["outcome"], row["usage_source"]) for row in gateway.rows(**filters))


def send(cases: list[Case], gateway: Gateway, provider: Provider, run: str) -> None:
    """Ask for each, whatever the answer is worth."""
    provider.forget()
    provider.otherwise = lambda asked: cases[int(asked.values("X-Case")[0])].answer
    for case in cases:
        with gateway.client() as client, contextlib.suppress(ConnectionError, AssertionError):
            ask(client, case, run)
    gateway.wait_rows(len(cases), session=run)


def cut(answer: Answer, number: int) -> Answer:
    """End an answer somewhere, in one of the ways in which connections end."""
    chance = random.Random(number)
    size = sum(len(step) for step in answer.body if isinstance(step, bytes))
    return replace(
        answer,
        stop_at=chance.randrange(size + 1),
        stop_by=chance.choice(("close", "reset")),
        framing=chance.choice((answer.framing, "eof")),
    )


def test_every_recorded_exchange_audits_clean(gateway: Gateway, provider: Provider) -> None:
    """Every provider's usage, price and body that was ever recorded, plain and compressed, is booked as it says."""
    relay(everything(under_provider), gateway, provider, "whole")
    relay(with_answers(everything(under_provider), gzipped), gateway, provider, "compressed")
    summary = audited(gateway)

    assert 2 * len(exchanges.load()) == summary["rows"]
    assert summary["checked"]["bodies"] > 1_500
    assert summary["checked"]["usage objects"] > 1_500
    assert summary["checked"]["prices"] > 1_400
    assert {} == summary["skipped"]


def test_cut_answers_audit_clean(gateway: Gateway, provider: Provider) -> None:
    """What broke off anywhere is estimated, or told in part: the same is worked out again from what was kept."""
    cases = with_answers(streams(), cut)
    send(cases, gateway, provider, "cut")
    send(with_answers(with_answers(streams(), gzipped), cut), gateway, provider, "cut-compressed")
    audited(gateway)

    found = counted(gateway, session="cut*")
    assert {("upstream_error", "estimated"), ("upstream_error", "partial")} <= found.keys()


def test_left_answers_audit_clean(gateway: Gateway, provider: Provider) -> None:
    """So is what a client left, in the middle or within an event."""
    cases = streams()
    gates = [Gate() for _ in cases]
    for case, gate in zip(cases, gates, strict=True):
        (whole,) = case.answer.body
        assert isinstance(whole, bytes)
        at = random.Random(case.number).randrange(1, len(whole))
        case.answer = stream(whole[:at], gate, whole[at:])
    provider.forget()
    provider.otherwise = lambda asked: cases[int(asked.values("X-Case")[0])].answer
    for case, gate in zip(cases, gates, strict=True):
        with gateway.client() as client:
            client.send("POST", case.target, case.client_headers("left"), case.body)
            assert 200 == client.head()[0]
            gate.reached()
    gateway.wait_rows(len(cases), session="left")
    audited(gateway)

    assert {("cancelled", "estimated"), ("cancelled", "partial")} <= counted(gateway, session="left").keys()


def test_what_came_behind_the_end_audits_clean(gateway: Gateway, provider: Provider) -> None:
    """A record that was amended is judged as it is at last, also where the client left before the true end."""
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n'
    text = b'data: {"model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
    first, gate = Gate(), Gate()
    provider.forget()
    provider.play(stream(text, DONE, first, usage), stream(text, usage, DONE, gate, usage, Gate()))
    headers = [("Authorization", f"Bearer {KEY}"), ("Content-Type", "application/json"), ("X-Tollway-Session", "late")]
    with gateway.client() as client:
        client.send("POST", "/v1/chat/completions", headers, question("n", 1))
        client.head()
        first.reached()
        gateway.wait_rows(1, session="late")
        first.open()
        client.reply_body()
    with gateway.client() as client:
        client.send("POST", "/v1/chat/completions", headers, question("n", 1))
        client.head()
        client.chunks(len(text + usage + DONE))
        gate.open()
        client.chunks(len(usage))
    late = len(text + usage + DONE + usage)
    until(lambda: late in {row["response_bytes"] for row in gateway.rows(session="late")}, "both are amended", LIMIT_S)
    audited(gateway)

    assert {("ok", "provider"): 1, ("ok", "partial"): 1} == counted(gateway, session="late")


def test_exchanges_of_a_killed_worker_audit_clean(gateway: Gateway, provider: Provider) -> None:
    """What a worker had not finished is booked from its remains; the audit works out the same from them."""
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n'
    text = b'data: {"model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":"Hello"}}]}\n\n'
    plays = [[text, *([usage] if number % 2 else []), text * (1 + number * 150)] for number in range(HUNG)]
    provider.forget()
    provider.play(*(stream(*play, Gate()) for play in plays))
    pid = processes(gateway)["worker 0"]
    with contextlib.ExitStack() as stack:
        for number, play in enumerate(plays):
            client = stack.enter_context(gateway.client())
            key = SHORT_KEY if number % 3 == 2 else KEY
            headers = [("Authorization", f"Bearer {key}"), ("X-Tollway-Session", "killed")]
            client.send("POST", "/v1/chat/completions", headers, question("n" * 3_000 * (number % 2), 1))
            client.head()
            client.chunks(sum(map(len, play)))  # what fills a part of 64 KiB is in the journal before it comes here
        os.kill(pid, signal.SIGKILL)
    replaced(gateway, "worker 0", pid)
    gateway.wait_rows(HUNG, session="killed")
    audited(gateway)

    assert {("gateway_error", "estimated"), ("gateway_error", "partial")} == counted(gateway, session="killed").keys()


def test_what_cannot_be_judged_is_counted_by_reason(gateway: Gateway, provider: Provider) -> None:
    """Without bodies, or with cut ones, cost and usage are still proven, and the rest is not silently passed."""
    provider.forget()
    provider.otherwise = lambda asked: Answer(
        body=(b'{"usage":{"prompt_tokens":3,"completion_tokens":4}}' + b" " * 99,)
    )
    for key in (UNLOGGED_KEY, SHORT_KEY):
        for model in ("gpt-4o-mini", "no-such-model"):
            assert 200 == gateway.post("/v1/chat/completions", {"model": model}, key=key).status
    gateway.wait_rows(2, team="quiet")
    gateway.wait_rows(2, team="short")

    quiet = command(gateway.folder, "audit", "--json", "--team", "quiet").lines[-1]
    assert (2, 0) == (quiet["rows"], quiet["differences"])
    assert {"bodies: the answer was not kept": 2} == quiet["skipped"]
    assert 2 == quiet["checked"]["costs"]
    assert audited(gateway)["skipped"]["bodies: the answer was cut by max_body"] >= 2
