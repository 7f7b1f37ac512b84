"""Who is granted what, who must wait, and who is recalled for it."""

import pytest

from gateway.ledger import desk as ledger_desk
from gateway.ledger.desk import GRACE_S, Desk, LeaseState, SeriesState
from gateway.ledger.file import Raise
from gateway.ledger.interface import CALM_S, RECALL_WAIT_S, WAIT_S, Message, Recall, Room
from gateway.ledger.lease import MOST, Absurd, Ask, Books, Grant, Place
from tests.ledger.parts import Clock

SERIES = "search/daily"
PLACE = Place(SERIES, 0)
LIMIT = 100


class Office:
    """A desk, a clock, and what it posts. `posted` gives what came since the last look."""

    def __init__(self, *holders: str) -> None:
        self.clock = Clock()
        self.wall = 1000.0
        self.books = Books()
        self._posted: list[tuple[str, Message]] = []
        self.desk = Desk(
            self.books, lambda holder, message: self._posted.append((holder, message)), self.clock, self.now
        )
        self._numbers: dict[tuple[str, int], int] = {}
        for holder in holders:
            self.desk.arrive(holder)

    def now(self) -> float:
        """Return what the clock on the wall shows."""
        return self.wall

    def ask(self, holder: str, need: int = 0, want: int = 0, back: int = 0, **more: int) -> Ask:
        """Let a holder ask, and return what it asked."""
        start_s = more.pop("start_s", 0)
        number = self._numbers[holder, start_s] = self._numbers.get((holder, start_s), 0) + 1
        debt = more.pop("debt", 0)
        ask = Ask(
            SERIES, start_s, more.pop("reach_s", 0), holder, number, back, debt, need, max(need, want),
            more.pop("limit", LIMIT), more.pop("over_s", MOST), **more,
        )  # fmt: skip
        self.desk.take(ask)
        return ask

    def posted(self, seconds: float = 0.0) -> list[tuple[str, Message]]:
        """Let time pass, and return what was posted."""
        self.clock.run(seconds)
        found, self._posted = self._posted, []
        return found

    def added(self, seconds: float = 0.0) -> list[tuple[str, int]]:
        """Return who was granted how much more."""
        return [(holder, one.added) for holder, one in self.posted(seconds) if isinstance(one, Grant)]

    def recall(self) -> dict[str, int]:
        """Return who was recalled, and the number."""
        return {holder: one.recall for holder, one in self.posted() if isinstance(one, Recall)}


def test_what_is_there_is_granted_at_once() -> None:
    """Nobody else is asked for anything."""
    office = Office("a", "b")
    office.ask("a", need=10, want=60)

    assert [("a", Grant(SERIES, 0, 1, 60, 60, 40))] == office.posted()
    office.ask("b", want=70)
    assert [("b", 40)] == office.added()


def test_a_starving_request_gets_what_others_have_free() -> None:
    """As soon as there is enough."""
    office = Office("a", "b", "c")
    office.ask("a", want=50)
    office.ask("b", want=50)
    office.posted()

    office.ask("c", need=30)
    recalls = office.recall()
    assert {"a", "b"} == recalls.keys()
    office.ask("a", back=40, recalled=recalls["a"])
    assert [("a", 0), ("c", 30)] == office.added()


def test_who_takes_less_too_has_others_recalled_for_what_they_have() -> None:
    """Where even all of it would not be what is needed: then all of it is granted."""
    office = Office("a", "b")
    office.ask("a", want=LIMIT)
    office.posted()

    office.ask("b", need=LIMIT + 1)
    assert [("b", Grant(SERIES, 0, 1, 0, 0, 0))] == office.posted()
    office.ask("b", need=LIMIT + 1, partial=True)
    office.ask("a", back=70, recalled=office.recall()["a"])
    assert ("b", Grant(SERIES, 0, 2, 70, 70, 0)) in office.posted()


def test_who_takes_less_and_was_not_told_of_all_there_is_is_told_so() -> None:
    """It got what was there by the end of the wait; that others get nothing is no refusal of the budget."""
    office = Office("a", "b")
    office.ask("a", want=LIMIT - 30)
    office.posted()

    office.ask("b", need=50, partial=True)
    assert [("b", Grant(SERIES, 0, 1, 30, 30, 0, late=True))] == [
        one for one in office.posted(RECALL_WAIT_S) if isinstance(one[1], Grant)
    ]


