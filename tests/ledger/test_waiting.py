"""Who waits for more, and whose turn it is: near exhaustion nobody is refused what is there."""

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ledger.account import Account, Terms
from gateway.ledger.holder import Holder
from gateway.ledger.holds import Held, Short
from gateway.ledger.interface import WAIT_S
from tests.ledger.parts import Bank, terms

SERIES = ("team", "user", "key", "session")


@dataclass
class Crowd:
    """Workers whose requests come and wait, and what must be true of each refusal."""

    limits: list[int]
    delays_s: list[float]
    held: list[tuple[Holder, Held]] = field(default_factory=list)
    refused: int = 0

    def __post_init__(self) -> None:
        self.bank = Bank()
        self.terms = [terms(series, limit) for series, limit in zip(SERIES, self.limits, strict=False)]
        self.holders = []
        for at, delay_s in enumerate(self.delays_s):
            self.holders.append(self.bank.holder(f"w{at}", workers=len(self.delays_s)))
            self.bank.delay_s[f"w{at}"] = delay_s
        self.settled: Counter[str] = Counter()
        self.mine: dict[int, list[tuple[Terms, Terms]]] = {}

    def request(self, at: int, amounts: list[int]) -> None:
        """Let a request come."""
        one = self.holders[at % len(self.holders)]
        # Terms remember the account of their own holder.
        demands = [
            (terms(of.place.series, of.limit), amount) for of, amount in zip(self.terms, amounts, strict=False) if amount or of is self.terms[0]
        ]
        found = one.hold(demands)
        if isinstance(found, Held):
            self.held.append((one, found))
        else:
            one.more(found, lambda result: self.came(one, result))

    def came(self, one: Holder, result: Held | Short) -> None:
        """A request was admitted or refused: not, if all that it needs is neither settled nor held."""
        if isinstance(result, Held):
            self.held.append((one, result))
        else:
            self.refused += 1
            lacking = [amount for of, amount in result.demands if amount > self.left(of)]
            assert lacking, ([amount for _, amount in result.demands], [self.left(of) for of in self.terms])

    def left(self, of: Terms) -> int:
        """Return what is neither settled nor held of a balance."""
        accounts = [one._accounts[of.place] for one in self.holders if of.place in one._accounts]
        return of.limit - self.settled[of.place.series] - sum(account.held for account in accounts)

    def settle(self, most: int, parts: list[float]) -> None:
        """Let some of the requests end."""
        for part in parts[:most]:
            if self.held:
                one, held = self.held.pop(int(part * 997) % len(self.held))
                costs = [int(amount * part) for amount in held.amounts]
                self.settled.update(dict(zip((place[0] for place in held.places()), costs, strict=True)))
                one.settle(held, costs)


AMOUNTS = st.lists(st.integers(0, 90), min_size=4, max_size=4).filter(any)
ROUND = st.tuples(
    st.lists(st.tuples(st.integers(0, 5), AMOUNTS, st.sampled_from([0, 0, 0, 10, 50])), min_size=1, max_size=12),
    st.lists(st.floats(0, 1), max_size=6),
    st.sampled_from([0.002, 0.01, 0.03, 0.2]),
)


@settings(max_examples=100, deadline=None)
@given(
    limits=st.lists(st.integers(50, 300), min_size=1, max_size=4),
    delays=st.lists(st.sampled_from([0, 0, 7, 20, 70]), min_size=1, max_size=5),
    rounds=st.lists(ROUND, min_size=1, max_size=5),
)
def test_nobody_is_refused_what_is_there(limits: list[int], delays: list[int], rounds: list) -> None:  # type: ignore[type-arg]
    """However many wait on however many workers for however many balances."""
    crowd = Crowd(limits, [delay * 1e-6 for delay in delays])
    for requests, parts, pause_s in rounds:
        before = len(crowd.bank.heard)
        for at, amounts, later in requests:
            crowd.bank.clock.run(later * 1e-6)
            crowd.request(at, amounts)
        crowd.bank.clock.run(0.02)
        assert not any(one._waiting._queues for one in crowd.holders)
        crowd.settle(len(parts), parts)
        crowd.bank.clock.run(pause_s)
        assert len(crowd.bank.heard) - before < 400
