"""Several limits are one decision, every end frees what was taken, and callers cannot fill the memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policies.limit import MINUTE_NS, SECOND_NS, Rate
from gateway.policies.limiter import CONCURRENT, Admission, Limit, Limiter, Limits, Quota, Wait, Weight
from gateway.policies.patterns import Patterns
from gateway.policies.scope import Caller, Scope

ONE = Weight(requests=1, tokens=100, nano_usd=1_000)
ANN = Caller("search", "ci", "ann", "s1")


def per_minute(name: str, unit: str, amount: int) -> Quota:
    """Write a quota a minute."""
    return Quota(f"{name}_per_minute", unit, Rate(amount, MINUTE_NS, amount))


REQUESTS = per_minute("requests", "requests", 60)
TOKENS = per_minute("tokens", "tokens", 600)
USD = per_minute("usd", "nano_usd", 60_000)


def admitted(result: Admission | Wait) -> Admission:
    """Say that it was let through."""
    assert isinstance(result, Admission), result
    return result


def refused(result: Admission | Wait) -> Wait:
    """Say that it was not."""
    assert isinstance(result, Wait)
    return result


def test_the_companys_limits_hold_beside_a_teams_own() -> None:
    """As for budgets."""
    company, own = Limit("company/all"), Limit("search/own", scope=Scope(team=Patterns(["search"])))
    limits = Limits([company, own])

    assert (company, own) == limits.applying(ANN, ("gpt-4o",), "openai")
    assert (company,) == limits.applying(ANN._replace(team="ads"), ("gpt-4o",), "openai")
    assert () == Limits().applying(ANN, ("gpt-4o",), "openai")


def test_the_longest_wait_is_told_and_nothing_is_charged() -> None:
    """Who is refused by one limit has used up none of the others."""
    limiter = Limiter()
    wide, narrow = Limit("company/wide", (REQUESTS,)), Limit("search/narrow", (REQUESTS, TOKENS))
    both = [(wide, ()), (narrow, ())]
    for number in range(6):
        admitted(limiter.admit(both, f"r{number}", ONE, 0))

    wait = refused(limiter.admit(both, "r6", ONE, 0))

    assert Wait(narrow, "tokens_per_minute", "", 10 * SECOND_NS, 0, 600, MINUTE_NS) == wait
    for number in range(54):
        admitted(limiter.admit([(wide, ())], f"w{number}", ONE, 0))
    assert "requests_per_minute" == refused(limiter.admit([(wide, ())], "w54", ONE, 0)).setting


def test_what_a_request_really_weighed_counts() -> None:
    """Estimates are corrected, for tokens and for money, and a request that never ran counts for nothing."""
    limiter = Limiter()
    wanted = [(Limit("search/own", (REQUESTS, TOKENS, USD)), ())]
    first = admitted(limiter.admit(wanted, "a", Weight(60, 600, 60_000), 0))
    assert isinstance(limiter.admit(wanted, "b", ONE, 0), Wait)

    first.end(Weight(), 0)

    admitted(limiter.admit(wanted, "b", Weight(60, 600, 60_000), 0))


def test_an_end_counts_once() -> None:
    """A request ends in many ways, and more than one may say so."""
    limiter = Limiter()
    wanted = [(Limit("search/own", (TOKENS,), concurrent=1), ())]
    first = admitted(limiter.admit(wanted, "a", Weight(1, 600, 0), 0))
    assert Wait(wanted[0][0], CONCURRENT, "", None, 0, 1, None) == refused(limiter.admit(wanted, "b", Weight(), 0))

    first.end(Weight(1, 0, 0), 0)
    second = admitted(limiter.admit(wanted, "b", Weight(1, 600, 0), 0))
    first.end(Weight(1, 0, 0), 0)

    assert isinstance(limiter.admit(wanted, "c", Weight(), 0), Wait)
    for _ in range(2):
        second.end(Weight(1, 700, 0), 0)
    admitted(limiter.admit(wanted, "c", Weight(), MINUTE_NS // 6))


def test_each_value_has_its_own() -> None:
    """One user's haste is no other one's wait; the refusal says whose it is."""
    limiter = Limiter()
    limit = Limit("search/own", (TOKENS,), per=("user",))
    admitted(limiter.admit([(limit, ("ann",))], "a", Weight(1, 600, 0), 0))

    assert "?user=ann" == refused(limiter.admit([(limit, ("ann",))], "b", ONE, 0)).part
    admitted(limiter.admit([(limit, ("bob",))], "c", ONE, 0))


def test_those_for_whom_there_is_no_room_share() -> None:
    """Whoever is idle makes room; no caller fills the memory by inventing users."""
    limiter = Limiter()
    limit = Limit("search/own", (TOKENS,), per=("user",), max_balances=2)

    def ask(user: str, now_ns: int) -> Admission | Wait:
        return limiter.admit([(limit, (user,))], user, Weight(1, 600, 0), now_ns)

    for user in ("ann", "bob", "eve"):
        admitted(ask(user, 0))
    for number in range(1_000):
        assert "?user=*" == refused(ask(f"u{number}", 0)).part
    assert 3 == len(limiter._meters["search/own"])
    assert "?user=ann" == refused(ask("ann", 0)).part

    admitted(ask("zoe", 2 * MINUTE_NS))

    assert [("zoe",)] == list(limiter._meters["search/own"])


def test_a_reload_keeps_what_is_used() -> None:
    """A raised limit has more room, and what runs still runs; a limit that is gone is forgotten."""
    limiter = Limiter()
    before = Limit("search/own", (TOKENS,), concurrent=1)
    after = Limit("search/own", (REQUESTS, per_minute("tokens", "tokens", 900)), concurrent=2)
    first = admitted(limiter.admit([(before, ())], "a", Weight(1, 600, 0), 0))

    second = admitted(limiter.admit([(after, ())], "b", Weight(1, 0, 0), 0))
    assert isinstance(limiter.admit([(after, ())], "c", Weight(1, 100, 0), 0), Wait)
    assert CONCURRENT == refused(limiter.admit([(after, ())], "c", Weight(1, 0, 0), 0)).setting
    first.end(Weight(1, 0, 0), 0)
    second.end(Weight(1, 0, 0), 0)
    admitted(limiter.admit([(after, ())], "c", Weight(1, 600, 0), 0))

    for name, tokens in (("d", 600), ("e", 300)):
        admitted(limiter.admit([(after, ())], name, Weight(1, tokens, 0), 2 * MINUTE_NS)).end(Weight(1, tokens, 0), 0)

    limiter.keep(Limits())
    assert {} == limiter._meters


def test_workers_share_a_limit() -> None:
    """An even part each, until what was asked for says otherwise; slots as well."""
    limit = Limit("company/all", (TOKENS,), concurrent=4)
    workers = [Limiter(number, 2) for number in range(2)]
    wanted = [(limit, ())]
    for number in range(3):
        admitted(workers[0].admit(wanted, f"r{number}", Weight(1, 100, 0), 0)).end(Weight(1, 100, 0), 0)
    assert isinstance(workers[0].admit(wanted, "r4", Weight(1, 100, 0), 0), Wait)

    reports = [worker.demands() for worker in workers]
    workers[0].reshare({"company/all": ((Rate(600, MINUTE_NS, 600),), 4)}, 0)

    assert [{"company/all": (400, 4)}, {}] == reports
    assert {} == workers[0].demands()
    assert 10 * SECOND_NS == refused(workers[0].admit(wanted, "r5", Weight(1, 100, 0), 0)).wait_ns
    for number in range(4):
        admitted(workers[0].admit(wanted, f"s{number}", Weight(), MINUTE_NS))


@pytest.mark.parametrize("limit", [Limit("search/own"), Limit("search/own", concurrent=0)])
def test_limits_of_nothing_and_of_none(limit: Limit) -> None:
    """Without a quota everything goes; with no slot at all nothing does."""
    result = Limiter().admit([(limit, ())], "a", ONE, 0)

    assert isinstance(result, Admission if limit.concurrent is None else Wait)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=60), st.integers(1, 3))
def test_no_slot_is_lost_and_none_is_given_twice(steps: list[tuple[int, bool]], most: int) -> None:
    """Whatever begins and ends in which order: at most so many run, and when all have ended all are free."""
    limiter, running = Limiter(), {}
    wanted = [(Limit("search/own", (REQUESTS,), concurrent=most), ())]
    for now, (number, begins) in enumerate(steps):
        owner = f"r{number}"
        if begins and owner not in running:
            result = limiter.admit(wanted, owner, Weight(), now)
            assert isinstance(result, Admission) is (len(running) < most)
            if isinstance(result, Admission):
                running[owner] = result
        elif owner in running:
            running.pop(owner).end(Weight(), now)
    for admission in running.values():
        admission.end(Weight(), len(steps))

    for number in range(most):
        admitted(limiter.admit(wanted, f"n{number}", Weight(), len(steps)))
