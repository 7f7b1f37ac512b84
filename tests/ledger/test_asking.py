"""What a worker says about its leases: for whom it asks, and what it returns when it is recalled."""

import pytest

from gateway.ledger.account import Account
from gateway.ledger.holder import Holder
from gateway.ledger.holds import Held, Short
from gateway.ledger.interface import STICKY_S, WAIT_S, Recall
from gateway.ledger.lease import MOST, Ask, Grant
from tests.ledger.parts import Bank, terms

DAILY = terms("daily", 1000)
HOURLY = terms("hourly", 1000)


class Worker:
    """A holder whose authority is this test: it says what it likes, and hears every ask."""

    def __init__(self, free: int = 0, name: str = "w5") -> None:
        self.bank = Bank()
        self.daily, self.hourly = terms("daily", 1000), terms("hourly", 1000)
        self.holder: Holder = self.bank.holder(name)
        self.bank.deaf = True
        self.asked: list[Ask] = []
        self.came: list[Held | Short] = []
        line = self.bank.lines[name]
        line.send = self.asked.append  # type: ignore[method-assign]
        self._granted = {"daily": 0, "hourly": 0}
        self._recalls = 0
        self.running: Held | None = None
        if free:
            self.wait(free)
            self.grant(free)
            self.running = self.result()

    def wait(self, amount: int, hourly: int = 0) -> Short:
        """Let a request come that needs so much, and of another balance, too."""
        found = self.holder.hold([(self.daily, amount), (self.hourly, hourly)][: 2 if hourly else 1])
        assert isinstance(found, Short)
        self.holder.more(found, self.came.append)
        return found

    def grant(self, added: int, series: str = "daily", *, back: int = 0) -> None:
        """Answer the last ask about a balance."""
        number = self.said(series).number
        self._granted[series] += added - back
        self.holder.granted(Grant(series, 0, number, self._granted[series], added, 0))
        self.bank.clock.run()

    def recall(self, turn: int = 0, asker: str = "w1") -> int:
        """Recall what is free for somebody else."""
        self._recalls += 1
        self.holder.recalled(Recall("daily", 0, self._recalls, turn, asker))
        return self._recalls

    def said(self, series: str = "daily") -> Ask:
        """Return the last ask about a balance."""
        return [ask for ask in self.asked if ask.series == series][-1]

    def words(self) -> tuple[int, int, int]:
        """Return what the last ask needs, returns and answers."""
        return self.said().need, self.said().back, self.said().recalled

    def result(self) -> Held:
        """Return what was held last."""
        held = self.came.pop()
        assert isinstance(held, Held)
        return held

    def account(self) -> Account:
        """Look at the account."""
        return self.holder._accounts[self.daily.place]


def test_an_ask_is_for_all_that_wait_and_above_all_for_the_first() -> None:
    """What only a later one could use would come before its turn."""
    worker = Worker()
    first = worker.wait(50)
    worker.wait(30)
    worker.wait(20)
    assert (50, 50, first.turn) == (worker.said().need, worker.said().want, worker.said().turn)
    worker.grant(0)

    assert [first] == worker.came
    assert (30, 50, first.turn + 1) == (worker.said().need, worker.said().want, worker.said().turn)


def test_a_recall_takes_what_is_set_aside_for_those_that_come_later() -> None:
    """They ask for it anew, in their turn; and it is answered at once."""
    worker = Worker()
    later = worker.wait(50, hourly=50)
    worker.grant(50)
    number = worker.recall(later.turn - 1)

    assert (50, 50, number) == worker.words()
    assert later.turn == worker.said().turn


@pytest.mark.parametrize(
    ("name", "asker", "kept"), [("w5", "w6", True), ("w5", "w4", False)], ids=["it comes first", "it comes later"]
)
def test_of_two_with_the_same_turn_the_name_decides(name: str, asker: str, kept: bool) -> None:
    """Two workers may begin to wait in the same moment; both must see it in the same way."""
    worker = Worker(name=name)
    same = worker.wait(50, hourly=50)
    worker.grant(50)
    asks = len(worker.asked)
    worker.recall(same.turn, asker)

    assert kept == (asks == len(worker.asked))


