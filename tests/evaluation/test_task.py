"""What passes between the parts is of one form."""

from gateway.evaluation.task import FUNNEL, stratum_of
from tests.evaluation.looking import sampled
from tests.records import NOON_MS


def test_stratum_is_that_of_the_minute_in_which_the_exchange_began() -> None:
    """As its id tells; what is not known is empty."""
    assert ("refusal", "search", NOON_MS // 60_000, "m", "", "ok") == stratum_of(sampled())
    assert ("slo", "search", NOON_MS // 60_000, "", "", "") == stratum_of(
        sampled(1, "slo", model=None, route=None, outcome=None)
    )


def test_steps_of_the_funnel_are_in_order() -> None:
    """Each step takes a part of the one before."""
    assert ("seen", "matched", "sampled", "queued") == FUNNEL[:4]
