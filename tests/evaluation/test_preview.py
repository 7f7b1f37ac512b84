"""A rule that is tried on the past takes what it would have taken."""

from gateway.evaluation.preview import Preview, preview
from gateway.policies.evaluating import Always, Stratum
from gateway.policies.sampling import draw
from tests.evaluation.conftest import MakePlace
from tests.evaluation.looking import MINUTE_MS, evaluating, rule
from tests.records import NOON_MS, record


def test_rule_is_tried_on_the_past(make_place: MakePlace) -> None:
    """How many it sees, looks at and takes, why, and how many its caps leave out."""
    place = make_place(evaluating())
    records = [
        record(NOON_MS + number * MINUTE_MS // 10, outcome=("ok", "ok", "timeout", "cancelled")[number % 4])
        for number in range(40)
    ]
    place.store_all(*records, record(team="web"), record(NOON_MS - 1), record(NOON_MS + 4 * MINUTE_MS))
    only = Stratum(1.0, outcome=("ok", "timeout"))
    tried = rule(sample=0.5, always=(Always("error"),), always_per_minute=1, per_minute=2, only=only)
    span = NOON_MS, NOON_MS + 4 * MINUTE_MS
    found = preview(place.follow, tried, "x", *span)
    uncapped = preview(place.follow, tried, "x", *span, caps=False)
    by_rate = [each for each in records if each.outcome != "cancelled" and draw("x", each.id) < 0.5]

    assert (40, 30) == (found.seen, found.matched) == (uncapped.seen, uncapped.matched)
    assert 4 == found.reasons["error"]
    assert found.reasons["rate"] <= 8
    assert uncapped.sampled == found.sampled + found.capped
    assert {"rate": len(by_rate), "error": 10} == dict(uncapped.reasons)
    assert found.sampled * 7 == found.cost_nano_usd(7)
    assert {} == place.queue.cursors()


def test_without_traffic_there_is_nothing(make_place: MakePlace) -> None:
    """And no error."""
    place = make_place(evaluating())

    assert Preview() == preview(place.follow, rule(), "x", 0, NOON_MS)
