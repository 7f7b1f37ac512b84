"""What balances were charged is what exchanges cost, in each record, in the store's sums and in the ledger."""

from typing import Any

import pytest

from gateway.audit.charges import Ledgers, Sums, check_charges, compare
from gateway.audit.findings import Findings
from gateway.core.record import Attempt, Hold, Job, Record
from gateway.ledger.file import Kept
from gateway.ledger.lease import Balance, Lease, Place
from tests.records import record

DAILY = Place("search/daily", 60)
ATTEMPTS = [Attempt(provider="openai")]


def charged(amount: int, late: int = 0, *, holder: str = "gone", place: Place = DAILY, **fields: Any) -> Record:
    """Make an exchange that was charged so much."""
    holds = [Hold(*place, "usd", 100, charged=amount, late=late)]
    return record(**{"holder": holder, "holds": holds, "cost_nano_usd": amount + late, "attempts": ATTEMPTS, **fields})


def differences(found: Findings) -> list[tuple[str, str, Any, Any]]:
    """Return what was found."""
    return [(one.check, one.what, one.recorded, one.recomputed) for one in found.take()]


@pytest.mark.parametrize(
    ("hold", "fields", "expected"),
    [
        (Hold(*DAILY, "usd", 100, charged=70), {}, None),
        (Hold(*DAILY, "usd", 100, charged=90, late=-20), {}, None),
        (Hold(*DAILY, "usd", 100, charged=100), {"job": Job(id="x"), "cost_nano_usd": 0}, None),
        (Hold(*DAILY, "requests", 1, charged=1), {}, None),
        (Hold(*DAILY, "requests", 1), {"attempts": []}, None),
        (Hold(*DAILY, "usd", 100, charged=69), {}, (69, 70)),
        (Hold(*DAILY, "usd", 100, charged=70, late=1), {}, (71, 70)),
        (Hold(*DAILY, "usd", 100), {"job": Job(id="x"), "cost_nano_usd": 0}, (0, 100)),
        (Hold(*DAILY, "requests", 1, charged=1), {"attempts": []}, (1, 0)),
        (Hold(*DAILY, "requests", 1, charged=2), {}, (2, 1)),
    ],
)
def test_a_balance_is_charged_what_the_exchange_cost(
    hold: Hold, fields: dict[str, Any], expected: tuple[int, int] | None
) -> None:
    """Work that goes on is charged its hold, requests the call."""
    found = Findings()
    check_charges(record(**{"holds": [hold], "cost_nano_usd": 70, "attempts": ATTEMPTS, **fields}), found)

    assert [("charges", "search/daily from 60", *each) for each in [expected] if each] == differences(found)


def test_a_days_table_is_its_rows() -> None:
    """Of each day alone; one of which only a part was read says nothing."""
    found, sums = Findings(), Sums()
    sums.add(charged(5, 2))
    sums.add(charged(1))
    sums.end_day({("gone", *DAILY): (8, 2), ("w2", "x", 0): (0, 0)}, found)
    sums.add(charged(3))
    sums.end_day(None, found)
    assert [] == differences(found)
    sums.add(charged(3))
    sums.end_day({("gone", *DAILY): (4, 0), ("w2", "x", 0): (1, 1)}, found)

    assert [
        ("sums", "charges of gone: search/daily from 60", (4, 0), (3, 0)),
        ("sums", "charges of w2: x from 0", (1, 1), (0, 0)),
    ] == differences(found)


def ledger(balances: dict[Place, Balance]) -> Kept:
    """Make what stands in a ledger."""
    return Kept(list(balances.items()), {}, [], 1, {})


def compared(
    records: list[Record],
    before: dict[Place, Balance],
    after: dict[Place, Balance] | None = None,
    *,
    team: str | None = None,
    over: bool = False,
    gone_until_s: int = 0,
) -> Findings:
    """Compare a log with a ledger."""
    found, sums = Findings(), Sums()
    for one in records:
        sums.add(one)
    ledgers = Ledgers(ledger(before), ledger(before if after is None else after), lambda _: over, gone_until_s)
    compare(sums, ledgers, found, team)
    return found


