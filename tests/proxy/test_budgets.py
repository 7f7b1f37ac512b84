"""Budgets on the way to a provider: what is let through, what is refused and how, what is charged."""

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client import Reply
from tests.gateway import KEY, Gateway, standing_before, team_file
from tests.provider import Answer, Gate, Provider, answer, providing, stream

# A dollar for a token, so that costs are easy to tell.
PRICES = '{ "*" = { input = "1000000", output = "1000000" } }'
USD = 10**9
HEAD = '{"id":"c","object":"chat.completion.chunk","model":"m","choices":['
DONE = b"data: [DONE]\n\n"
HEADERS = [("Authorization", f"Bearer {KEY}"), ("Content-Type", "application/json")]
LEFT_S = 0.2
OTHER_KEY = "tw-other-0123456789abcdef0123456789abcdef"


def budgets(*tables: str) -> dict[str, str]:
    """Write a team with budgets."""
    return {"search": team_file(more="\n".join(f"[[budgets]]\n{table}" for table in tables))}


def usage(tokens_in: int, tokens_out: int) -> dict[str, int]:
    """Write the usage of a chat."""
    return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}


def said(tokens_in: int, tokens_out: int) -> Answer:
    """Answer a chat that used so many tokens."""
    used = usage(tokens_in, tokens_out)
    return answer(
        json.dumps({"id": "c", "object": "chat.completion", "model": "m", "choices": [], "usage": used}).encode()
    )


def event(text: str) -> bytes:
    """Write one chunk of a chat stream."""
    choice = json.dumps({"index": 0, "delta": {"content": text}, "finish_reason": None})
    return f"data: {HEAD}{choice}]}}\n\n".encode()


def last(tokens_in: int, tokens_out: int) -> bytes:
    """Write a stream's usage event."""
    return f'data: {HEAD}],"usage":{json.dumps(usage(tokens_in, tokens_out))}}}\n\n'.encode()


def chat(run: Gateway, *headers: tuple[str, str], **fields: Any) -> Reply:
    """Ask a chat question; on a machine that is too busy for the ledger's 50 ms, again, as it is told to."""
    messages = [{"role": "user", "content": "hi"}]
    while True:
        reply = run.post("/v1/chat/completions", {"model": "m", "messages": messages, **fields}, *headers)
        if reply.value("x-tollway-error") != "ledger_down":
            return reply


def charges(row: dict[str, Any]) -> dict[str, int]:
    """Return what each balance was charged."""
    return {hold["series"]: hold["charged"] for hold in row["holds"]}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """Plays every provider."""
    with providing() as provider:
        yield provider


@pytest.fixture(autouse=True)
def _fresh(provider: Provider) -> None:
    provider.forget()


def test_money_that_is_gone_is_refused_before_the_provider_hears(provider: Provider, tmp_path: Path) -> None:
    """The first request spends everything; the second reaches nobody. Both rows say so, and so do the headers."""
    with standing_before(
        provider, tmp_path, teams=budgets('name = "daily"\nlimit_usd = "10"\nwindow = "total"'), prices=PRICES
    ) as run:
        provider.play(said(4, 5))
        first = chat(run)
        provider.play(said(1, 1))
        second = chat(run)
        third = chat(run)

        assert [200, 200, 429] == [first.status, second.status, third.status]
        assert 2 == len(provider.asked)
        assert "1.000000000" == first.value("x-tollway-budget-left-usd")
        assert "budget_exceeded" == third.value("x-tollway-error")
        assert "search/daily" == third.value("x-tollway-budget")
        assert "false" == third.value("x-should-retry")
        assert "insufficient_quota" == json.loads(third.body)["error"]["type"]
        rows = [run.row(reply.id) for reply in (first, second, third)]
        assert [{"search/daily": 9 * USD}, {"search/daily": 2 * USD}, {}] == [charges(row) for row in rows]
        assert ["ok", "ok", "budget_blocked"] == [row["outcome"] for row in rows]