def test_who_is_not_answered_in_time_is_not_refused_for_good() -> None:
    """What a recalled holder has free may be enough, but it has not said so; once it has, a refusal is one."""
    office = Office("a", "b")
    office.ask("a", want=LIMIT)
    office.posted()

    office.ask("b", need=10)
    recalls = office.recall()
    assert [("b", Grant(SERIES, 0, 1, 0, 0, 0, late=True))] == office.posted(RECALL_WAIT_S)
    office.ask("a", back=5, recalled=recalls["a"])
    office.posted()
    office.ask("b", need=10)
    office.ask("a", recalled=office.recall().get("a", 0))
    assert ("b", Grant(SERIES, 0, 2, 0, 0, 5)) in office.posted(RECALL_WAIT_S)


def test_a_request_is_refused_once_nobody_has_enough() -> None:
    """What they returned is there for others."""
    office = Office("a", "b", "c")
    office.ask("a", want=50)
    office.ask("b", want=50)
    office.posted()
    office.ask("c", need=30)
    recalls = office.recall()

    office.ask("a", back=10, recalled=recalls["a"])
    assert [("a", 0)] == office.added()
    office.ask("b", back=10, recalled=recalls["b"])
    assert [("b", 0), ("c", 0)] == office.added()
    assert 0 == office.desk.parked
    office.ask("c", need=20)
    assert [("c", 20)] == office.added()


def test_who_does_not_answer_is_waited_for_once() -> None:
    """A stopped worker delays a request by no more than the wait, and none once it had the time of a whole one."""
    office = Office("a", "b", "c")
    office.ask("a", want=100)
    office.posted()
    office.ask("b", need=30)
    assert {"a"} == office.recall().keys()

    assert [] == office.added(RECALL_WAIT_S - 0.001)
    assert [("b", 0)] == office.added(0.001)
    office.posted(WAIT_S - RECALL_WAIT_S)
    office.ask("b", need=30)
    assert [("b", 0)] == office.added()


def test_who_leaves_is_not_waited_for() -> None:
    """Its money stays charged, and what it asked is answered when it comes again."""
    office = Office("a", "b")
    office.ask("a", want=100)
    office.posted()
    office.ask("b", need=30)
    assert {"a"} == office.recall().keys()

    office.desk.leave("a")
    assert [("b", 0)] == office.added()
    office.desk.leave("a")
    office.ask("b", need=30)
    assert [("b", 0)] == office.added()


def test_nobody_is_recalled_where_that_cannot_help() -> None:
    """Neither for what nobody has, nor from those that have spent it, nor of the lease itself."""
    office = Office("a", "b")
    office.ask("a", want=40)
    office.ask("b", need=60)
    office.posted()
    office.ask("a", settled=40)
    office.posted()

    office.ask("b", need=1)
    assert [("b", Grant(SERIES, 0, 2, 60, 0, 0))] == office.posted()
    office.ask("a", need=101)
    assert [("a", Grant(SERIES, 0, 3, 40, 0, 0))] == office.posted()


def test_a_holder_is_recalled_of_its_other_windows_too() -> None:
    """Buckets of a rolling window count together, whoever holds money of them."""
    office = Office("a")
    office.ask("a", want=100)
    office.posted()

    office.ask("a", need=10, start_s=60)
    assert {"a"} == office.recall().keys()


def test_nothing_is_granted_past_one_that_waits() -> None:
    """Else money would be on its way to somebody while others are asked for theirs, and the answer would be wrong."""
    office = Office("a", "b", "c")
    office.ask("a", want=90)
    office.posted()
    office.ask("b", need=30)
    number = office.recall()["a"]

    office.ask("c", need=5, want=10)
    office.ask("a", want=10)
    assert [("a", 0)] == office.added()
    office.ask("a", back=10, recalled=number)
    assert [("a", 0), ("b", 0), ("c", 10)] == office.added()


def test_those_that_wait_share_what_there_is() -> None:
    """One that wants much gets what it needs, or its part."""
    office = Office("a", "b", "c")
    office.ask("a", want=100)
    office.posted()
    office.ask("b", need=10, want=80)
    office.ask("c", need=10, want=80)
    number = office.recall()["a"]

    office.ask("a", back=60, recalled=number)
    assert [("a", 0), ("b", 30), ("c", 30)] == office.added()


