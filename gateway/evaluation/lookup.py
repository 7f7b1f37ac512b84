"""What does the log hold of a target? Read a few at a time, and once for all lanes that look at the same."""

import logging
import sqlite3
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import zstandard

from gateway.core.ids import day_of
from gateway.evaluation.follow import Follow
from gateway.evaluation.opinions import Value, opinions
from gateway.evaluation.outcome import GONE, NO_CONTENT, Outcome
from gateway.evaluation.protocol import Kept
from gateway.evaluation.task import Sampled

AT_ONCE: Final = 32
# Of bodies that are held for those who look at the same exchange soon after.
HELD_BYTES: Final = 16 << 20
_UNREADABLE: Final = (sqlite3.Error, msgspec.MsgspecError, zstandard.ZstdError, ValueError, TypeError)

Place = tuple[str, int]

log = logging.getLogger("tollway.evaluator")


class _Facts(msgspec.Struct):
    id: str = ""
    bodies: str = "full"
    request_bytes: int = 0


_facts = msgspec.json.Decoder(_Facts).decode


class Found(NamedTuple):
    """What the log holds of a target: nothing in `kept` where it is gone. `feedback`: the last words on a session."""

    kept: list[Kept]
    session: str = ""
    feedback: Mapping[str, Value] = {}

    @property
    def has_content(self) -> bool:
        """Whether any body is there."""
        return any(each.request is not None or each.response is not None for each in self.kept)

    @property
    def missing(self) -> Outcome:
        """Why there is no content: bodies that were kept once have been removed by retention."""
        facts = [_facts(each.record) for each in self.kept]
        never_kept = facts and all(each.bodies == "none" or not each.request_bytes for each in facts)
        return NO_CONTENT if never_kept else GONE


class Lookup:
    """Looks targets up; what was read last is held, within bounds."""

    def __init__(self, follow: Follow) -> None:
        self._follow = follow
        self._held: OrderedDict[Place, Kept] = OrderedDict()
        self.held_bytes = 0

    def look(self, targets: Sequence[Sampled]) -> Found:
        """Return what there is of the first target; the others come next, and may be read along with it."""
        first = targets[0]
        try:
            if first.target_type == "conversation":
                return self._conversation(first)
            return Found(self._look(first, targets), first.conversation or "")
        except _UNREADABLE:
            log.exception("an exchange cannot be read from the log", extra={"exchange": first.exchange})
            return Found([], first.conversation or "")

    def _conversation(self, first: Sampled) -> Found:
        kept = self._follow.conversation(first.team, first.target, first.day, first.seq)
        ids = [_facts(each.record).id for each in kept]
        return Found(kept, first.target, opinions(self._follow.folder, first.team, first.target, ids))

    def _look(self, first: Sampled, targets: Sequence[Sampled]) -> list[Kept]:
        if first.target_type == "pair":
            return self._pair(first.target)
        kept = self._held.get((first.day, first.seq)) or self._fetch(first, targets)
        return [] if kept is None else [kept]

    def _fetch(self, first: Sampled, targets: Sequence[Sampled]) -> Kept | None:
        """Read what is not held yet, and let go of what was read before."""
        day = first.day
        wanted = dict.fromkeys(each.seq for each in targets if each.target_type == "exchange" and each.day == day)
        missing = [seq for seq in wanted if (day, seq) not in self._held]
        found = self._follow.keep(day, missing[: self._at_once()])
        for seq, kept in found.items():
            self._held[day, seq] = kept
            self.held_bytes += _size(kept)
        while self.held_bytes > HELD_BYTES:
            self.held_bytes -= _size(self._held.popitem(last=False)[1])
        return found.get(first.seq)

    def _at_once(self) -> int:
        """Say how many fit by what they were like so far; of those that nobody knows yet, one."""
        usual_bytes = self.held_bytes // len(self._held) if self._held else HELD_BYTES
        return max(1, min(AT_ONCE, HELD_BYTES // 4 // max(1, usual_bytes)))

    def _pair(self, target: str) -> list[Kept]:
        """Read both; one without the other is nothing."""
        found: list[Kept] = []
        for exchange in target.split("|"):
            day = day_of(exchange)
            seq = self._follow.place(exchange, day)
            found += [] if seq is None else self._follow.keep(day, [seq]).values()
        return found if len(found) == 2 else []


def _size(kept: Kept) -> int:
    return sum(len(data) for body in (kept.request, kept.response) for _, data in body or [])
