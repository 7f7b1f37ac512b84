"""Operators see how every budget stands in its window, and what they change is in force at once and remembered."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from gateway.admin import budgets as admin_budgets
from gateway.ledger.bars import Crossing
from gateway.ledger.file import By
from gateway.ledger.holds import Held, Short
from gateway.ledger.lease import Place
from tests.admin.parts import NANO, NOON_S, Port, serving
from tests.http.uv import until
from tests.ledger.parts import held


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    """An admin port with the budgets of two files."""
    async with serving(tmp_path) as port:
        yield port


# ==== how budgets stand ===============================================================================================


async def test_every_budget_is_listed_before_anybody_has_asked(port: Port) -> None:
    """With its window as of now, and nothing spent; of a parted budget there are no balances yet."""
    found = {one["id"]: one for one in (await port.get(""))["budgets"]}

    assert ["company/all", "search/daily", "search/loop", "search/ever"] == list(found)
    assert {
        "id": "search/daily",
        "owner": "search",
        "mode": "soft",
        "per": [],
        "window": "day",
        "timezone": "UTC",
        "window_start": "2026-11-23T00:00:00Z",
        "window_end": "2026-11-24T00:00:00Z",
        "resets_at": "2026-11-24T00:00:00Z",
        "limit_nano_usd": 50 * NANO,
        "limit_usd": "50",
        "balances": [
            {
                "balance": "search/daily",
                "unit": "usd",
                "values": {},
                "shared": False,
                "every": False,
                "limit_nano_usd": 50 * NANO,
                "limit_usd": "50",
                "raised_nano_usd": 0,
                "raised_usd": "0",
                "spent_nano_usd": 0,
                "spent_usd": "0",
                "corrected_nano_usd": 0,
                "corrected_usd": "0",
                "reserved_nano_usd": 0,
                "reserved_usd": "0",
                "left_nano_usd": 50 * NANO,
                "left_usd": "50",
                "used_percent": 0.0,
            }
        ],
        "balance_count": 1,
    } == found["search/daily"]
    loop, ever = found["search/loop"], found["search/ever"]
    assert ([], 0, "2", 300) == (loop["balances"], loop["balance_count"], loop["limit_usd"], loop["limit_requests"])
    assert ("2026-11-23T11:00:00Z", None, "2026-11-23T13:01:00Z") == (
        loop["window_start"], loop["window_end"], loop["resets_at"],
    )  # fmt: skip
    assert (None, None, None) == (ever["window_start"], ever["window_end"], ever["resets_at"])
    assert (10, 10) == (ever["balances"][0]["limit_requests"], ever["balances"][0]["left_requests"])


async def test_spent_reserved_and_left_add_up_to_the_limit(port: Port) -> None:
    """What a worker holds is reserved, what it settled is spent, and whose it is can be seen."""
    one = await port.holder()
    daily = port.terms("search/daily")
    await port.spend(one, daily, 5 * NANO + 1)
    await must_hold(held(one, (daily, 20 * NANO)))
    [found] = await port.balances("search/daily")

    assert (5 * NANO + 1, "5.000000001", 10.0) == (found["spent_nano_usd"], found["spent_usd"], found["used_percent"])
    assert 20 * NANO == found["reserved_nano_usd"]
    assert found["limit_nano_usd"] == sum(found[f"{part}_nano_usd"] for part in ("spent", "reserved", "left"))
    assert [(one.name, True, 5 * NANO + 1, 20 * NANO)] == [
        (lease["holder"], lease["connected"], lease["spent_nano_usd"], lease["reserved_nano_usd"])
        for lease in found["leases"]
    ]


async def test_a_new_window_begins_with_nothing_spent(port: Port) -> None:
    """Though nobody has asked in it, and the one before is still in the books; a rolling one forgets later."""
    one = await port.holder()
    await port.spend(one, port.terms("search/daily"), 5 * NANO)
    await port.spend(one, port.terms("search/loop", ["ann", "s1"]), NANO)
    await port.spend(one, port.terms("company/all"), NANO)
    port.now_s = NOON_S + 12 * 3600 - 1
    assert 5 * NANO == (await port.balances("search/daily"))[0]["spent_nano_usd"]
    port.now_s += 1
    found = await port.get("/search/daily")

    assert ("2026-11-24T00:00:00Z", "0") == (found["window_start"], found["balances"][0]["spent_usd"])
    assert [] == found["balances"][0]["leases"]
    assert "1" == (await port.balances("company/all"))[0]["spent_usd"]
    assert [] == await port.balances("search/loop")
    port.now_s = NOON_S + 3600 + 59
    assert [NANO] == [one["spent_nano_usd"] for one in await port.balances("search/loop")]
    port.now_s += 1
    assert [] == await port.balances("search/loop")


async def test_what_a_file_says_counts_after_a_restart(tmp_path: Path) -> None:
    """Nobody has asked the new authority yet."""
    async with serving(tmp_path) as port:
        await port.spend(await port.holder(), port.terms("search/daily"), 5 * NANO)
    async with serving(tmp_path) as port:
        [found] = await port.balances("search/daily")

    assert ("50", "5") == (found["limit_usd"], found["spent_usd"])


async def test_the_busiest_balances_come_first_and_not_all_of_them(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand users of a budget are no answer; how many there are is said."""
    monkeypatch.setattr("gateway.admin.standings.AT_ONCE", 2)
    one = await port.holder()
    for number in range(1, 6):
        await port.spend(one, port.terms("search/loop", [f"u{number}", "s 1"], "requests"), number)
    await port.spend(one, port.terms("search/loop", ["u1", "s 1"]), NANO)
    [found] = (await port.get("?budget=search/loop&limit=3"))["budgets"]

    assert 6 == found["balance_count"]
    assert [
        ("search/loop?user=u1&session=s%201", "usd", {"user": "u1", "session": "s 1"}),
        ("search/loop#requests?user=u5&session=s%201", "requests", {"user": "u5", "session": "s 1"}),
        ("search/loop#requests?user=u4&session=s%201", "requests", {"user": "u4", "session": "s 1"}),
    ] == [(one["balance"], one["unit"], one["values"]) for one in found["balances"]]
    assert 6 == len((await port.get("/search/loop?limit=10000"))["balances"])


