"""One rule at work: what it has counted since it was last asked, and who could still be taken in this minute."""

from collections.abc import Iterable
from heapq import heappush, heappushpop
from typing import NamedTuple

from gateway.evaluation.task import ONLINE, Held, Sampled, StratumCount, StratumKey
from gateway.evaluation.windows import Candidate, keep_at_most
from gateway.policies.sampling import BY_RATE, Decision, Kind, Sieve

_NOT_LOADED = "not_loaded"

# Minute since the epoch, model, route, outcome.
Stratum = tuple[int, str, str, str]


class Facts(NamedTuple):
    """What is decided about: an exchange, or a conversation with the facts of its last one."""

    exchange: str
    day: str
    seq: int
    drawn: float
    kind: Kind
    stratum: Stratum
    conversation: str | None


class Use:
    """One team's use of one evaluator. `unit`: what it looks at; None: it is not loaded. `bounded`: by money."""

    def __init__(self, sieve: Sieve, unit: str | None, *, bounded: bool = False, slots_most: int | None = None) -> None:
        self.sieve = sieve
        self.evaluator = sieve.rule.evaluator
        self.unit = unit
        self.waits = bounded or sieve.rule.per_minute is not None
        self._unknown = 0
        self._seen = 0
        self._taken = 0
        self._strata: dict[Stratum, StratumCount] = {}
        self._triage = (0, 0)  # in which minute how many
        self.begin_window(slots_most)

    def begin_window(self, slots_most: int | None) -> None:
        """Forget who was there before."""
        rule = self.sieve.rule
        self._by_rate = _Lowest(keep_at_most(rule.per_minute, slots_most))
        self._always = _Lowest(keep_at_most(rule.always_per_minute, slots_most))

    def pass_by(self) -> None:
        """Count one that nobody can look at."""
        self._unknown += 1

    def decide(self, facts: Facts, decision: Decision | None, now_ms: int) -> Sampled | Held | None:
        """Count one, and say whether it is taken (Sampled), or waits for the end of the minute (Held)."""
        self._seen += 1
        if decision is None:
            return None
        count = self._strata.get(facts.stratum)
        if count is None:
            count = self._strata[facts.stratum] = StratumCount()
        count.seen += 1
        if self.waits or decision.always:
            return self._held(facts, decision, now_ms) if self._may_be_taken(decision) else None
        if not decision.by_rate:
            return None
        count.sampled += 1
        self._taken += 1
        return self.sampled(facts, decision.rate, decision.reasons)

    def has_room_for_triage(self, minute: int) -> bool:
        """Whether one more may be taken in this minute for what somebody said of it."""
        count = self._triage[1] if self._triage[0] == minute else 0
        if count >= self.sieve.rule.always_per_minute:
            return False
        self._triage = minute, count + 1
        return True

    def sampled(self, facts: Facts, probability: float | None, reasons: list[str], run: str = ONLINE) -> Sampled:
        """Make a target of it."""
        is_conversation = self.unit == "conversation"
        _, model, route, outcome = facts.stratum
        return Sampled(
            run=run,
            evaluator=self.evaluator,
            team=self.sieve.rule.team,
            target_type="conversation" if is_conversation else "exchange",
            target=facts.conversation or "" if is_conversation else facts.exchange,
            exchange=facts.exchange,
            day=facts.day,
            seq=facts.seq,
            policy=self.sieve.policy,
            probability=probability,
            reasons=reasons,
            conversation=facts.conversation,
            model=model,
            route=route,
            outcome=outcome,
        )

    def counted(self) -> tuple[dict[StratumKey, StratumCount], dict[tuple[str, str, str], int]]:
        """Return what was counted since the last call: strata, and steps of the funnel."""
        name, team = self.evaluator, self.sieve.rule.team
        strata = {(name, team, *stratum): count for stratum, count in self._strata.items()}
        why = _NOT_LOADED if self.unit is None else f"unit_{self.unit}"
        funnel = {
            (name, "seen", ""): self._seen,
            (name, "seen", why): self._unknown,
            (name, "matched", ""): sum(count.seen for count in self._strata.values()),
            (name, "sampled", BY_RATE): self._taken,
        }
        self._seen = self._unknown = self._taken = 0
        self._strata = {}
        return strata, {key: count for key, count in funnel.items() if count}

    def _held(self, facts: Facts, decision: Decision, now_ms: int) -> Held:
        rule = self.sieve.rule
        always = bool(decision.always)
        candidate = Candidate(
            0, self.sieve.policy, decision.draw, decision.rate, always, rule.per_minute, rule.always_per_minute
        )
        return Held(candidate, self.sampled(facts, None, decision.reasons), now_ms)

    def _may_be_taken(self, decision: Decision) -> bool:
        """Whether it is among the lowest of this minute so far: the file need not hold those that are not."""
        low = decision.by_rate and self._by_rate.takes(decision.draw / decision.rate)
        return (bool(decision.always) and self._always.takes(decision.draw)) or low


class _Lowest:
    """The `most` lowest numbers so far (None: all)."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._negated: list[float] = []

    def takes(self, number: float) -> bool:
        if self._most is None:
            return True
        if len(self._negated) < self._most:
            heappush(self._negated, -number)
            return True
        return heappushpop(self._negated, -number) != -number


def counted(uses: Iterable[Use]) -> tuple[dict[StratumKey, StratumCount], dict[tuple[str, str, str], int]]:
    """Return what all of them have counted."""
    strata: dict[StratumKey, StratumCount] = {}
    funnel: dict[tuple[str, str, str], int] = {}
    for use in uses:
        more_strata, more = use.counted()
        strata |= more_strata
        for key, count in more.items():
            funnel[key] = funnel.get(key, 0) + count
    return strata, funnel
