"""What does a worker say to the authority about its leases, and when?

An ask is shared by all that wait on an account, and made ahead while a lease runs out. A recall takes what is free, and
so does what comes free for a while after it; what is set aside stays where it must (waiting.py).
"""

from collections.abc import Sequence
from typing import Final

from gateway.ledger.account import EVERYBODY, Account, Terms
from gateway.ledger.holds import Wait
from gateway.ledger.interface import STICKY_S, Authority, Recall, Timers
from gateway.ledger.lease import MOST, Ask
from gateway.ledger.waiting import Waiting, set_aside

LOW: Final = 4  # more is asked for when less than one part in so many is free of what was after the last answer
SHARE: Final = 4  # of what is left, a lease is at most so small a part of a worker's part: leases shrink with it


class Asking:
    """The asks of one holder. `workers`: how many share the budgets; `made`: how many asks there were."""

    def __init__(self, name: str, authority: Authority, timers: Timers, workers: int, waiting: Waiting) -> None:
        self.made = 0
        self._name = name
        self._authority = authority
        self._timers = timers
        self._workers = workers
        self._waiting = waiting

    # ==== what there is to say =======================================================================================

    def next(self, account: Account) -> None:
        """Say what is to be said about an account, if anything is: what is lacking, owed, or to be returned."""
        sticky = self._is_sticky(account)
        returns = sticky or account.recall > 0
        if not returns:
            account.keeps = EVERYBODY
        queue = self._waiting.at(account)
        account.watched = sticky or len(queue) > 0
        kept = set_aside(queue, account.free, account.keeps)
        if not kept:
            self._answer(account)
        spare = max(0, account.free - kept)
        back = spare if returns else 0
        lacking = lacks(queue, account.free - back)
        if self._is_due(account, lacking, back):
            self._ask(account, lacking, spare, back)

    def lacking(self, account: Account, turn: int) -> None:
        """Ask for one that comes short; but nobody waits for the answer to an ask whose turn is later."""
        account.watched = True
        asked = account.under_way
        if asked is None or (asked.need and turn < asked.turn):
            self.next(account)

    def ahead(self, account: Account, terms: Terms, amount: int) -> None:
        """Ask for the next part of a lease that runs out, unless that is less than a request needs.

        Then each asks for itself.
        """
        if account.free >= account.low or account.under_way is not None:
            return
        account.low = 0
        account.terms = terms
        chunk = self.chunk(account)
        if chunk >= max(1, amount):
            self.send(account, account.ask(0, chunk))

    def behind(self, account: Account, amount: int) -> None:
        """Ask for what a request would need that does not wait."""
        need = amount - max(0, account.free)
        turn = self._waiting.next_turn(self._timers.time())
        self.send(account, account.ask(need, self.chunk(account), turn=turn))

    def chunk(self, account: Account) -> int:
        """Return how much to have in hand: less and less as the balance empties, nothing where somebody starves."""
        if account.room is None or self._is_sticky(account):
            return 0
        return max(0, min(account.room // (SHARE * self._workers), account.terms.most))

    def send(self, account: Account, ask: Ask | None) -> None:
        """Send an ask, if it is one."""
        if ask is not None:
            self.made += 1
            if ask.want or ask.back:
                account.low = 0
            self._authority.send(ask)

    # ==== what the authority said ====================================================================================

    def recalled(self, account: Account, recall: Recall) -> None:
        """Somebody needs what is free: it goes back, now and for a while as it comes free.

        But for what those have that come before. As long as there is any of it the answer is not given: the asker would
        be refused, and it might come free.
        """
        account.recall = recall.recall
        account.keeps = recall.turn + 1 if self._name < recall.asker else recall.turn
        account.sticky_until_s = self._timers.time() + STICKY_S
        account.low = 0
        self.next(account)

    def granted(self, account: Account) -> None:
        """More has come. The authority knows that no recall before has asked for it: there is another one if need be.

        To return it unasked would be wrong: nobody who waits for two balances could ever keep the first.
        """
        self._answer(account)
        account.keeps = EVERYBODY

    def lowered(self, account: Account) -> None:
        """An answer has come: find out from where on the lease runs out."""
        if not account.low:
            account.low = max(0, account.free - set_aside(self._waiting.at(account), account.free, EVERYBODY)) // LOW

    def lost(self, account: Account) -> None:
        """The authority cannot be reached: it forgets what it recalled."""
        account.recall = account.recalled = 0
        account.keeps = EVERYBODY
        account.sticky_until_s = 0.0
        account.watched = False

    # ==== how it is said =============================================================================================

    def _answer(self, account: Account) -> None:
        """Let the next ask answer the recall; from then on nothing is kept that comes free here."""
        if account.recall:
            account.recalled, account.recall = account.recall, 0
            account.keeps = 0

    def _is_due(self, account: Account, lacking: Sequence[Wait], back: int) -> bool:
        """Whether anything is to be said. A debt that nobody can hear of counts against the slack."""
        if not self._authority.connected:
            return False
        if back or account.recalled:
            return True
        asked = account.under_way
        if asked is None:
            return len(lacking) > 0 or account.free < 0
        return asked.need > 0 and len(lacking) > 0 and lacking[0].short.turn < asked.turn

    def _ask(self, account: Account, lacking: Sequence[Wait], spare: int, back: int) -> None:
        need = want = 0
        turn = MOST
        if lacking:
            amounts = [wait.amount for wait in lacking]
            need = min(amounts) - max(0, account.free - back)
            want = max(sum(amounts) - (spare - back), self.chunk(account))
            turn = lacking[0].short.turn
        self.send(account, account.ask_instead(need, want, back, turn))

    def _is_sticky(self, account: Account) -> bool:
        """Whether it was recalled lately: what comes free of it is returned at once."""
        return self._timers.time() < account.sticky_until_s


def lacks(queue: Sequence[Wait], free: int) -> list[Wait]:
    """Return those that need more than is free."""
    most = max(0, free)
    return [wait for wait in queue if wait.amount > most]