def test_all_budgets_must_have_room_or_none_is_charged(provider: Provider, tmp_path: Path) -> None:
    """The company's, the team's, and one for each session, in dollars and in requests."""
    company = '[[budgets]]\nname = "all"\nlimit_usd = "100"\nwindow = "month"\n'
    session = 'name = "loop"\nlimit_requests = 2\nwindow = "rolling:24h"\nper = ["session"]'
    with standing_before(
        provider,
        tmp_path,
        more=company,
        teams=budgets('name = "daily"\nlimit_usd = "50"\nwindow = "day"', session),
        prices=PRICES,
    ) as run:
        provider.play(said(1, 1), said(1, 1), said(1, 1))
        mine, yours = ("x-tollway-session", "mine"), ("x-tollway-session", "yours")
        replies = [chat(run, mine), chat(run, mine), chat(run, mine), chat(run, yours)]

        assert [200, 200, 429, 200] == [reply.status for reply in replies]
        assert "search/loop" == replies[2].value("x-tollway-budget")
        assert "2 of 2 requests" in json.loads(replies[2].body)["error"]["message"].replace(" requests of ", " of ")
        row = run.row(replies[3].id)
        assert {"company/all": 2 * USD, "search/daily": 2 * USD, "search/loop#requests?session=yours": 1} == charges(
            row
        )


def test_a_strict_budget_holds_the_bound_and_books_it_where_nothing_is_told(provider: Provider, tmp_path: Path) -> None:
    """Ten tokens at most of output, and at most a token for each byte: both are held until the usage is known."""
    with standing_before(
        provider,
        tmp_path,
        teams=budgets('name = "hard"\nlimit_usd = "100000"\nwindow = "total"\nmode = "strict"'),
        prices=PRICES,
    ) as run:
        unbounded = chat(run)
        provider.play(said(3, 4), answer(b"{}"))
        told = run.row(chat(run, max_tokens=10).id)
        untold = run.row(chat(run, max_tokens=10).id)

        assert (400, "unbounded_request") == (unbounded.status, unbounded.value("x-tollway-error"))
        assert "max_output_tokens" in json.loads(unbounded.body)["error"]["message"]
        assert {"search/hard": 7 * USD} == charges(told)
        (hold,) = told["holds"]
        assert told["bound_nano_usd"] == hold["held"] > 2_000 * USD
        assert ("estimated", untold["bound_nano_usd"]) == (untold["usage_source"], untold["cost_nano_usd"])
        assert {"search/hard": untold["bound_nano_usd"]} == charges(untold)


def test_a_strict_budget_refuses_what_may_not_fit(provider: Provider, tmp_path: Path) -> None:
    """Though a usual answer would."""
    table = 'name = "hard"\nlimit_usd = "5000"\nwindow = "total"\nmode = "strict"\nexceeded_status = 402'
    with standing_before(provider, tmp_path, teams=budgets(table), prices=PRICES) as run:
        reply = chat(run, max_tokens=9_000)

        assert 402 == reply.status
        assert [] == provider.asked
        assert "this request may need" in json.loads(reply.body)["error"]["message"]


def test_a_budget_that_only_tracks_refuses_nothing(provider: Provider, tmp_path: Path) -> None:
    """And counts everything."""
    table = 'name = "seen"\nlimit_usd = "1"\nwindow = "day"\nmode = "track"'
    with standing_before(provider, tmp_path, teams=budgets(table), prices=PRICES) as run:
        provider.play(said(40, 2), said(40, 2))
        replies = [chat(run), chat(run)]

        assert [200, 200] == [reply.status for reply in replies]
        assert [{"search/seen": 42 * USD}] * 2 == [charges(run.row(reply.id)) for reply in replies]