def test_a_later_ask_takes_the_place_of_one_that_waits() -> None:
    """It keeps its deadline; one that needs nothing any more is answered."""
    office = Office("a", "b", "c")
    office.ask("a", want=100)
    office.posted()
    office.ask("b", need=30)
    office.ask("c", need=30)
    assert [] == office.added(RECALL_WAIT_S / 2)

    office.ask("b", need=40)
    office.ask("c")
    assert [("c", 0)] == office.added()
    assert 1 == office.desk.parked
    assert [("b", 0)] == office.added(RECALL_WAIT_S / 2)
    office.posted(WAIT_S - RECALL_WAIT_S)
    office.ask("b", need=30)
    assert [("b", 0)] == office.added()


def test_a_later_ask_that_needs_nothing_is_answered() -> None:
    """The one that waited is over with it."""
    office = Office("a", "b")
    office.ask("a", want=100)
    office.posted()
    office.ask("b", need=30)
    office.posted()

    office.ask("b", back=0)
    assert [("b", 0)] == office.added()
    assert 0 == office.desk.parked
    assert [] == office.posted(1)


def test_an_ask_that_comes_again_while_it_waits_is_answered_once() -> None:
    """On a new connection."""
    office = Office("a", "b")
    office.ask("a", want=100)
    office.posted()
    waits = office.ask("b", need=30)
    office.posted()

    office.desk.arrive("b")
    office.desk.take(waits)
    assert [] == office.added()
    assert [("b", 0)] == office.added(RECALL_WAIT_S)
    office.desk.take(waits)
    assert [("b", 0)] == office.added()


def test_who_answered_lately_is_not_recalled_again() -> None:
    """What comes free there is returned at once; after a while, or when more was granted, it is asked for anew."""
    office = Office("a", "b", "c")
    office.ask("a", want=100)
    office.posted()
    office.ask("b", need=30)
    office.ask("a", recalled=office.recall()["a"])
    assert [("a", 0), ("b", 0)] == office.added()

    office.ask("b", need=30)
    assert [("b", 0)] == office.added()
    office.ask("a", back=20)
    office.ask("a", need=20)
    office.posted()
    office.ask("b", need=30)
    assert {"a"} == office.recall().keys()
    office.ask("a", recalled=MOST)
    office.posted(CALM_S)
    office.ask("b", need=30)
    assert {"a"} == office.recall().keys()


def test_those_that_wait_are_served_in_their_turn() -> None:
    """Not as their asks came; between equals the name decides."""
    office = Office("a", "b", "c", "d")
    office.ask("a", want=100)
    office.posted()
    for holder, turn in (("d", 9), ("c", 5), ("b", 9)):
        office.ask(holder, need=30, turn=turn)
    number = office.recall()["a"]

    office.ask("a", back=60, recalled=number)
    assert [("a", 0), ("c", 30), ("b", 30)] == office.added()


def test_a_recall_says_whose_turn_it_is() -> None:
    """So that its holder knows what to keep for others; while it does, only who comes before asks once more."""
    office = Office("a", "b", "c", "d")
    office.ask("a", want=100)
    office.posted()
    office.ask("c", need=30, turn=7)
    (first,) = [one for _, one in office.posted() if isinstance(one, Recall)]
    assert (7, "c") == (first.turn, first.asker)
    office.ask("d", need=30, turn=8)
    office.ask("c")  # given up
    assert {} == office.recall()

    office.ask("b", need=30, turn=6)
    (second,) = [one for _, one in office.posted() if isinstance(one, Recall)]
    assert (6, "b") == (second.turn, second.asker)
    assert second.recall > first.recall
    office.ask("a", recalled=first.recall)
    assert [("a", 0)] == office.added()
    office.ask("a", back=30, recalled=second.recall)
    assert [("a", 0), ("b", 30)] == office.added()


def test_a_later_recall_makes_nobody_wait_longer_for_one_that_does_not_answer() -> None:
    """The time runs from the first."""
    office = Office("a", "b", "c")
    office.ask("a", want=100)
    office.posted()
    office.ask("c", need=30, turn=7)
    office.posted(RECALL_WAIT_S)
    office.ask("b", need=30, turn=6)
    assert {"a"} == office.recall().keys()

    office.posted(WAIT_S - RECALL_WAIT_S)
    office.ask("c", need=30, turn=7)
    assert [("b", 0), ("c", 0)] == office.added(RECALL_WAIT_S - (WAIT_S - RECALL_WAIT_S))