LOG = [charged(5), charged(7), charged(20, -4, holder="w1"), charged(9, 1, holder="other")]
AGREED = Balance(5 + 7 + 9, leases={"w1": Lease(20, 3, 0, 20)}, late={"w1": -4, "other": 1})


def test_a_ledger_that_agrees() -> None:
    """Workers that are gone, one that runs, and what became known late of both."""
    found = compared(LOG, {DAILY: AGREED})

    assert [] == differences(found)
    assert 1 == found.checked["balances"]


@pytest.mark.parametrize(
    ("balance", "expected"),
    [
        (Balance(20, leases=AGREED.leases, late=AGREED.late), [("spent by workers that are gone", 20, 21)]),
        (Balance(21, leases={"w1": Lease(50, 3, 0, 21)}, late=AGREED.late), [("spent by w1", 21, 20)]),
        (Balance(21, leases={"w1": Lease(19, 3, 0, 19)}, late=AGREED.late), [("spent by w1", 19, 20)]),
        (Balance(21, leases={"w1": Lease(50, 3, 0, 19)}, late=AGREED.late), []),
        (
            Balance(21, leases=AGREED.leases, late={"w1": -4, "x": 5}),
            [("known late of other", 0, 1), ("known late of x", 5, 0)],
        ),
    ],
)
def test_what_the_ledger_says_otherwise_is_named(balance: Balance, expected: list[tuple[str, int, int]]) -> None:
    """A worker that still holds something may not have told all that it spent."""
    found = compared(LOG, {DAILY: balance})

    assert [("ledger", f"search/daily from 60: {what}", *each) for what, *each in expected] == differences(found)


def test_a_balance_that_only_one_of_them_knows_is_named() -> None:
    """Unless its window is over: then the ledger has forgotten it."""
    assert [("ledger", "search/daily from 60: spent by workers that are gone", 5, 0)] == differences(
        compared([], {DAILY: Balance(5)})
    )
    assert [("ledger", "search/daily from 60: spent by workers that are gone", 0, 5)] == differences(
        compared([charged(5)], {})
    )
    assert [] == differences(compared([charged(5)], {}, over=True))


def test_corrections_are_not_spent() -> None:
    """People may correct what counts; what was spent stays what it was."""
    assert [] == differences(compared([charged(5)], {DAILY: Balance(5, corrected=-5)}))


def test_a_balance_that_changes_meanwhile_is_not_judged() -> None:
    """Unless it agrees with the log as it was before, or is after."""
    agrees, later, latest = (Balance(5), Balance(6), Balance(7))
    for before, after, skipped in ((agrees, later, 0), (later, agrees, 0), (later, latest, 1)):
        found = compared([charged(5)], {DAILY: before}, {DAILY: after})

        assert [] == differences(found)
        assert skipped == found.skipped["ledger: the balance changed meanwhile"]


def test_a_balance_whose_exchanges_may_be_gone_is_not_judged() -> None:
    """Only if it differs: what agrees all the same is right. One that began later is."""
    began_s = DAILY.start_s

    assert [] == differences(compared(LOG[:2], {DAILY: AGREED}, gone_until_s=began_s + 1))
    assert 1 == compared(LOG, {DAILY: AGREED}, gone_until_s=began_s + 1).checked["balances"]
    assert [] != differences(compared(LOG[:2], {DAILY: AGREED}, gone_until_s=began_s))


def test_of_one_team_its_own_balances_are_compared() -> None:
    """The company's count everybody's exchanges."""
    company = Place("company/all", 0)
    found = compared(
        [charged(5)], {DAILY: Balance(4), company: Balance(99), Place("searcher/daily", 0): Balance(1)}, team="search"
    )

    assert 1 == len(differences(found))
