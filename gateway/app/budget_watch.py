"""How do the budgets stand, and who must hear of it? Looks at the ledger as it changes.

Each threshold of a budget is told once for each of its balances: in the log, in the trail and in a counter. What was
told stands in the ledger's file.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

from gateway.app.owners import Owners
from gateway.ledger.desk import SeriesState
from gateway.ledger.file import Passed
from gateway.ledger.lease import MOST, Place
from gateway.ledger.server import Server
from gateway.policies.standing import Level, Owner, amount_text, passed
from gateway.policies.windows import END_OF_TIME_S

LOOK_S: Final = 0.5
# So many balances are looked at in one turn of the loop, on which grants are waited for.
AT_ONCE: Final = 50

logger = logging.getLogger("tollway.budgets")


class Shown(NamedTuple):
    """How a budget with one balance stands. `reserved`: charged and not spent; `lent`: the part of it that workers have
    who are here; `ends_s`: when it begins anew, None: never as a whole."""

    budget: str
    unit: str
    limit: int
    spent: int
    reserved: int
    lent: int
    ends_s: int | None


class BudgetWatch:
    """`shown`: how the budgets stood a moment ago; `told`: how often each threshold was passed, by budget and per cent.

    Both are replaced, never changed, or only grow: any thread may read them.
    """

    def __init__(self, server: Server, owners: Owners, now: Callable[[], float] = time.time) -> None:
        self.shown: tuple[Shown, ...] = ()
        self.told: Counter[tuple[str, int]] = Counter()
        self._server = server
        self._owners = owners
        self._now = now
        self._budgets_seen: object = None

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except Exception:
                logger.exception("the budgets could not be looked at: thresholds and gauges stand still, budgets hold")
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Tell what is new, and gather what is shown."""
        server, known = self._server, self._owners.by_series
        touched = server.touched()
        if known is not self._budgets_seen:  # other limits, or other thresholds
            self._budgets_seen = known
            self.told.update({(owner.budget.id, p): 0 for owner in known.values() for p in owner.budget.thresholds})
            touched |= set(server.series())
        self.shown = tuple(self._show(name, owner) for name, owner in known.items() if not owner.budget.per)
        for at, series in enumerate(touched):
            owner = self._owners.of(series)
            if owner is not None:
                await self._judge(series, owner)
            if at % AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _judge(self, series: str, owner: Owner) -> None:
        """Tell the thresholds that a series has passed since the last look."""
        now_s = self._now()
        place, over_s = _balance(series, owner, now_s)
        state = self._server.standing(series, owner.budget.window.reach(now_s))
        level = Level(owner.limit + state.raised, state.spent + state.corrected, state.charged, state.is_refused)
        before = self._server.passing.percents(place)
        after = passed(level, owner.budget.thresholds, before)
        if after == before:
            return
        fresh = [percent for percent in after if percent not in before]
        limit, spent = (amount_text(owner.unit, amount) for amount in (level.limit, level.spent))
        notes = [f"{percent} % of {limit}" for percent in fresh]
        await self._server.note_passed(place, Passed(after, over_s), level.spent, notes)
        for percent in fresh:
            self.told[owner.budget.id, percent] += 1
            logger.warning("budget %s at %d %%: %s of %s", series.replace("#requests", ""), percent, spent, limit)

    def _show(self, series: str, owner: Owner) -> Shown:
        window, now_s = owner.budget.window, self._now()
        state = self._server.standing(series, window.reach(now_s))
        spent = state.spent + state.corrected
        end_s = window.span(now_s).end_s
        begins_anew = not window.length_s and end_s < END_OF_TIME_S
        return Shown(
            owner.budget.id, owner.unit, owner.limit + state.raised, spent, state.charged - spent,
            _lent(state, self._server.absent), end_s if begins_anew else None,
        )  # fmt: skip


def _lent(state: SeriesState, absent: frozenset[str]) -> int:
    return sum(lease.granted - lease.settled for name, lease in state.leases.items() if name not in absent)


def _balance(series: str, owner: Owner, now_s: float) -> tuple[Place, int]:
    """Name what is told once: a window's balance, and until when; a rolling one is one and the same for ever."""
    window = owner.budget.window
    if window.length_s:
        return Place(series, 0), MOST
    span = window.span(now_s)
    return Place(series, span.start_s), span.end_s