def test_what_was_granted_after_a_recall_is_recalled_again() -> None:
    """The holder may have answered before it knew of it."""
    office = Office("a", "b", "c")
    office.ask("a", want=50)
    office.ask("b", want=40)
    office.posted()
    office.ask("c", need=60)
    recalls = office.recall()
    office.ask("a", back=0, recalled=recalls["a"])
    office.ask("c")  # given up
    office.ask("b", need=10)
    office.ask("b", back=0, recalled=recalls["b"])
    office.posted()

    office.ask("c", need=50)
    assert {"b"} == office.recall().keys()


def test_a_stale_answer_is_no_answer() -> None:
    """To an earlier recall, or to one that was sent on another connection."""
    office = Office("a", "b")
    office.ask("a", want=100)
    office.posted()
    office.ask("b", need=30)
    number = office.recall()["a"]
    office.ask("a", recalled=number - 1)
    assert [("a", 0)] == office.added()

    office.desk.arrive("a")
    assert {"a"} == office.recall().keys()
    office.ask("a", recalled=number)
    assert [("a", 0)] == office.added()
    assert 1 == office.desk.parked


def test_a_raise_serves_who_waits_and_tells_who_was_refused() -> None:
    """At once; nobody else is told."""
    office = Office("a", "b", "c")
    office.ask("a", want=100, limit=100)
    office.ask("c", need=1000)
    office.posted()
    office.ask("b", need=30)
    office.posted()
    office.desk.add_raise(Raise(1, SERIES, 50, 2000))

    office.desk.look_again(SERIES)
    assert [("c", Room(SERIES, 0, 50)), ("b", Grant(SERIES, 0, 1, 30, 30, 20, raised=50))] == office.posted()
    office.desk.look_again(SERIES)
    office.desk.look_again("unknown")
    assert [] == office.posted()


def test_a_raise_ends() -> None:
    """By the clock on the wall; then it is forgotten."""
    office = Office("a", "b")
    office.desk.add_raise(Raise(1, SERIES, 50, 2000))
    office.ask("a", want=130)
    assert [("a", 130)] == office.added()
    office.wall = 2000.0

    office.ask("a", want=130)
    assert [("a", Grant(SERIES, 0, 2, 130, 0, -30))] == office.posted()
    office.desk.tidy()
    office.wall = 1000.0
    assert 100 == office.desk.state()[SERIES].limit


def test_a_debt_stops_every_grant_and_nobody_waits_for_it() -> None:
    """What needs nothing is answered at once."""
    office = Office("a", "b")
    office.ask("a", want=90)
    office.ask("b", debt=30)
    assert [("a", 90), ("b", 0)] == office.added()

    office.ask("b", want=10)
    assert [("b", Grant(SERIES, 0, 2, 30, 0, -20))] == office.posted()


def test_nothing_is_granted_of_a_window_that_is_long_over() -> None:
    """What was forgotten could be spent twice."""
    office = Office("a")
    office.ask("a", need=10, over_s=1000 - GRACE_S + 1)
    assert [("a", 10)] == office.added()

    office.ask("a", need=10, over_s=1000 - GRACE_S)
    assert [("a", 0)] == office.added()


def test_what_is_stale_has_no_answer_and_what_is_absurd_is_told() -> None:
    """The one happens, the other must not."""
    office = Office("a", "b")
    office.ask("b", want=100)
    waits = office.ask("a", need=5)
    office.posted()
    office.books.close("a", {})
    office.desk.take(waits)
    assert [] == office.posted(1)

    office.ask("b", debt=MOST - 100)
    with pytest.raises(Absurd):
        office.ask("b", debt=1)


def test_the_state_tells_how_a_series_stands() -> None:
    """Over all that counts together, and all of it where nobody has asked since the start."""
    office = Office("a", "b")
    office.books.close("gone", {Place("unasked", 60): 5})
    office.books.correct(PLACE, 3)
    office.ask("b", want=20, reach_s=-60, start_s=-60)
    office.ask("a", want=20, settled=4, reach_s=-60)
    office.ask("b", want=10)

    assert {
        SERIES: SeriesState(
            limit=100, charged=33, spent=4, corrected=3, leases={"a": LeaseState(20, 4), "b": LeaseState(10, 0)}
        ),
        "unasked": SeriesState(limit=None, charged=5, spent=5),
    } == office.desk.state()


def test_a_word_that_wants_nothing_says_nothing_about_the_limit() -> None:
    """It may be older than the config."""
    office = Office("a")
    office.ask("a", want=20, limit=200)
    office.ask("a", limit=0)

    assert 200 == office.desk.state()[SERIES].limit