async def test_a_budget_that_was_parted_otherwise_shows_what_counts_now(port: Port) -> None:
    """Balances by other names stay in the books for a while; nobody spends from them."""
    await port.server.correct(Place("search/loop?user=ann", int(NOON_S)), 1, By("a", "b"))

    assert [] == await port.balances("search/loop")


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("?team=search", ["search/daily", "search/loop", "search/ever"]),
        ("?team=comp*", ["company/all"]),
        ("?budget=*/l*", ["search/loop"]),
        ("?team=web", []),
    ],
)
async def test_filters(port: Port, query: str, ids: list[str]) -> None:
    """By owner and id, with patterns as everywhere."""
    assert ids == [one["id"] for one in (await port.get(query))["budgets"]]


# ==== what people do ==================================================================================================


async def must_hold(holding: Any) -> Held:
    """Wait for what can be held."""
    found = await holding
    assert isinstance(found, Held)
    return found


async def test_a_refused_hold_goes_through_right_after_a_raise(port: Port) -> None:
    """Without a restart, and at once; the answer tells the deed and how the budget stands now."""
    one = await port.holder()
    daily = port.terms("search/daily")
    await must_hold(held(one, (daily, 50 * NANO)))
    assert isinstance(await held(one, (daily, 20 * NANO)), Short)
    answer = await port.post("search/daily/raise", amount_usd="20")
    await must_hold(held(one, (daily, 20 * NANO)))

    [deed] = answer["deeds"]
    assert ("ann", "a launch", "raise", "search/daily", "20", None) == (
        deed["who"], deed["why"], deed["what"], deed["budget"], deed["amount_usd"], deed["until"],
    )  # fmt: skip
    [shown] = answer["budget"]["balances"]
    assert ("70", "20") == (shown["limit_usd"], shown["raised_usd"])
    [raised] = (await port.get("/search/daily"))["raises"]
    assert (deed["id"], "20", None, "ann", "a launch") == (
        raised["id"], raised["amount_usd"], raised["until"], raised["who"], raised["why"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("budget", "order", "until"),
    [
        ("search/daily", {"for": "24h"}, "2026-11-24T12:00:00Z"),
        ("search/daily", {"for": "window"}, "2026-11-24T00:00:00Z"),
        ("search/daily", {"until": "2026-11-23T14:30:00+01:00"}, "2026-11-23T13:30:00Z"),
        ("search/loop", {"for": "1w"}, "2026-11-30T12:00:00Z"),
    ],
)
async def test_a_temporary_raise_ends_on_time(port: Port, budget: str, order: dict[str, str], until: str) -> None:
    """What it gave is then not there any more, and it is no longer shown."""
    answer = await port.post(f"{budget}/raise", amount_usd=20, **order)
    assert until == answer["deeds"][0]["until"]
    [raised] = (await port.get(f"/{budget}"))["raises"]
    assert until == raised["until"]
    end_s = NOON_S + seconds_between("2026-11-23T12:00:00Z", until)
    one = await port.holder()
    values = ["ann", "s1"] if budget == "search/loop" else []
    port.now_s = end_s - 1
    last = port.terms(budget, values)
    one.settle(await must_hold(held(one, (last, last.limit + 20 * NANO))), [0])
    port.now_s = end_s

    assert [] == (await port.get(f"/{budget}"))["raises"]
    # What came free is with the worker still, until somebody asks: that is for less than a second.
    await until_free(port, last.place.series, last.reach_s)
    assert isinstance(await held(one, (last, last.limit + 1)), Short)
    await must_hold(held(one, (last, last.limit)))


async def until_free(port: Port, series: str, reach_s: int) -> None:
    """Wait until a worker has returned what it does not use."""
    await until(lambda: port.server.standing(series, reach_s).charged == 0)


def seconds_between(begin: str, end: str) -> float:
    """Count the seconds between two instants."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


async def test_a_lowered_budget_takes_back_what_workers_have_free(port: Port) -> None:
    """They cannot spend it after that, though it was granted before."""
    one = await port.holder()
    daily = port.terms("search/daily")
    one.settle(await must_hold(held(one, (daily, 40 * NANO))), [0])
    answer = await port.post("search/daily/raise", amount_usd="-45")

    assert ("5", "-45") == tuple(answer["budget"]["balances"][0][name] for name in ("limit_usd", "raised_usd"))
    await until(lambda: port.server.standing("search/daily", daily.reach_s).charged == 0, seconds=0.5)
    assert isinstance(await held(one, (daily, 5 * NANO + 1)), Short)
    await must_hold(held(one, (daily, 5 * NANO)))


async def test_a_raise_for_one_or_for_all_of_a_parted_budget(port: Port) -> None:
    """The first is ann's alone, the second everybody's, who ever comes."""
    one = await port.holder()
    ann, bob = (port.terms("search/loop", [name, "s1"]) for name in ("ann", "bob"))
    for terms in (ann, bob):
        await must_hold(held(one, (terms, 2 * NANO)))
        assert isinstance(await held(one, (terms, NANO)), Short)
    await port.post("search/loop/raise", amount_usd="1", values={"user": "ann", "session": "s1"})
    await must_hold(held(one, (ann, NANO)))
    assert isinstance(await held(one, (bob, NANO)), Short)
    answer = await port.post("search/loop/raise", amount_usd="2")
    for terms in (ann, bob):
        await must_hold(held(one, (terms, 2 * NANO)))

    assert (True, "search/loop?", {}) == tuple(answer["deeds"][0][name] for name in ("every", "balance", "values"))
    assert {"ann": "5", "bob": "4"} == {
        one["values"]["user"]: one["limit_usd"] for one in await port.balances("search/loop")
    }
    shown = await port.get("/search/loop")
    assert [False, True] == [one["every"] for one in shown["raises"]]


async def test_a_raise_of_requests_leaves_the_money_alone(port: Port) -> None:
    """They are two balances."""
    answer = await port.post("search/ever/raise", amount_requests=5)

    assert (15, 5) == tuple(answer["budget"]["balances"][0][name] for name in ("limit_requests", "raised_requests"))
    assert 5 == answer["deeds"][0]["amount_requests"]


async def test_a_raise_can_be_ended_before_its_time(tmp_path: Path) -> None:
    """Also for good: the next authority knows of it; it stays in the trail, and so does its end."""
    async with serving(tmp_path) as port:
        number = (await port.post("search/daily/raise", amount_usd="20"))["deeds"][0]["id"]
        missing = await port.post("search/daily/end", 404, **{"raise": number + 1})
        assert f"In force: {number}" in missing["error"]["message"]
        await port.post("search/ever/end", 404, **{"raise": number})
        answer = await port.post("search/daily/end", **{"raise": number})
        assert ("end", "-20") == tuple(answer["deeds"][0][name] for name in ("what", "amount_usd"))
        assert "50" == answer["budget"]["balances"][0]["limit_usd"]
        await port.post("search/daily/end", 404, **{"raise": number})
    async with serving(tmp_path) as port:
        shown = await port.get("/search/daily")

    assert ([], "50") == (shown["raises"], shown["balances"][0]["limit_usd"])
    assert ["end", "raise"] == [deed["what"] for deed in shown["trail"]]


async def test_a_reset_frees_what_was_spent_also_what_was_not_told_yet(port: Port) -> None:
    """Workers are asked first; what they hold for running requests stays reserved."""
    one = await port.holder()
    daily = port.terms("search/daily")
    await must_hold(held(one, (daily, 10 * NANO)))
    one.settle(await must_hold(held(one, (daily, 30 * NANO))), [25 * NANO])
    answer = await port.post("search/daily/reset")
    [found] = answer["budget"]["balances"]

    assert ["-25"] == [deed["amount_usd"] for deed in answer["deeds"]]
    assert ("0", "10", "40") == (found["spent_usd"], found["reserved_usd"], found["left_usd"])
    await must_hold(held(one, (daily, 40 * NANO)))


async def test_a_reset_of_a_parted_budget_is_for_all_or_for_one(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    """In both units; very many are reset in several deeds."""
    monkeypatch.setattr("gateway.ledger.server.AT_ONCE", 2)
    one = await port.holder()
    for name in ("ann", "bob", "eve"):
        await port.spend(one, port.terms("search/loop", [name, "s"]), NANO)
    only = await port.post("search/loop/reset", values={"user": "ann", "session": "s"})
    assert [("-1", {"user": "ann", "session": "s"}), (0, {"user": "ann", "session": "s"})] == [
        (deed.get("amount_usd", deed.get("amount_requests")), deed["values"]) for deed in only["deeds"]
    ]
    every = await port.post("search/loop/reset")

    assert [("-1", True), ("-1", True), (None, True)] == [
        (deed.get("amount_usd"), deed["every"]) for deed in every["deeds"]
    ]
    assert ["0"] * 3 == [balance["spent_usd"] for balance in await port.balances("search/loop")]


async def test_a_correction_counts_where_it_belongs(port: Port) -> None:
    """Now, or in the bucket of an earlier instant, as long as that counts; for one balance alone."""
    await port.post("search/daily/correct", amount_usd="-1.5", at="2026-11-23T01:00:00Z")
    over = await port.post("search/daily/correct", 400, amount_usd="1", at="2026-11-22T23:59:59Z")
    early = await port.post("search/daily/correct", 400, amount_usd="1", at="2026-11-23T12:00:01Z")
    ann = {"user": "ann", "session": "s"}
    await port.post("search/loop/correct", amount_usd="1", at="2026-11-23T11:30:00Z", values=ann)
    whose = await port.post("search/loop/correct", 400, amount_usd="1")
    shared = await port.post("search/loop/correct", amount_requests=2, values="shared")

    assert ["at", "at", "values"] == [one["error"]["param"] for one in (over, early, whose)]
    [daily] = await port.balances("search/daily")
    assert ("-1.5", "-1.5", "51.5") == (daily["spent_usd"], daily["corrected_usd"], daily["left_usd"])
    assert ("search/loop#requests?user=*&session=*", True) == (
        shared["deeds"][0]["balance"], shared["deeds"][0]["shared"],
    )  # fmt: skip
    port.now_s = NOON_S + 1800 + 59
    assert 2 == len(await port.balances("search/loop"))
    port.now_s += 1
    assert [2] == [one["spent_requests"] for one in await port.balances("search/loop")]


@pytest.mark.parametrize(
    ("path", "order", "param"),
    [
        ("search/daily/raise", {"amount_usd": "1", "who": " "}, "who"),
        ("search/daily/reset", {"why": ""}, "why"),
        ("search/daily/raise", {}, "amount_usd"),
        ("search/daily/raise", {"amount_usd": "1", "until": "2026-11-23T11:00:00Z"}, "until"),
        ("search/ever/raise", {"amount_usd": "1"}, "amount_usd"),
        ("search/ever/raise", {"amount_requests": 1, "for": "window"}, "for"),
        ("search/loop/raise", {"amount_requests": 1, "for": "window"}, "for"),
        ("search/daily/reset", {"values": {"user": "ann"}}, "values"),
        ("search/loop/reset", {"values": {"user": "ann"}}, "values"),
        ("search/daily/reset", {"limit": 5}, "limit"),
    ],
)
async def test_orders_that_make_no_sense_change_nothing(
    port: Port, path: str, order: dict[str, Any], param: str
) -> None:
    """They name the field, and leave no trace."""
    assert param == (await port.post(path, 400, **order))["error"]["param"]
    assert [] == (await port.get("/trail"))["trail"]


async def test_the_trail_is_read_in_pages(port: Port) -> None:
    """Newest first, of all budgets or one, which may be gone from the config."""
    for budget in ("search/daily", "search/ever", "search/daily"):
        await port.post(f"{budget}/reset")
        port.now_s += 1
    await port.server.reset("search/daily2", 0, By("a", "b"))
    await port.post("search/loop/reset")
    first = await port.get("/trail?limit=2")
    second = await port.get(f"/trail?limit=9&before={first['cursor']}")
    mine = await port.get("/trail?budget=search/daily")

    assert ["search/loop", "search/loop"] == [deed["budget"] for deed in first["trail"]]
    assert ["search/daily2", "search/daily", "search/ever", "search/daily"] == [
        deed["budget"] for deed in second["trail"]
    ]
    assert second["cursor"] is None
    assert ["2026-11-23T12:00:02Z", "2026-11-23T12:00:00Z"] == [deed["at"] for deed in mine["trail"]]
    assert ("2026-11-23T00:00:00Z", "0") == (mine["trail"][0]["window_start"], mine["trail"][0]["amount_usd"])
    assert 2 == len((await port.get("/trail?budget=search/loop"))["trail"])
    assert 1 == len((await port.get("/trail?budget=search/daily2"))["trail"])


# ==== who may, and what else goes wrong ===============================================================================


async def test_an_unknown_budget_is_told_with_the_nearest(port: Port) -> None:
    """Or with all that there are."""
    near = await port.get("/search/dayly", 404)
    far = await port.post("web/x/raise", 404, amount_usd="1")

    assert "Did you mean 'search/daily'?" in near["error"]["message"]
    assert "company/all, search/daily" in far["error"]["message"]


async def test_changes_need_the_token(port: Port) -> None:
    """As everything here does."""
    port.token = "s3cret"
    await port.post("search/daily/raise", 401, amount_usd="1")
    await port.get("", 401)
    headers = {"Authorization": "Bearer s3cret"}
    order = {"amount_usd": "1", "who": "ann", "why": "x"}

    assert 200 == (await port.client.post("/api/budgets/search/daily/raise", json=order, headers=headers)).status


async def test_a_web_page_cannot_change_anything(port: Port) -> None:
    """A browser posts for any page, but JSON only after it has asked, which is not allowed."""
    order = '{"who":"ann","why":"x"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = await port.client.post(
            "/api/budgets/search/daily/reset",
            data=order,
            headers={"Content-Type": kind, "Origin": "https://evil.example"},
        )
        assert 415 == answer.status
    asking = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    preflight = await port.client.options("/api/budgets/search/daily/reset", headers=asking)

    assert 405 == preflight.status
    assert "Access-Control-Allow-Origin" not in preflight.headers
    assert [] == (await port.get("/trail"))["trail"]


@pytest.mark.parametrize(
    ("path", "param"),
    [("?limit=0", "limit"), ("/trail?before=x", "before"), ("?colour=red", "colour"), ("/search/daily?team=x", "team")],
)
async def test_bad_parameters_are_named(port: Port, path: str, param: str) -> None:
    """A mistake is no empty list."""
    assert param == (await port.get(path, 400))["error"]["param"]


async def test_without_a_ledger_it_says_so(port: Port) -> None:
    """The recorder may be about to begin."""
    server, port.ledger = port.ledger, None
    assert "ledger" in (await port.get("", 503))["error"]["message"]
    assert "ledger" in (await port.post("search/daily/reset", 503))["error"]["message"]
    port.ledger = server


async def test_a_disk_that_takes_nothing_holds_nobody_up(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said that what was ordered counts, and will be written down."""
    monkeypatch.setattr(admin_budgets, "PATIENCE_S", 0.2)

    def write(_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(port.server._commits._file, "write", write)
        answer = await port.post("search/daily/raise", 503, amount_usd="20")

    assert "will be written down" in answer["error"]["message"]
    assert 20 * NANO == port.server.raised("search/daily")
    await until(lambda: port.server._commits.idle)
    assert 1 == len((await port.get("/trail"))["trail"])


# ==== models that strict budgets refuse ===============================================================================

CROSSING = Crossing("openai/gpt-x", "e1", round(NOON_S * 1000) - 5, 7 * NANO, 5 * NANO)


async def test_a_barred_model_is_listed_until_somebody_acknowledges_it(port: Port) -> None:
    """Workers hear of both at once, and the trail has who did it and why."""
    one = await port.holder()
    await port.server.bars.cross([CROSSING])
    await until(lambda: one.barred == {"openai/gpt-x"})
    [bar] = (await port.get(""))["barred"]
    assert ("openai/gpt-x", "e1", "7", "5") == tuple(
        bar[name] for name in ("model", "exchange", "cost_usd", "bound_usd")
    )
    done = await port.post("acknowledge", model="openai/gpt-x")

    assert [] == done["barred"] == (await port.get(""))["barred"]
    await until(lambda: not one.barred)
    assert [("acknowledge", "ann", "a launch"), ("bar", "tollway", ANY)] == [
        (deed["what"], deed["who"], deed["why"]) for deed in (await port.get("/trail"))["trail"]
    ]
    assert [] == (await port.get("/search/daily"))["trail"]
    # Told again, it is the crossing that was acknowledged.
    await port.server.bars.cross([CROSSING])
    assert [] == (await port.get(""))["barred"]


async def test_only_a_barred_model_is_acknowledged_and_with_a_reason(port: Port) -> None:
    """What is wrong is named, and what there is."""
    await port.server.bars.cross([CROSSING])
    unknown = await port.post("acknowledge", 404, model="openai/gpt-y")
    missing = await port.post("acknowledge", 404)
    idle = await port.post("acknowledge", 400, model="openai/gpt-x", why=" ")

    assert "the model 'openai/gpt-y' is not barred. Barred: openai/gpt-x" == unknown["error"]["message"]
    assert "Barred: openai/gpt-x" in missing["error"]["message"]
    assert "why" == idle["error"]["param"]
    assert 1 == len(port.server.bars.barred())