def test_a_stream_that_finds_no_more_money_is_stopped(provider: Provider, tmp_path: Path) -> None:
    """With the dialect's own error, and booked at what it wrote. Usually it goes on to its end, into debt."""
    stopping = 'name = "daily"\nlimit_usd = "3000"\nwindow = "total"\nmidstream = "stop"'
    with standing_before(provider, tmp_path, teams=budgets(stopping), prices=PRICES) as run:
        pieces = [event("word " * 40), 0.002] * 200
        provider.play(stream(*pieces, last(5, 9_000), DONE))
        reply = chat(run, stream=True)

        assert (200, True) == (reply.status, reply.whole)
        events = re.findall(rb"data: (.*)\n\n", reply.body)
        assert "budget_exceeded" == json.loads(events[-1])["error"]["code"]
        row = run.row(reply.id)
        assert ("budget_blocked", 200) == (row["outcome"], row["status"])
        assert "estimated" == row["usage_source"]
        # What is estimated while it runs and in the end differs by some tokens of the question.
        assert 2_700 * USD < row["cost_nano_usd"] < 3_300 * USD


def test_a_stream_goes_on_into_debt_where_nothing_else_is_said(provider: Provider, tmp_path: Path) -> None:
    """What it cost beyond the limit is charged, and everything after it refused."""
    with standing_before(
        provider, tmp_path, teams=budgets('name = "daily"\nlimit_usd = "3000"\nwindow = "total"'), prices=PRICES
    ) as run:
        provider.play(stream(*[event("word " * 40)] * 100, last(5, 9_000), DONE))
        reply = chat(run, stream=True)

        assert reply.body.endswith(DONE)
        assert {"search/daily": 9_005 * USD} == charges(run.row(reply.id))
        assert 429 == chat(run).status


def test_an_answer_is_read_to_its_end_where_a_budget_wants_that(provider: Provider, tmp_path: Path) -> None:
    """The client has left; what the provider says of the usage is booked all the same."""
    table = 'name = "daily"\nlimit_usd = "3000"\nwindow = "total"\non_disconnect = "drain"'
    with standing_before(provider, tmp_path, teams=budgets(table), prices=PRICES) as run:
        held = Gate()
        provider.play(stream(event("one"), held, event("two"), last(5, 7), DONE))
        with run.client() as client:
            client.send("POST", "/v1/chat/completions", HEADERS, json.dumps({"model": "m", "stream": True}).encode())
            client.head()
        held.reached()
        time.sleep(LEFT_S)  # the gateway hears of it; that nothing happens then cannot be awaited
        held.open()
        (row,) = run.wait_rows(1)

        assert ("cancelled", "provider", 12 * USD) == (row["outcome"], row["usage_source"], row["cost_nano_usd"])


def limits(*tables: str) -> dict[str, str]:
    """Write a team with limits."""
    return {"search": team_file(more="\n".join(f"[[limits]]\n{table}" for table in tables))}


def test_a_rate_is_refused_until_it_has_room_again(provider: Provider, tmp_path: Path) -> None:
    """With what clients of a provider know: when to come again, and how the limit stands."""
    with standing_before(provider, tmp_path, teams=limits('requests_per_minute = 60\nburst = "2 s"')) as run:
        provider.play(said(1, 1), said(1, 1), said(1, 1))
        replies = [chat(run), chat(run), chat(run)]

        assert [200, 200, 429] == [reply.status for reply in replies]
        assert ["60", "1"] == [
            replies[0].value(f"x-tollway-limit-{name}") for name in ("requests", "remaining-requests")
        ]
        refused = replies[2]
        assert "rate_limited" == refused.value("x-tollway-error")
        assert "search/limit-1 requests_per_minute" == refused.value("x-tollway-limit")
        assert 0 < int(refused.value("retry-after-ms") or 0) <= 1_200
        assert ("60", "0") == (
            refused.value("x-ratelimit-limit-requests"),
            refused.value("x-ratelimit-remaining-requests"),
        )
        time.sleep(int(refused.value("retry-after-ms") or 0) / 1000)
        assert 200 == chat(run).status
        assert ["ok", "ok", "rate_limited", "ok"] == [run.row(one.id)["outcome"] for one in replies] + ["ok"]


