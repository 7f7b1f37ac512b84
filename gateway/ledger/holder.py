"""What may this worker spend right now? All its accounts: holds over several balances at once, and who waits for more.

Everything is synchronous, on the worker's event loop. A hold compares integers; only one that comes short waits, for
the authority's answer and at most WAIT_S. An ask is shared by all that wait on an account, and made ahead while a lease
runs out.
"""

from collections.abc import Callable, Sequence
from typing import Final

from gateway.ledger.account import Account, Terms
from gateway.ledger.holds import Held, Short, Wait, give_way, part
from gateway.ledger.interface import STICKY_S, WAIT_S, Authority, Recall, Room, Timers
from gateway.ledger.lease import Ask, Grant, Place
from gateway.policies.limit import SECOND_NS

SWEEP_S: Final = 0.5
IDLE_SWEEPS: Final = 2  # after so many without a hold what is free goes back
LOW: Final = 4  # more is asked for when less than one part in so many is free of what was after the last answer
SHARE: Final = 4  # of what is left, a lease is at most so small a part of a worker's part: leases shrink with it


class Holder:
    """The leases of one worker. `name` is unique for ever; `workers`: how many share the budgets.

    `barred`: the models that strict budgets refuse (interface.bar_name), as last heard.
    """

    def __init__(self, name: str, authority: Authority, timers: Timers, workers: int) -> None:
        self.name = name
        self.workers = workers
        self.asks = 0  # how many were made
        self.barred: frozenset[str] = frozenset()
        self._authority = authority
        self._timers = timers
        self._accounts: dict[Place, Account] = {}
        self._waiting: dict[Place, list[Wait]] = {}
        self._after = 0  # the highest number of an account that was dropped
        self._sweeps = 0
        self._heard = 0  # how often the authority has said something
        self._mark = 0  # its last one, see Grant
        self._lost_s = timers.time()
        self._sweeping = timers.call_later(SWEEP_S, self._sweep)
        authority.listen(self)

    # ==== what requests do ===========================================================================================

    def take(self, terms: list[Terms], amounts: list[int]) -> Held | None:
        """Set aside an amount of each balance, if all of it is here; None: nothing was, `hold` says what is missing.

        Most requests end here: it does no more than compare integers.
        """
        accounts: list[Account] = []
        for at, one in enumerate(terms):
            account = one.account
            amount = amounts[at]
            if account is None or account.owner is not self or amount > account.free - account.low:
                self._undo(accounts, amounts)
                return None
            account.free -= amount
            account.holds += 1
            account.used = self._sweeps
            accounts.append(account)
        return Held(accounts, amounts, self._mark)

    def hold(self, demands: Sequence[tuple[Terms, int]]) -> Held | Short:
        """Set aside an amount of each balance, or nothing of any. For one that comes short there is `more`."""
        held = self._hold(demands)
        if isinstance(held, Short) and not self._authority.connected:
            return self._hold_on_trust(held)
        return held

    def more(self, short: Short, then: Callable[[Held | Short], None]) -> None:
        """Call back, once, with what could be held after all; or with what came short and will: it is refused.

        Never from in here; at once when the authority is lost, and at the latest after WAIT_S.
        """
        short.then = then
        short.heard = self._heard
        short.mark = self._mark
        short.timer = self._timers.call_later(WAIT_S, self._expire, short)
        if not self._authority.connected:
            self._resolve(short, self._hold_on_trust(short))
        elif not self._serve_one(short):
            self._ask_for(short)

    def leave(self, short: Short) -> None:
        """Nobody waits any more: `then` is not called."""
        short.then = None
        if short.timer is not None:
            short.timer.cancel()
        self._forget(short)

    def settle(self, held: Held, costs: Sequence[int]) -> None:
        """Replace what was held by the real costs, in the order of the demands. A second time nothing happens."""
        if held.settled:
            return
        held.settled = True
        amounts, mark = held.amounts, held.mark
        for at, account in enumerate(held.accounts):
            account.settle(amounts[at], costs[at], mark)
            if account.watched or account.free < 0:
                self._freed(account)

    def extend(self, held: Held, more: Sequence[int]) -> bool:
        """Set aside more of each balance for a request that goes on, or nothing of any.

        False: there is not enough. It is asked for; the next time there may be.
        """
        if held.settled:
            return False
        connected = self._authority.connected
        for at, account in enumerate(held.accounts):
            if more[at] and not account.grow(more[at], 0 if connected else account.trust):
                for before in range(at):
                    held.accounts[before].grow(-more[before])
                if connected:
                    self._ask_behind(account, more[at])
                return False
        held.amounts = [amount + extra for amount, extra in zip(held.amounts, more, strict=True)]
        return True

    # ==== what the authority says ====================================================================================

    def granted(self, grant: Grant) -> None:
        """An ask was answered."""
        self._heard += 1
        self._mark = max(self._mark, grant.mark)
        account = self._accounts.get(Place(grant.series, grant.start_s))
        asked = account.under_way if account is not None else None
        if account is None or asked is None or not account.take(grant):
            return
        self._serve(account)
        if account.under_way is None:
            if asked.need and not grant.added:
                self._refuse(account, asked)
            if not account.low:
                _, spare = part(self._queue(account), account.free)
                account.low = max(0, spare) // LOW
        self._next(account)
        if account.terms.per_ns and self._chunk(account) < asked.need and account.is_untold:
            # Of a rate where each request asks for itself others wait for what it took: from now on it drains.
            self._send(account, account.give_back(account.free))

    def recalled(self, recall: Recall) -> None:
        """Somebody needs what is free: it goes back, now and for a while as it comes free."""
        self._heard += 1
        place = Place(recall.series, recall.start_s)
        # Of an unknown account nothing is free, as far as we know; the authority shall hear so.
        account = self._accounts.get(place) or self._open(Terms(place, recall.start_s, 0, 0))
        account.recalled = recall.recall
        account.sticky_until_s = self._timers.time() + STICKY_S
        account.low = 0
        self._next(account)

    def has_room(self, room: Room) -> None:
        """There is more to grant."""
        self._heard += 1
        account = self._accounts.get(Place(room.series, room.start_s))
        if account is not None:
            account.room = room.room

    def bar(self, models: frozenset[str]) -> None:
        """These models, and no others, are barred."""
        self.barred = models

    def found(self) -> None:
        """The authority can be asked: tell it what was spent on trust."""
        # Of a rate each worker's part has drained meanwhile.
        drained_ns = int((self._timers.time() - self._lost_s) * SECOND_NS) // self.workers
        for account in self._accounts.values():
            if account.terms.per_ns:
                account.drain(drained_ns)
            self._next(account)

    def lost(self) -> None:
        """It cannot: nobody need wait."""
        waiting = dict.fromkeys(wait.short for queue in self._waiting.values() for wait in queue)
        self._waiting = {}
        self._lost_s = self._timers.time()
        for account in self._accounts.values():
            if account.terms.per_ns:
                account.restart()
            account.recalled = 0
            account.sticky_until_s = 0.0
            account.watched = False
        for short in waiting:
            self._resolve(short, self._hold_on_trust(short))

    def stop(self) -> None:
        """Be done: what is free goes back. Nobody must hold anything any more, or wait."""
        self._sweeping.cancel()
        for account in self._accounts.values():
            self._send(account, account.give_back())
        self._authority.close()

    # ==== holds ======================================================================================================

    def _hold(self, demands: Sequence[tuple[Terms, int]]) -> Held | Short:
        accounts: list[Account] = []
        amounts = [amount for _, amount in demands]
        low = False
        for terms, amount in demands:
            account = self._account(terms)
            if not account.hold(amount):
                self._undo(accounts, amounts)
                return Short(demands, account, terms, amount)
            account.used = self._sweeps
            if account.free < account.low:
                low = True
            accounts.append(account)
        if low:
            self._ask_ahead(demands)  # not before all is held: what an ask tells of must not be undone
        return Held(accounts, amounts, self._mark)

    def _hold_on_trust(self, short: Short) -> Held | Short:
        """Hold what the authority would have been asked for, as far as the slack of each balance goes."""
        accounts: list[Account] = []
        amounts = [amount for _, amount in short.demands]
        for terms, amount in short.demands:
            account = self._account(terms)
            account.terms = terms
            account.used = self._sweeps
            if not account.hold(amount, account.trust):
                self._undo(accounts, amounts)
                short.lost = True
                return short
            accounts.append(account)
        return Held(accounts, amounts, self._mark)

    def _account(self, terms: Terms) -> Account:
        """Find the account of a balance, and remember it with the terms."""
        account = terms.account
        if account is None or account.owner is not self:
            account = terms.account = self._accounts.get(terms.place) or self._open(terms)
        return account

    def _undo(self, accounts: list[Account], amounts: list[int]) -> None:
        for account, amount in zip(accounts, amounts, strict=False):
            account.release(amount)

    def _open(self, terms: Terms) -> Account:
        account = self._accounts[terms.place] = Account(terms, self.name, self._after)
        account.used = self._sweeps
        account.owner = self
        return account

    # ==== waiting ====================================================================================================

    def _serve(self, account: Account) -> None:
        """Let those that wait on an account hold what there is, first come first served."""
        for wait in list(self._queue(account)):
            if wait.amount <= account.free and not self._serve_one(wait.short):
                self._ask_for(wait.short)

    def _serve_one(self, short: Short) -> bool:
        held = self._hold(short.demands)
        if isinstance(held, Short):
            return False
        held.mark = short.mark
        self._forget(short)
        self._resolve(short, held)
        return True

    def _ask_for(self, short: Short) -> None:
        """Let a request wait on every account that comes short, at once."""
        waits = {wait.account: wait for wait in short.waits}
        for terms, amount in short.demands:
            account = self._account(terms)
            if amount <= account.free:
                continue
            wait = waits.get(account)
            if wait is None:
                account.terms = terms
                account.watched = True
                wait = Wait(short, account, terms, amount)
                short.waits.append(wait)
                self._waiting.setdefault(terms.place, []).append(wait)
            elif not wait.yields and account.under_way is not None:
                continue
            wait.yields = False
            self._next(account)  # also where another request has taken what this one had here

    def _refuse(self, account: Account, asked: Ask) -> None:
        """So much is not to be had: refuse who needs that or more, and waited already when it was asked for."""
        free = max(0, account.free)
        for wait in list(self._queue(account)):
            if wait.since < asked.number and wait.amount - free >= asked.need:
                short = wait.short
                short.account, short.terms, short.amount = account, wait.terms, wait.amount
                self._forget(short)
                self._resolve(short, short)

    def _expire(self, short: Short) -> None:
        for wait in short.waits:
            if wait.amount > wait.account.free:  # what it came short of at first may be there by now
                short.account, short.terms, short.amount = wait.account, wait.terms, wait.amount
                break
        self._forget(short)
        silent = self._heard == short.heard
        short.late = not silent
        self._resolve(short, self._hold_on_trust(short) if silent else short)

    def _forget(self, short: Short) -> None:
        """It waits no more."""
        for wait in short.waits:
            place = wait.terms.place
            queue = self._waiting.get(place)
            if queue is not None:
                queue.remove(wait)
                if not queue:
                    del self._waiting[place]
        short.waits = []

    def _resolve(self, short: Short, result: Held | Short) -> None:
        if short.timer is not None:
            short.timer.cancel()
        self._timers.call_soon(self._deliver, short, result)

    def _deliver(self, short: Short, result: Held | Short) -> None:
        if short.then is not None:
            short.then(result)
        elif isinstance(result, Held):
            self.settle(result, [0] * len(result.accounts))  # left in the meantime

    # ==== asks =======================================================================================================

    def _freed(self, account: Account) -> None:
        """Something came free that is waited for, or a debt was made."""
        self._serve(account)
        self._next(account, returns=self._is_sticky(account))

    def _next(self, account: Account, *, returns: bool = False) -> None:
        """Say what is to be said about an account, if anything is.

        A recall takes everything, and so does what comes free for a while after it. Else what there is is kept for
        those that wait: one that waits for another balance, too, would never find both.
        """
        queue = self._queue(account)
        if returns or account.recalled:
            self._say(account, give_way(queue, account.free), account.free)
        else:
            self._say(account, *part(queue, account.free))

    def _say(self, account: Account, lacking: Sequence[Wait], spare: int) -> None:
        """Ask for what is lacking, pay what is owed, return what is spare if somebody starves."""
        sticky = self._is_sticky(account)
        account.watched = sticky or len(self._queue(account)) > 0
        back = max(0, spare) if sticky else 0
        if account.under_way is not None:
            if not back and not account.recalled:
                return
        elif not (lacking or back or account.recalled or account.free < 0):
            return
        if not self._authority.connected:
            return  # a debt that nobody has heard of counts against the slack
        need = want = 0
        if lacking:
            amounts = [wait.amount for wait in lacking]
            need = min(amounts) - max(0, account.free) + back
            want = max(sum(amounts) - max(0, spare) + back, self._chunk(account))
        self._send(account, account.ask_instead(need, want, back))

    def _queue(self, account: Account) -> list[Wait]:
        return self._waiting.get(account.terms.place, _NOBODY)

    def _is_sticky(self, account: Account) -> bool:
        """Whether it was recalled lately: what comes free of it is returned at once."""
        return self._timers.time() < account.sticky_until_s

    def _ask_ahead(self, demands: Sequence[tuple[Terms, int]]) -> None:
        """Ask for the next part of the leases that run out.

        Unless that is less than a request needs: then each asks for itself.
        """
        for terms, amount in demands:
            account = self._account(terms)
            if account.free >= account.low or account.under_way is not None:
                continue
            account.low = 0
            account.terms = terms
            chunk = self._chunk(account)
            if chunk >= max(1, amount):
                self._send(account, account.ask(0, chunk))

    def _ask_behind(self, account: Account, amount: int) -> None:
        """Ask for what a request would need that does not wait."""
        need = amount - max(0, account.free)
        self._send(account, account.ask(need, self._chunk(account)))

    def _chunk(self, account: Account) -> int:
        """Return how much to have in hand: less and less as the balance empties, nothing where somebody starves."""
        if account.room is None or self._is_sticky(account):
            return 0
        return max(0, min(account.room // (SHARE * self.workers), account.terms.most))

    def _send(self, account: Account, ask: Ask | None) -> None:
        if ask is not None:
            self.asks += 1
            if ask.want or ask.back:
                account.low = 0
            self._authority.send(ask)

    def _sweep(self) -> None:
        """Return what is idle, and drop the accounts of which nothing is left: most of all those of past windows.

        Of a rate tell what was spent, too: as long as nobody knows it does not drain.
        """
        self._sweeping = self._timers.call_later(SWEEP_S, self._sweep)
        self._sweeps += 1
        if not self._authority.connected:
            return
        for place, account in list(self._accounts.items()):
            if place in self._waiting:
                continue
            if self._sweeps - account.used < IDLE_SWEEPS:
                if account.terms.per_ns:
                    self._send(account, account.give_back(account.free))
            elif account.is_quiet:
                self._after = max(self._after, account.number)
                account.owner = None
                del self._accounts[place]
            else:
                self._send(account, account.give_back())


_NOBODY: Final[list[Wait]] = []