def test_what_is_set_aside_for_those_before_is_kept_and_the_answer_with_it() -> None:
    """What else is free goes back; it is answered once the first has all that it needs."""
    worker = Worker()
    worker.wait(50, hourly=50)
    later = worker.wait(70, hourly=70)
    worker.grant(50)
    worker.grant(20)
    assert 70 == worker.account().free
    number = worker.recall(later.turn)

    assert (20, 20, 0) == worker.words()
    worker.grant(50, "hourly")
    assert [("daily", 0, 50), ("hourly", 0, 50)] == worker.result().places()
    assert (70, 0, number) == worker.words()


@pytest.mark.parametrize("leaves", [True, False], ids=["it leaves", "it is refused"])
def test_what_was_kept_for_one_that_is_gone_goes_back(leaves: bool) -> None:
    """With the answer."""
    worker = Worker()
    first = worker.wait(50, hourly=50)
    worker.grant(50)
    number = worker.recall(MOST)
    assert 0 == worker.said().recalled
    if leaves:
        worker.holder.leave(first)
    else:
        worker.grant(0, "hourly")

    assert (0, 50, number) == worker.words()


def test_a_part_of_what_those_before_need_is_kept_too() -> None:
    """Somebody later who got it would have to return it."""
    worker = Worker()
    worker.wait(30, hourly=30)
    second = worker.wait(60, hourly=60)
    worker.grant(30)
    worker.grant(40)
    asks = len(worker.asked)
    worker.recall(second.turn + 1)

    assert (70, asks) == (worker.account().free, len(worker.asked))


def test_what_comes_free_after_the_answer_goes_back() -> None:
    """For a while, whoever waits here: the authority counts on it, and gives it to whose turn it is."""
    worker = Worker(free=40)
    number = worker.recall(MOST)
    assert (0, 0, number) == worker.words()
    worker.wait(50)
    assert worker.running is not None
    worker.holder.settle(worker.running, [10])

    assert (50, 30, 0) == worker.words()


def test_after_a_while_what_comes_free_stays() -> None:
    """Whoever needs it recalls it."""
    worker = Worker(free=40)
    worker.recall()
    worker.grant(0)
    worker.bank.clock.run(STICKY_S)
    asks = len(worker.asked)
    assert worker.running is not None
    worker.holder.settle(worker.running, [10])

    assert (30, asks) == (worker.account().free, len(worker.asked))


def test_what_was_granted_since_a_recall_stays() -> None:
    """It is recalled once more if need be; else who waits for two balances would never keep the first."""
    worker = Worker(free=40)
    worker.recall()
    worker.wait(50, hourly=50)
    worker.grant(50)

    assert 50 == worker.account().free
    assert 0 == worker.said().back


def test_a_grant_answers_a_recall_that_is_not_answered_yet() -> None:
    """The authority sends another one if it still needs something."""
    worker = Worker()
    first = worker.wait(50, hourly=50)
    worker.grant(50)
    worker.wait(70, hourly=70)
    number = worker.recall(first.turn + 1)
    assert 0 == worker.said().recalled
    worker.grant(20)

    assert (0, number) == (worker.said().back, worker.said().recalled)
    assert 70 == worker.account().free


def test_an_ask_takes_an_earlier_turn_when_one_comes_short_that_has_waited_longer() -> None:
    """Nobody waits for what is done in the turn of a later one."""
    worker = Worker()
    first = worker.wait(50, hourly=50)
    worker.grant(50)
    second = worker.wait(70)
    assert (20, second.turn) == (worker.said().need, worker.said().turn)
    assert isinstance(worker.holder.hold([(worker.daily, 30)]), Held)
    worker.grant(50, "hourly")

    assert (30, first.turn) == (worker.said().need, worker.said().turn)
    asks = len(worker.asked)
    worker.wait(10, hourly=1000)
    assert asks + 1 == len(worker.asked)


def test_a_stream_that_goes_on_comes_last() -> None:
    """It does not wait; whoever waits already comes before it."""
    worker = Worker(free=40)
    before = worker.holder._waiting.next_turn(worker.bank.clock.time())
    assert worker.running is not None
    assert not worker.holder.extend(worker.running, [5])

    assert (5, before + 1) == (worker.said().need, worker.said().turn)


def test_a_lost_authority_has_forgotten_what_it_recalled() -> None:
    """It asks again for what it needs."""
    worker = Worker()
    worker.wait(50, hourly=50)
    worker.grant(50)
    worker.recall(MOST)
    worker.bank.lines["w5"].cut()
    worker.bank.clock.run(WAIT_S)
    worker.bank.lines["w5"].mend()

    assert (0, 0) == (worker.account().recall, worker.account().recalled)
    assert 50 == worker.account().free