def test_only_so_many_run_at_once(provider: Provider, tmp_path: Path) -> None:
    """However a request ends its place is free again: whole, cut, or left by its client."""
    with standing_before(provider, tmp_path, teams=limits("concurrent = 1")) as run:
        held = Gate()
        provider.play(stream(event("one"), held, last(1, 1), DONE))
        with run.client() as client:
            client.send("POST", "/v1/chat/completions", HEADERS, json.dumps({"model": "m", "stream": True}).encode())
            client.head()
            second = chat(run)
            held.open()
            client.reply_body()
            provider.play(said(1, 1))
            third = chat(run)
        provider.play(stream(event("one"), stop_at=40))
        cut = chat(run, stream=True)
        provider.play(said(1, 1))
        fourth = chat(run)

        assert (429, "rate_limited") == (second.status, second.value("x-tollway-error"))
        assert "at a time" in json.loads(second.body)["error"]["message"]
        assert [200, 200] == [third.status, fourth.status]
        assert not cut.whole


def test_tokens_are_counted_as_they_were_used(provider: Provider, tmp_path: Path) -> None:
    """A thousand were expected; what was used instead is what counts for those after it."""
    with standing_before(provider, tmp_path, teams=limits("tokens_per_minute = 6000\nconcurrent = 5")) as run:
        provider.play(said(1, 9), said(1, 9), said(5_000, 2_000))
        replies = [chat(run), chat(run), chat(run)]
        after = chat(run)

        assert [200, 200, 200, 429] == [reply.status for reply in (*replies, after)]
        assert "search/limit-1 tokens_per_minute" == after.value("x-tollway-limit")
        # It went 1,020 beyond the burst, and this one needs some thousands, too.
        assert int(after.value("retry-after-ms") or 0) > 10_000


def test_a_maximum_is_shrunk_to_what_the_money_buys(provider: Provider, tmp_path: Path) -> None:
    """Where the budget says so; a header tells, and the rest of the body is the client's."""
    table = 'name = "hard"\nlimit_usd = "5000"\nwindow = "total"\nmode = "strict"\nbudget_fit = "shrink_max_tokens"'
    with standing_before(provider, tmp_path, teams=budgets(table), prices=PRICES) as run:
        provider.play(said(3, 4), said(3, 4))
        shrunk = chat(run, max_tokens=64_000)
        whole = chat(run, max_tokens=16)

        assert [200, 200] == [shrunk.status, whole.status]
        most = int(shrunk.value("x-tollway-max-tokens") or 0)
        sent = json.loads(provider.asked[0].body)
        assert 16 < most == sent["max_tokens"] < 5_000
        assert ("m", [{"role": "user", "content": "hi"}]) == (sent["model"], sent["messages"])
        assert whole.value("x-tollway-max-tokens") is None
        row = run.row(shrunk.id)
        assert 4_900 * USD < row["holds"][0]["held"] == row["bound_nano_usd"] <= 5_000 * USD
        assert {"search/hard": 7 * USD} == charges(row)


