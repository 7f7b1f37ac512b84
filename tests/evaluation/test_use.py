"""A rule at work counts everything once, and forgets who cannot be taken any more."""

from random import Random

from gateway.evaluation.task import Held, Sampled, StratumCount
from gateway.evaluation.use import Facts, Use, counted
from gateway.policies.sampling import Decision, Kind, Sieve
from tests.evaluation.looking import rule

KIND = Kind(("m", "m", "m"), "", "chat", "ok")


def facts(number: int = 1) -> Facts:
    """Make the facts of an exchange."""
    return Facts(f"e{number}", "2026-11-23", number, 0.5, KIND, (7, "m", "", "ok"), None)


def test_counts_are_given_once() -> None:
    """What one look counted is not counted by the next."""
    use = Use(Sieve(rule()), "exchange")
    taken = use.decide(facts(), Decision(0.5, 1.0, ()), 0)
    left = use.decide(facts(), Decision(0.5, 0.2, ()), 0)
    unmatched = use.decide(facts(), None, 0)
    use.pass_by()
    first, second = counted([use]), counted([use])

    assert isinstance(taken, Sampled)
    assert (None, None) == (left, unmatched)
    assert {("refusal", "search", 7, "m", "", "ok"): StratumCount(2, 1)} == first[0]
    assert {"seen": 4, "matched": 2, "sampled": 1} == {
        step: sum(count for key, count in first[1].items() if key[1] == step) for step in ("seen", "matched", "sampled")
    }
    assert ({}, {}) == second


def test_lowest_of_a_window_are_held() -> None:
    """In whatever order they come; a new window begins anew."""
    draws = [number / 1000 for number in range(1000)]
    Random(1).shuffle(draws)
    use = Use(Sieve(rule(per_minute=3)), "exchange")
    held = [use.decide(facts(), Decision(drawn, 1.0, ()), 0) for drawn in draws]
    kept = {each.candidate.draw for each in held if isinstance(each, Held)}
    before = use.decide(facts(), Decision(0.9, 1.0, ()), 0)
    use.begin_window(None)

    assert {0.0, 0.001, 0.002, 0.003} <= kept
    assert len(kept) < 60
    assert before is None
    assert isinstance(use.decide(facts(), Decision(0.9, 1.0, ()), 0), Held)
