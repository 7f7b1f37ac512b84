"""Which models may no strict budget trust, since an answer cost more than its bound? As the ledger's file says.

A model is barred until somebody acknowledges that. What exchanges cost that began before then bars it no more: so each
crossing bars once, however often its record is read.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from gateway.core.money import usd_text
from gateway.ledger.commits import Commits
from gateway.ledger.file import Bar, By, Deed
from gateway.ledger.interface import BARRED_MOST, Barred, Message
from gateway.ledger.lease import MOST

# A budget's id has none of these: in the trail no model is taken for a budget.
TRAIL: Final = "model:"
BAR: Final = "bar"
ACKNOWLEDGE: Final = "acknowledge"

logger = logging.getLogger("tollway.budgets")


class Crossing(NamedTuple):
    """An exchange that cost more than its bound, by the provider's own word. `model`: as `bar_name` writes it."""

    model: str
    exchange: str
    began_ms: int
    cost_nano_usd: int
    bound_nano_usd: int


class Bars:
    """The models that are barred, and who is told so. `present`: the holders that are connected; `post` tells one.

    `deed` adds a line to the trail: what was done, to what, with which amount, by whom.
    """

    def __init__(
        self,
        kept: Sequence[Bar],
        commits: Commits,
        deed: Callable[[str, str, int, By], Deed],
        present: Mapping[str, object],
        post: Callable[[str, Message], None],
    ) -> None:
        self._bars = {bar.model: bar for bar in kept}
        self._commits = commits
        self._deed = deed
        self._present = present
        self._post = post

    def barred(self) -> list[Bar]:
        """Return what bars a model now, by the model's name."""
        return sorted(bar for bar in self._bars.values() if not bar.acknowledged_ms)

    async def cross(self, crossings: Sequence[Crossing]) -> None:
        """Bar models whose bound was crossed. Durable when it returns; told again, nothing changes."""
        if any([self._bar(one) for one in crossings]):
            for holder in self._present:
                self.tell(holder)
        await self._commits.reached()

    async def acknowledge(self, model: str, now_ms: int, by: By) -> Deed | None:
        """Bar a model no longer; None: it is not barred. In force at once."""
        bar = self._bars.get(model)
        if bar is None or bar.acknowledged_ms:
            return None
        deed = self._deed(ACKNOWLEDGE, TRAIL + model, 0, by)
        self._note(bar._replace(acknowledged_ms=now_ms))
        for holder in self._present:
            self.tell(holder)
        await self._commits.reached()
        return deed

    def tell(self, holder: str) -> None:
        """Tell a holder all that is barred, once it is on the disk."""
        names = [bar.model for bar in self.barred()]
        for at in range(0, max(1, len(names)), BARRED_MOST):
            some = tuple(names[at : at + BARRED_MOST])
            self._post(holder, Barred(some, more=at + BARRED_MOST < len(names)))

    def _bar(self, one: Crossing) -> bool:
        """Note a crossing; False: it is no news."""
        before = self._bars.get(one.model)
        if before is not None and (not before.acknowledged_ms or one.began_ms <= before.acknowledged_ms):
            return False
        cost, bound = usd_text(one.cost_nano_usd), usd_text(one.bound_nano_usd)
        why = f"exchange {one.exchange} cost {cost} USD, at most {bound} was thought possible"
        excess = min(one.cost_nano_usd - one.bound_nano_usd, MOST)
        deed = self._deed(BAR, TRAIL + one.model, excess, By("tollway", why))
        self._note(Bar(one.model, deed.at_s, one.exchange, one.cost_nano_usd, one.bound_nano_usd, 0))
        name = "".join(sign if sign.isprintable() else "?" for sign in one.model)
        logger.warning(
            'strict budgets refuse %s from now on: %s. Correct its bound ([models."%s"]) or prices in config.toml '
            "(`tollway explain %s` shows what was billed), then run `tollway budget acknowledge %s --why …`",
            name, why, name.partition("/")[2], one.exchange, name,
        )  # fmt: skip
        return True

    def _note(self, bar: Bar) -> None:
        self._bars[bar.model] = bar
        self._commits.batch.bars.append(bar)