def test_what_nobody_knows_any_more_is_forgotten() -> None:
    """Series of callers that never come again."""
    office = Office("a", "b")
    office.ask("b", want=100)
    office.ask("a", need=10)
    office.posted(1)
    office.books.forget(PLACE)

    office.desk.tidy()
    office.books.correct(PLACE, 1)
    office.desk.look_again(SERIES)
    assert [] == office.posted()
    assert office.desk.state()[SERIES].limit is None


# ==== what people change ==============================================================================================


def lent(*holders: str, series: str = SERIES, settled: int = 0) -> Office:
    """Let each holder have 50 of a series."""
    office = Office(*holders)
    for holder in holders:
        office.desk.take(Ask(series, 0, 0, holder, 1, 0, 0, 50, 50, LIMIT, MOST, settled))
    office.posted()
    return office


def test_less_than_was_granted_is_taken_back() -> None:
    """From everybody who has something, where more was granted than there is now."""
    office = lent("a", "b")
    office.desk.changed(SERIES)
    assert {} == office.recall()
    office.desk.add_raise(Raise(1, SERIES, -1, MOST))
    office.desk.changed(SERIES)

    assert {"a", "b"} == office.recall().keys()


def test_who_has_spent_everything_is_not_recalled() -> None:
    """There is nothing to return; nor from who is not here."""
    office = lent("a", "b")
    office.desk.take(Ask(SERIES, 0, 0, "a", 2, 0, 0, 0, 0, LIMIT, MOST, 50))
    office.desk.leave("b")
    office.posted()

    assert 0 == office.desk.recall(SERIES, 0)
    assert {} == office.recall()


def test_without_a_known_limit_everything_is_taken_back() -> None:
    """After a restart nobody has asked yet: too much may be granted."""
    office = lent("a")
    desk = Desk(
        office.books, lambda holder, message: office._posted.append((holder, message)), office.clock, office.now
    )
    desk.arrive("a")
    desk.changed(SERIES)

    assert {"a"} == office.recall().keys()


def test_a_raise_of_all_counts_for_each() -> None:
    """Of those that are parted from this budget, in this unit, now and later."""
    office = Office()
    office.desk.add_raise(Raise(1, "a/loop?", 5, MOST))
    office.desk.add_raise(Raise(2, "a/loop?user=ann", 7, 1001))

    named = ["a/loop?user=ann", "a/loop?user=bob", "a/loop#requests?user=ann", "a/loop", "a/loop2?user=ann"]
    assert [12, 5, 0, 0, 0] == [office.desk.raised(name) for name in named]
    assert [1, 2] == [one.id for one in office.desk.raises()]
    office.wall = 1001.0
    assert [5, 5] == [office.desk.raised(name) for name in named[:2]]
    assert [1] == [one.id for one in office.desk.raises()]


def test_a_raise_of_all_serves_everybody_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some at a time, so that nobody else waits for it."""
    monkeypatch.setattr(ledger_desk, "AT_ONCE", 2)
    names = [f"a/loop?user={number}" for number in range(5)]
    office = Office("rich", "poor")
    for name in names:
        office.desk.take(Ask(name, 0, 0, "rich", 1, 0, 0, LIMIT, LIMIT, LIMIT))
        office.desk.take(Ask(name, 0, 0, "poor", 1, 0, 0, 5, 5, LIMIT))
    office.posted()
    office.desk.add_raise(Raise(1, "a/loop?", 5, MOST))
    office.desk.changed("a/loop?")

    assert [("poor", 5)] * 5 == office.added()
    assert names == office.desk.meant("a/loop?")
    assert ["a/loop"] == office.desk.meant("a/loop")


def test_at_the_end_of_a_raise_what_is_free_of_it_is_taken_back() -> None:
    """On time by the clock on the wall, though it was set back meanwhile."""
    office = Office("a")
    office.desk.add_raise(Raise(1, SERIES, 50, 1010))
    office.ask("a", need=LIMIT + 50)
    office.posted()
    office.wall = 1005.0
    assert [] == office.posted(10.0)
    office.wall = 1010.0
    assert [] == office.posted(4.9)

    assert [Recall] == [type(message) for _, message in office.posted(0.1)]


def test_a_raise_that_is_over_is_none() -> None:
    """As a file tells it after a restart."""
    office = Office("a")
    office.desk.add_raise(Raise(1, SERIES, 50, 1000))

    assert ([], 0, None) == (office.desk.raises(), office.desk.raised(SERIES), office.desk.end_raise(1))
