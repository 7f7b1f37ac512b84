"""What do people ask of budgets, and do to them, while the gateway runs? /api/budgets of the admin port."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from aiohttp import web

from gateway.admin import orders
from gateway.admin.answers import only, shown
from gateway.admin.public_budgets import public_bar, public_deed, public_leases, public_raise, public_standing
from gateway.admin.standings import standings
from gateway.config.problems import suggestion
from gateway.ledger.file import Deed
from gateway.ledger.lease import MOST, Place
from gateway.ledger.server import Server
from gateway.policies.budget import Budget, Budgets, head
from gateway.policies.series import every_of, is_every, read
from gateway.policies.snapshot import Snapshot
from gateway.store.filters import BadFilter

PATH: Final = "/api/budgets"
SHOWN: Final = 20  # balances of a budget that are shown unless somebody wants more, or fewer
MOST_SHOWN: Final = 10_000
PATIENCE_S: Final = 5.0


class NoSuchBudget(Exception):
    """No budget of the config is called so, or no raise; the text says what there is."""


class NoLedger(Exception):
    """Nobody keeps the books here, or not yet."""


class NoSuchBar(Exception):
    """That model is not barred; the text says which are."""


Handler = Callable[[web.Request], Awaitable[web.Response]]


class _Change(NamedTuple):
    """What somebody wants done to a budget, at an instant."""

    server: Server
    budget: Budget
    order: orders.Fields
    now_s: float


class BudgetPaths:
    """Answers about budgets. `ledger`: who keeps the books; None: not yet. `snapshot`: the config in force."""

    def __init__(
        self, ledger: Callable[[], Server | None], snapshot: Callable[[], Snapshot], now: Callable[[], float]
    ) -> None:
        self._ledger = ledger
        self._snapshot = snapshot
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        """Say what is served where."""
        one = PATH + "/{owner}/{name}"
        return [
            web.get(PATH, _bounded(self._list)),
            web.get(f"{PATH}/trail", _bounded(self._trail)),
            web.post(f"{PATH}/acknowledge", _bounded(self._acknowledge)),
            web.get(one, _bounded(self._show)),
            *(web.post(f"{one}/{what}", _bounded(self._changing(what))) for what in _CHANGES),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        asked = only(request, "team", "budget", "limit")
        budgets = [
            one
            for one in self._budgets().all
            if fnmatchcase(one.owner, asked.get("team", "*")) and fnmatchcase(one.id, asked.get("budget", "*"))
        ]
        found = await standings(self._server(), budgets, self._now(), _limit(asked))
        barred = [public_bar(bar) for bar in self._server().bars.barred()]
        return shown({"budgets": [public_standing(one) for one in found], "barred": barred})

    async def _show(self, request: web.Request) -> web.Response:
        asked = only(request, "limit")
        server, budget = self._server(), self._budget(request)
        [found] = await standings(server, [budget], self._now(), _limit(asked))
        answer = public_standing(found)
        for told, balance in zip(answer["balances"], found.balances, strict=True):
            told["leases"] = public_leases(balance, server.is_here)
        raises = [one for one in server.raises() if read(one.series).budget == budget.id]
        deeds = await server.deeds([one.id for one in raises])
        answer["raises"] = [public_raise(one, deeds) for one in raises]
        answer["trail"] = [public_deed(deed) for deed in await server.trail(SHOWN, budget.id)]
        return shown(answer)

    async def _trail(self, request: web.Request) -> web.Response:
        asked = only(request, "budget", "limit", "before")
        most = _limit(asked)
        deeds = await self._server().trail(most, asked.get("budget", ""), _number(asked, "before", MOST, MOST))
        return shown(
            {"trail": [public_deed(deed) for deed in deeds], "cursor": deeds[-1].id if len(deeds) == most else None}
        )

    async def _acknowledge(self, request: web.Request) -> web.Response:
        only(request)
        bars = self._server().bars
        order = orders.fields(await request.read(), ("model", "who", "why"))
        by, model = orders.by(order), order.get("model")
        deed = await bars.acknowledge(model, int(self._now() * 1000), by) if isinstance(model, str) else None
        barred = bars.barred()
        if deed is None:
            listed = ", ".join(bar.model for bar in barred) or "none"
            raise NoSuchBar(f"the model {model!r} is not barred. Barred: {listed}")
        return shown({"deeds": [public_deed(deed)], "barred": [public_bar(bar) for bar in barred]})

    def _changing(self, what: str) -> Handler:
        known, change = _CHANGES[what]

        async def handle(request: web.Request) -> web.Response:
            only(request)
            server, budget = self._server(), self._budget(request)
            order = orders.fields(await request.read(), (*known, "who", "why"))
            deeds = await change(_Change(server, budget, order, self._now()))
            [found] = await standings(server, [budget], self._now(), SHOWN)
            return shown({"deeds": [public_deed(deed) for deed in deeds], "budget": public_standing(found)})

        return handle

    def _server(self) -> Server:
        server = self._ledger()
        if server is None:
            raise NoLedger("nobody keeps the ledger here yet: try again in a moment")
        return server

    def _budgets(self) -> Budgets:
        return self._snapshot().budgets

    def _budget(self, request: web.Request) -> Budget:
        wanted = f"{request.match_info['owner']}/{request.match_info['name']}"
        budgets = {one.id: one for one in self._budgets().all}
        if wanted not in budgets:
            hint = suggestion(wanted, budgets) or f" There are: {', '.join(budgets) or 'none'}."
            raise NoSuchBudget(f"there is no budget '{wanted}'.{hint}")
        return budgets[wanted]


async def _raise(change: _Change) -> Sequence[Deed]:
    server, budget, order, now_s = change
    by = orders.by(order)
    unit, amount = orders.amount(order, budget)
    ends = not budget.window.length_s and budget.window.resets_s(now_s) is not None
    until_s = orders.until_s(order, now_s, budget.window.span(now_s) if ends else None)
    return [await server.raise_limit(_series(change, unit), amount, by, until_s)]


async def _end(change: _Change) -> Sequence[Deed]:
    server, budget, order, _ = change
    by = orders.by(order)
    number = order.get("raise")
    mine = [one.id for one in server.raises() if read(one.series).budget == budget.id]
    deed = await server.end_raise(number, by) if type(number) is int and number in mine else None
    if deed is None:
        listed = ", ".join(map(str, mine)) or "none"
        raise NoSuchBudget(f"no raise {number} of {budget.id} is in force. In force: {listed}")
    return [deed]


async def _reset(change: _Change) -> Sequence[Deed]:
    server, budget, order, now_s = change
    by = orders.by(order)
    reach_s = budget.window.reach(now_s)
    series = [_series(change, unit) for unit, _ in budget.limits]
    return [deed for one in series for deed in await server.reset(one, reach_s, by)]


async def _correct(change: _Change) -> Sequence[Deed]:
    server, budget, order, now_s = change
    by = orders.by(order)
    unit, amount = orders.amount(order, budget)
    series = _series(change, unit)
    if is_every(series):
        raise orders.BadOrder("values", f"{budget.id} has a balance for each {', '.join(budget.per)}: say whose")
    at_s = orders.at_s(order, now_s)
    start_s = budget.window.span(at_s).start_s
    if start_s < budget.window.reach(now_s):
        raise orders.BadOrder("at", "is in a window that is over: what was spent there counts no more")
    return [await server.correct(Place(series, start_s), amount, by)]


_CHANGES: Final[Mapping[str, tuple[tuple[str, ...], Callable[[_Change], Awaitable[Sequence[Deed]]]]]] = {
    "raise": (("amount_usd", "amount_requests", "for", "until", "values"), _raise),
    "end": (("raise",), _end),
    "reset": (("values",), _reset),
    "correct": (("amount_usd", "amount_requests", "at", "values"), _correct),
}


def _bounded(handler: Handler) -> Handler:
    """Let nobody wait for a disk that takes nothing."""

    async def handle(request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await handler(request)
        except TimeoutError:
            raise NoLedger(
                "the ledger's file answers nobody now, see the recorder's log. What was ordered is in force, and will "
                "be written down as soon as it can be"
            ) from None
        except sqlite3.Error as error:
            raise NoLedger(f"the ledger's file cannot be read: {error}") from error

    return handle


def _series(change: _Change, unit: str) -> str:
    """Name the balance that an order is about, or all that the budget is parted into."""
    first = head(change.budget, unit)
    part = orders.part(change.order, change.budget)
    return every_of(first) if part is None else first + part


def _limit(asked: Mapping[str, str]) -> int:
    return _number(asked, "limit", SHOWN, MOST_SHOWN)


def _number(asked: Mapping[str, str], name: str, usual: int, most: int) -> int:
    text = asked.get(name)
    if text is None:
        return usual
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:20]) <= most:
        raise BadFilter(name, f"a number from 1 to {most}, not {text!r}")
    return int(text)
