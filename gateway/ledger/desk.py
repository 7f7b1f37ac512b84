"""What does the authority do with an ask: grant, say no, or first get back what others have free?

An ask whose need cannot be met while other holders have money that they did not spend is parked: they are recalled, and
it is answered as soon as there is enough, all of them have answered, or the wait is over. Nothing here touches a socket
or a file: `post` brings a message to a holder, once what the books say is written down.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Final

import msgspec

from gateway.ledger.file import Raise
from gateway.ledger.interface import CALM_S, RECALL_WAIT_S, WAIT_S, Message, Recall, Room, Timer, Timers
from gateway.ledger.lease import MOST, Ask, Balance, Books, Grant, Place, Stale
from gateway.ledger.rates import RateBooks
from gateway.policies.series import every, is_every

# So long after its end a balance is kept, for what was admitted in its last moment; then nothing is granted of it.
GRACE_S: Final = 300
AT_ONCE: Final = 256  # so many series are looked at before others have their turn

Key = tuple[Place, str]  # a lease: of which balance, whose
Turn = tuple[int, str]  # the lowest comes first; the second part only decides between equals
FIRST: Final[Turn] = (0, "")


class LeaseState(msgspec.Struct):
    """What one holder has of a series: `granted` in all, and how much of it it said that it has spent."""

    granted: int = 0
    settled: int = 0


class SeriesState(msgspec.Struct):
    """A series now, over all balances that count together.

    `limit`: as last asked, raises included; None: not asked since the start. `spent`: by holders that are gone, and by
    others as far as they have told. `charged`: that, corrections, and all that can be spent without asking. `raised`:
    how much more it is than config says. `is_refused`: somebody was told that there is no room, and of none since.
    """

    limit: int | None
    charged: int = 0
    spent: int = 0
    corrected: int = 0
    leases: dict[str, LeaseState] = {}
    raised: int = 0
    is_refused: bool = False

    def add(self, balance: Balance) -> None:
        """Count a balance in."""
        self.charged += balance.charged
        self.spent += balance.settled
        self.corrected += balance.corrected
        for holder, lease in balance.leases.items():
            mine = self.leases.setdefault(holder, LeaseState())
            mine.granted += lease.granted
            mine.settled += lease.settled


class _Parked:
    """An ask that waits for its turn, or for others' money; answered by the timer at the latest."""

    __slots__ = ("ask", "timer")

    def __init__(self, ask: Ask, timer: Timer) -> None:
        self.ask = ask
        self.timer = timer


class _Recalled:
    """The last recall of a lease, on this connection of its holder.

    For a while after it was answered what comes free of the lease is returned without another one; but for what was
    `granted` since it was sent: the holder may not have known of that.
    """

    __slots__ = ("answered", "granted", "number", "sent_s", "turn")

    def __init__(self, number: int, sent_s: float, turn: Turn) -> None:
        self.number = number
        self.sent_s = sent_s
        self.turn = turn
        self.answered = False
        self.granted = False