def test_a_cheaper_route_is_taken_where_the_asked_model_no_longer_fits(provider: Provider, tmp_path: Path) -> None:
    """It must fit, too; where it does not, the refusal is the usual one."""
    prices = '{ "dear" = { input = "1000000", output = "1000000" }, "cheap" = { input = "1", output = "1" } }'
    route = '[[routes]]\nmodel = "saver"\ntargets = [{ provider = "openai", model = "cheap" }]\n'
    table = 'name = "daily"\nlimit_usd = "10"\nwindow = "total"\nmode = "strict"\non_exceeded = "fallback:saver"'
    with standing_before(provider, tmp_path, teams=budgets(table), more=route, prices=prices) as run:
        provider.play(said(3, 4))
        saved = chat(run, model="dear", max_tokens=10)
        refused = chat(run, model="dear", max_tokens=10_000_000)

        assert (200, "budget") == (saved.status, saved.value("x-tollway-fallback"))
        assert ("saver", "cheap") == (saved.value("x-tollway-route"), saved.value("x-tollway-model"))
        assert "cheap" == json.loads(provider.asked[0].body)["model"]
        row = run.row(saved.id)
        assert ("dear", "saver", 7_000) == (row["model_requested"], row["route"], row["cost_nano_usd"])
        assert (429, "budget_exceeded") == (refused.status, refused.value("x-tollway-error"))
        assert 1 == len(provider.asked)


def test_a_raise_is_in_force_at_once_and_in_the_refusal_behind_it(provider: Provider, tmp_path: Path) -> None:
    """Within a second, without a restart; what is said then counts it in."""
    table = 'name = "daily"\nlimit_usd = "10"\nwindow = "total"'
    with standing_before(provider, tmp_path, teams=budgets(table), prices=PRICES) as run:
        provider.play(said(4, 8))
        assert [200, 429] == [chat(run).status, chat(run).status]
        run.admin("POST", "/api/budgets/search/daily/raise", {"amount_usd": "5", "who": "ann", "why": "a demo"})
        provider.play(said(1, 3))
        raised, refused = chat(run), chat(run)

        assert [200, 429] == [raised.status, refused.status]
        assert "$16.00 of $15.00 used in total" in json.loads(refused.body)["error"]["message"]


def test_a_model_that_crossed_its_bound_is_refused_until_acknowledged(provider: Provider, tmp_path: Path) -> None:
    """By strict budgets on every worker, by soft ones never; Codex hears a status after which it comes no more."""
    teams = {
        "search": team_file(
            more='[[budgets]]\nname = "hard"\nlimit_usd = "1000000"\nwindow = "total"\nmode = "strict"'
        ),
        "other": team_file([OTHER_KEY], '[[budgets]]\nname = "easy"\nlimit_usd = "1000000"\nwindow = "total"'),
    }
    codex = ("User-Agent", "codex_cli_rs/0.50.0")
    with standing_before(provider, tmp_path, teams=teams, server="workers = 2", prices=PRICES) as run:
        provider.play(said(3, 90_000), said(1, 1), said(1, 1), said(1, 1))
        row = run.row(chat(run, max_tokens=10).id)
        assert row["cost_nano_usd"] > row["bound_nano_usd"]
        body = {"model": "m", "messages": [], "max_tokens": 10}
        for _ in range(8):  # whichever worker answers
            refused = chat(run, max_tokens=10)
            assert (403, "bound_exceeded") == (refused.status, refused.value("x-tollway-error"))
        assert 400 == chat(run, codex, max_tokens=10).status
        assert 200 == run.post("/v1/chat/completions", body, key=OTHER_KEY).status
        assert 2 == len(provider.asked)
        message = json.loads(refused.body)["error"]["message"]
        assert "search/hard is strict" in message
        listed = run.api("/api/budgets") or {}
        [bar] = listed["barred"]
        assert f"tollway budget acknowledge {bar['model']} --why" in message
        assert row["id"] == bar["exchange"]
        assert f"strict budgets refuse {bar['model']} from now on" in run.said()
        acknowledge(run, bar["model"])

        assert [200, 200] == [chat(run, max_tokens=10).status for _ in range(2)]


def acknowledge(run: Gateway, model: str) -> None:
    """Say that all is well."""
    port = f"http://127.0.0.1:{run.admin_port}/api/budgets/acknowledge"
    order = json.dumps({"model": model, "who": "ann", "why": "prices corrected"}).encode()
    asked = urllib.request.Request(port, order, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        assert 200 == answer.status
