"""What may this worker spend right now? All its accounts: holds over several balances at once, and who waits for more.

Everything is synchronous, on the worker's event loop. A hold compares integers; only one that comes short waits, for
the authority's answer and at most WAIT_S. Who waits is in waiting.py, what the authority is told in asking.py.
"""

from collections.abc import Callable, Sequence
from typing import Final

from gateway.ledger.account import Account, Terms
from gateway.ledger.asking import Asking
from gateway.ledger.holds import Held, Short, Wait
from gateway.ledger.interface import WAIT_S, Authority, Recall, Room, Timers
from gateway.ledger.lease import Ask, Grant, Place
from gateway.ledger.waiting import Waiting
from gateway.policies.limit import SECOND_NS

SWEEP_S: Final = 0.5
IDLE_SWEEPS: Final = 2  # after so many without a hold what is free goes back


class Holder:
    """The leases of one worker. `name` is unique for ever; `workers`: how many share the budgets.

    `barred`: the models that strict budgets refuse (interface.bar_name), as last heard.
    """

    def __init__(self, name: str, authority: Authority, timers: Timers, workers: int) -> None:
        self.name = name
        self.workers = workers
        self.barred: frozenset[str] = frozenset()
        self._authority = authority
        self._timers = timers
        self._accounts: dict[Place, Account] = {}
        self._waiting = Waiting()
        self._asking = Asking(name, authority, timers, workers, self._waiting)
        self._after = 0  # the highest number of an account that was dropped
        self._sweeps = 0
        self._heard = 0  # how often the authority has said something
        self._mark = 0  # its last one, see Grant
        self._lost_s = timers.time()
        self._sweeping = timers.call_later(SWEEP_S, self._sweep)
        authority.listen(self)

    @property
    def asks(self) -> int:
        """How many asks were made."""
        return self._asking.made

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
        short.turn = self._waiting.next_turn(self._timers.time())
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
                    self._asking.behind(account, more[at])
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
        if grant.added:
            self._asking.granted(account)
        if account.under_way is None and grant.added < asked.need:
            self._make_do(account, asked, grant)
        self._serve(account)
        if account.under_way is None:
            self._asking.lowered(account)
        self._asking.next(account)
        if account.terms.per_ns and self._asking.chunk(account) < asked.need and account.is_untold:
            # Of a rate where each request asks for itself others wait for what it took: from now on it drains.
            self._asking.send(account, account.give_back(account.free))

    def recalled(self, recall: Recall) -> None:
        """Somebody needs what is free."""
        self._heard += 1
        place = Place(recall.series, recall.start_s)
        # Of an unknown account nothing is free, as far as we know; the authority shall hear so.
        account = self._accounts.get(place) or self._open(Terms(place, recall.start_s, 0, 0))
        self._asking.recalled(account, recall)

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
            self._asking.next(account)

    def lost(self) -> None:
        """It cannot: nobody need wait."""
        waiting = self._waiting.everybody()
        for short in waiting:
            self._waiting.remove(short)
        self._lost_s = self._timers.time()
        for account in self._accounts.values():
            if account.terms.per_ns:
                account.restart()
            self._asking.lost(account)
        for short in waiting:
            self._resolve(short, self._hold_on_trust(short))

    def stop(self) -> None:
        """Be done: what is free goes back. Nobody must hold anything any more, or wait."""
        self._sweeping.cancel()
        for account in self._accounts.values():
            self._asking.send(account, account.give_back())
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
            # Not before all is held: what an ask tells of must not be undone.
            for account, (terms, amount) in zip(accounts, demands, strict=True):
                self._asking.ahead(account, terms, amount)
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
        for wait in list(self._waiting.at(account)):
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
        """Let a request wait on every account that comes short, at once.

        Again where another request has taken what this one had.
        """
        waits_on = [wait.account for wait in short.waits]
        for terms, amount in short.demands:
            account = self._account(terms)
            if amount <= max(0, account.free):
                continue
            if account not in waits_on:
                account.terms = terms
                self._waiting.add(Wait(short, account, terms, amount))
            self._asking.lacking(account, short.turn)

    def _make_do(self, account: Account, asked: Ask, grant: Grant) -> None:
        """So much is not to be had: it concerns who needs that or more, and waited already when it was asked for.

        Who takes less waits for what there is, the first of them for all of it; for the others it is asked anew. Who
        does not, or finds nothing, is refused.
        """
        before = max(0, account.free - grant.added)
        for wait in list(self._waiting.at(account)):
            if wait.since >= asked.number or wait.amount - before < asked.need:
                continue
            if wait.terms.partial and account.free > 0:
                wait.make_do(account.free)
                break
            self._refuse(wait, late=grant.late)

    def _refuse(self, wait: Wait, *, late: bool) -> None:
        """A request cannot have what it needs. `late`: it might, but not in time."""
        short = wait.short
        short.account, short.terms, short.amount = wait.account, wait.terms, wait.amount
        short.late = late
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
        """It waits no more: what was kept for it may be what others wait for."""
        for account in self._waiting.remove(short):
            if account.recall:
                self._asking.next(account)

    def _resolve(self, short: Short, result: Held | Short) -> None:
        if short.timer is not None:
            short.timer.cancel()
        self._timers.call_soon(self._deliver, short, result)

    def _deliver(self, short: Short, result: Held | Short) -> None:
        if short.then is not None:
            short.then(result)
        elif isinstance(result, Held):
            self.settle(result, [0] * len(result.accounts))  # left in the meantime

    # ==== what comes free ============================================================================================

    def _freed(self, account: Account) -> None:
        """Something came free that is waited for, or a debt was made."""
        self._serve(account)
        self._asking.next(account)

    def _sweep(self) -> None:
        """Return what is idle, and drop the accounts of which nothing is left: most of all those of past windows.

        Of a rate tell what was spent, too: as long as nobody knows it does not drain.
        """
        self._sweeping = self._timers.call_later(SWEEP_S, self._sweep)
        self._sweeps += 1
        if not self._authority.connected:
            return
        for place, account in list(self._accounts.items()):
            if self._waiting.is_at(place):
                continue
            if self._sweeps - account.used < IDLE_SWEEPS:
                if account.terms.per_ns:
                    self._asking.send(account, account.give_back(account.free))
            elif account.is_quiet:
                self._after = max(self._after, account.number)
                account.owner = None
                del self._accounts[place]
            else:
                self._asking.send(account, account.give_back())