class Desk:
    """Take asks of the holders that are here, and see to each being answered. `now` is the clock on the wall."""

    def __init__(
        self,
        books: Books | RateBooks,
        post: Callable[[str, Message], None],
        timers: Timers,
        now: Callable[[], float],
    ) -> None:
        self._books = books
        self._raises: dict[str, list[Raise]] = {}
        self._asked: dict[str, Ask] = {}  # the last one about each series that wanted something
        self._refused: dict[str, set[Key]] = {}  # who was told that there is no room
        self._post = post
        self._timers = timers
        self._now = now
        self._links: dict[str, dict[Place, _Recalled]] = {}
        self._parked: dict[str, dict[Key, _Parked]] = {}
        self._recalls = int(now() * 1000)  # above every one that was sent before a restart
        self._look_at: set[str] = set()

    @property
    def parked(self) -> int:
        """How many asks wait."""
        return sum(map(len, self._parked.values()))

    def is_waited_for(self, series: str) -> bool:
        """Whether an ask about a series waits."""
        return bool(self._parked.get(series))

    def arrive(self, holder: str) -> None:
        """A holder is here, and has not heard what was sent to it before."""
        self.leave(holder)
        self._links[holder] = {}

    def leave(self, holder: str) -> None:
        """It is not: nobody need wait for its money. What it asked is answered all the same: it will ask again."""
        if self._links.pop(holder, None) is not None:
            for series in self._parked:
                self._look_soon(series)

    def take(self, ask: Ask) -> None:
        """Take an ask. Raise Absurd."""
        try:
            fresh = self._books.note(ask)
        except Stale:
            return
        key = (ask.place, ask.holder)
        if ask.want or ask.series not in self._asked:
            self._asked[ask.series] = ask
        if ask.recalled:
            self._answered(key, ask.recalled)
        if fresh:
            self._decide(key, ask)
        elif key not in self._parked.get(ask.series, ()):
            self._tell(ask, self._books.answer(ask, self._limit(ask)))
        if ask.recalled or ask.back:
            self._look_soon(ask.series)

    def look_again(self, series: str) -> None:
        """There may be more to grant of a series: answer who waits for it, and tell who was refused."""
        self._look_soon(series)
        for place, holder in self._refused.pop(series, ()):
            last = self._asked[series]
            room = self._books.room(series, last.reach_s, self._limit(last))
            self._post(holder, Room(series, place.start_s, room))

    def changed(self, series: str) -> None:
        """Somebody changed how much there is: look again, and take back what is free where too much was granted."""
        self._reconsider(iter(self.meant(series)))

    def meant(self, series: str) -> list[str]:
        """Return what a name stands for: all that are parted from it, or itself."""
        return [one for one in self._books.series() if every(one) == series] if is_every(series) else [series]

    def recall(self, series: str, reach_s: int) -> int:
        """Let holders return what they have free, and say what they spent; return how many have something."""
        here = {(place, holder) for place, holder, _ in self._books.holding(series, reach_s) if holder in self._links}
        return sum(self._recall(key, FIRST) for key in here)

    def add_raise(self, one: Raise) -> None:
        """Let more be spent of a series from now on."""
        left_s = one.until_s - self._now()
        if left_s > 0:
            self._raises.setdefault(one.series, []).append(one)
            if one.until_s < MOST:
                self._timers.call_later(left_s, self._outlast, one)

    def end_raise(self, number: int) -> Raise | None:
        """Let a raise count no more, and return it; None: there is none in force with this id."""
        for one in self.raises():
            if one.id == number:
                self._raises[one.series].remove(one)
                return one
        return None

    def raises(self) -> list[Raise]:
        """Return the raises in force."""
        now = self._now()
        return [one for some in self._raises.values() for one in some if now < one.until_s]

    def raised(self, series: str) -> int:
        """Return how much more than the config says may be spent of a series now."""
        if not self._raises:
            return 0
        now = self._now()
        some = [*self._raises.get(series, ()), *self._raises.get(every(series) or "", ())]
        return sum(one.amount for one in some if now < one.until_s)

    def standing(self, series: str, reach_s: int) -> SeriesState:
        """Return how a series stands; balances that begin at `reach_s` or later count."""
        last = self._asked.get(series)
        limit = None if last is None else self._limit(last)
        found = SeriesState(limit, raised=self.raised(series), is_refused=series in self._refused)
        for place, balance in self._books.balances(series):
            if place.start_s >= reach_s:
                found.add(balance)
        return found

    def state(self) -> dict[str, SeriesState]:
        """Return how all series stand, in the windows that were asked about last."""
        asked = self._asked
        return {
            series: self.standing(series, asked[series].reach_s if series in asked else -MOST)
            for series in self._books.series()
        }

    def tidy(self) -> None:
        """Forget what is over: raises, and what was asked of series that nobody knows any more."""
        now = self._now()
        known = set(self._books.series())
        self._asked = {series: ask for series, ask in self._asked.items() if series in known}
        self._refused = {series: keys for series, keys in self._refused.items() if series in known}
        raises = {series: [one for one in some if now < one.until_s] for series, some in self._raises.items()}
        self._raises = {series: some for series, some in raises.items() if some}

    def _limit(self, ask: Ask) -> int:
        return ask.limit + self.raised(ask.series)

    def _outlast(self, one: Raise) -> None:
        """The time of a raise is over, unless the clock on the wall was set back."""
        left_s = one.until_s - self._now()
        if left_s > 0:
            self._timers.call_later(left_s, self._outlast, one)
        else:
            self.changed(one.series)

    def _reconsider(self, names: Iterator[str]) -> None:
        """Look at some, and at the others in the next turn."""
        for at, series in enumerate(islice(names, AT_ONCE), 1):
            self.look_again(series)
            last = self._asked.get(series)
            reach_s = -MOST if last is None else last.reach_s
            # Of what nobody has asked for since the start the limit is not known.
            if last is None or self._books.room(series, reach_s, self._limit(last)) < 0:
                self.recall(series, reach_s)
            if at == AT_ONCE:
                self._timers.call_soon(self._reconsider, names)

    def _decide(self, key: Key, ask: Ask) -> None:
        """Answer a fresh ask, or let it wait for its turn: nothing is granted past one that waits.

        So nothing is on its way to a holder while others are recalled, and what they answer is all there is.
        """
        if ask.over_s + GRACE_S <= self._now():
            ask = msgspec.structs.replace(ask, need=0, want=0)
        parked = self._parked.get(ask.series)
        if not parked and not self._books.lack(ask, self._limit(ask)):
            self._answer(ask)
        elif not ask.need:
            self._unpark(key)
            self._answer(msgspec.structs.replace(ask, want=0))
        elif parked and key in parked:
            parked[key].ask = ask  # it takes the place of an earlier one, which has had its part of the wait
            self._look_soon(ask.series)
        else:
            timer = self._timers.call_later(RECALL_WAIT_S, self._expire, key)
            self._parked.setdefault(ask.series, {})[key] = _Parked(ask, timer)
            self._look_soon(ask.series)

    def _answer(self, ask: Ask) -> None:
        others = len(self._parked.get(ask.series, ()))
        if others:
            room = self._books.room(ask.series, ask.reach_s, self._limit(ask))
            ask = msgspec.structs.replace(ask, want=max(ask.need, min(ask.want, room // (1 + others))))
        with suppress(Stale):
            grant = self._books.fill(ask, self._limit(ask))
            if ask.need > grant.added and self._is_unheard(ask):
                grant = msgspec.structs.replace(grant, late=True)
            self._tell(ask, grant)
            last = self._links.get(ask.holder, {}).get(ask.place)
            if ask.need and not grant.added:
                self._refused.setdefault(ask.series, set()).add((ask.place, ask.holder))
            elif last is not None and grant.added:
                last.granted = True

    def _tell(self, ask: Ask, grant: Grant) -> None:
        raised = self._limit(ask) - ask.limit
        self._post(ask.holder, msgspec.structs.replace(grant, raised=raised) if raised else grant)

    def _look(self, series: str) -> None:
        """Answer those that wait, in their turn (waiting.py), until one of them must wait for others' money."""
        self._look_at.discard(series)
        parked = self._parked.get(series, {})
        for key, one in sorted(parked.items(), key=lambda item: _turn(item[1].ask)):
            lack = self._books.lack(one.ask, self._limit(one.ask))
            if lack and self._recall_others(key, one.ask, lack):
                break
            self._unpark(key)
            self._answer(one.ask)

    def _recall_others(self, asker: Key, ask: Ask, lack: int) -> bool:
        """Ask for what others have free, if that can help; whether anything of it is still to come."""
        here = {
            (place, holder): amount
            for place, holder, amount in self._books.holding(ask.series, ask.reach_s)
            if holder in self._links and (place, holder) != asker
        }
        helps = ask.partial or sum(here.values()) >= lack
        return helps and sum(self._recall(key, _turn(ask)) for key in here) > 0

    def _recall(self, key: Key, turn: Turn) -> bool:
        """Recall a lease, and say whether its answer is to be waited for.

        Once more before it is answered, if it is kept for those that come before the one asker and after the other.
        """
        place, holder = key
        now = self._timers.time()
        last = self._links[holder].get(place)
        if last is None or (last.answered and (last.granted or now >= last.sent_s + CALM_S)):
            last = self._send_recall(key, now, turn)
        elif not last.answered and turn < last.turn:
            last = self._send_recall(key, last.sent_s, turn)
        return not last.answered and now < last.sent_s + WAIT_S

    def _send_recall(self, key: Key, sent_s: float, turn: Turn) -> _Recalled:
        place, holder = key
        self._recalls += 1
        self._post(holder, Recall(place.series, place.start_s, self._recalls, *turn))
        sent = self._links[holder][place] = _Recalled(self._recalls, sent_s, turn)
        return sent

    def _is_unheard(self, ask: Ask) -> bool:
        """Whether somebody was recalled who has not said what it has free."""
        leases = self._books.holding(ask.series, ask.reach_s)
        recalled = (self._links[holder].get(place) for place, holder, _ in leases if holder in self._links)
        return any(one is not None and not one.answered for one in recalled)

    def _expire(self, key: Key) -> None:
        one = self._unpark(key)
        if one is not None:
            self._answer(one.ask)
            self._look_soon(key[0].series)

    def _unpark(self, key: Key) -> _Parked | None:
        series = key[0].series
        parked = self._parked.get(series, {})
        one = parked.pop(key, None)
        if one is not None:
            one.timer.cancel()
            if not parked:
                del self._parked[series]
        return one

    def _answered(self, key: Key, recall: int) -> None:
        place, holder = key
        last = self._links.get(holder, {}).get(place)
        if last is not None and recall >= last.number:
            last.answered = True

    def _look_soon(self, series: str) -> None:
        """Look at who waits at the end of the turn: what other connections have brought in it counts."""
        if series in self._parked and series not in self._look_at:
            self._look_at.add(series)
            self._timers.call_soon(self._look, series)


def _turn(ask: Ask) -> Turn:
    return ask.turn, ask.holder
