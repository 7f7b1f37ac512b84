"""One look after another: what comes is taken once, minutes close, sessions end, the past is worked off."""

import pytest

from gateway.evaluation.runs import order, order_pair
from gateway.policies.evaluating import Always
from gateway.policies.sampling import draw
from tests.evaluation.conftest import MakePlace
from tests.evaluation.looking import MINUTE_MS, evaluating, rule
from tests.records import NOON_MS, record


def test_evaluation_begins_at_the_end_of_the_log(make_place: MakePlace) -> None:
    """What was there before is for backfills; what comes is taken once."""
    place = make_place(evaluating(rule()))
    place.store_all(record())
    place.look()
    new = [record(NOON_MS + number) for number in range(3)]
    place.store_all(*new)
    place.look()
    place.look()

    assert [each.id for each in new] == [each.exchange for each in place.targets()]
    assert [] == place.targets()


def test_minute_is_decided_when_it_is_over(make_place: MakePlace) -> None:
    """With the clock, whether anything new comes or not."""
    place = make_place(evaluating(rule(per_minute=2)))
    place.look()
    place.store_all(*(record() for _ in range(9)))
    place.look(NOON_MS + 59_999)
    during = place.targets()
    place.look(NOON_MS + MINUTE_MS)
    after = place.targets()
    place.look(NOON_MS + 2 * MINUTE_MS)

    assert ([], 2, []) == (during, len(after), place.targets())


def test_next_minute_begins_anew(make_place: MakePlace) -> None:
    """Who was among the lowest of one minute says nothing of the next."""
    place = make_place(evaluating(rule(per_minute=2)))
    place.look()
    records = sorted((record() for _ in range(20)), key=lambda each: draw("tollway", each.id))
    place.store_all(*records[:10])
    place.look()
    place.store_all(*records[10:])
    place.look(NOON_MS + MINUTE_MS)
    first = place.targets()
    place.look(NOON_MS + 2 * MINUTE_MS)

    assert [each.id for each in records[:2]] == sorted((each.exchange for each in first), key=by_draw)
    assert [each.id for each in records[10:12]] == sorted((each.exchange for each in place.targets()), key=by_draw)


def by_draw(exchange: str) -> float:
    """Order exchanges by their numbers."""
    return draw("tollway", exchange)


def test_always_rules_ask_every_exchange_of_a_session(make_place: MakePlace) -> None:
    """Also one that was looked at before the others came."""
    config = evaluating(rule(sample=0.0, always=(Always("error"),)), idle_s=60.0)
    place = make_place(config, {"refusal": "conversation"})
    place.look()
    for at, outcome in enumerate(("ok", "timeout", "ok")):
        place.store_all(record(NOON_MS + at, session="s", outcome=outcome), record(NOON_MS + at, session="t"))
        place.look()
    place.look(NOON_MS + 2 * MINUTE_MS)
    place.look(NOON_MS + 3 * MINUTE_MS)

    assert [("s", ["error"])] == [(each.target, each.reasons) for each in place.targets()]


def test_sessions_end_when_they_rest(make_place: MakePlace) -> None:
    """Once; one that goes on later is another conversation of the same name."""
    place = make_place(evaluating(rule(), idle_s=60.0), {"refusal": "conversation"})
    place.look()
    first, second, third = (record(NOON_MS + ms, session="s", duration_ms=0.0) for ms in (0, 40_000, 200_000))
    place.store_all(first)
    place.look(NOON_MS + 30_000)
    place.store_all(second)
    place.look(NOON_MS + 99_999)
    during = place.targets()
    place.look(NOON_MS + 100_001)
    after = place.targets()
    place.store_all(third)
    place.look(NOON_MS + 260_001)

    assert ([], [second.id]) == (during, [each.exchange for each in after])
    assert [third.id] == [each.exchange for each in place.targets()]


def test_session_does_not_rest_while_the_log_is_behind(make_place: MakePlace) -> None:
    """What would go on with it may not have been read yet."""
    place = make_place(evaluating(rule(), idle_s=60.0), {"refusal": "conversation"})
    place.look()
    place.store_all(*(record(NOON_MS + 50_000 * number, session="s") for number in range(10)))
    late_ms = NOON_MS + 3_600_000
    while place.watch.look(late_ms, 3).is_behind:
        assert [] == place.targets()

    assert 1 == len(place.targets())


def test_past_is_worked_off_with_room_for_it(make_place: MakePlace) -> None:
    """Nothing of it is dropped; it has no caps, and no strata; each is taken once, with its probability."""
    place = make_place(evaluating(rule(), backlog=4))
    old = [record(NOON_MS + number, outcome="timeout" if number == 3 else "ok") for number in range(12)]
    place.store_all(*old, record(team="web"))
    place.look()
    wanted = rule(sample=0.5, always=(Always("error"),), per_minute=1)
    run = order(place.folder / "evaluation", wanted, NOON_MS, NOON_MS + 11, NOON_MS)
    found = []
    for _ in range(30):
        place.look()
        assert place.queue.waiting().get("refusal", 0) <= 4
        found += place.targets(limit=1)
    (told,) = place.reader.runs()

    assert {run} == {each.run for each in found}
    assert len({each.exchange for each in found}) == len(found) == told.sampled
    assert {old[3].id: 1.0} == {each.exchange: each.probability for each in found if "error" in each.reasons}
    assert {each.id for each in old[:11] if by_draw(each.id) < 0.5} | {old[3].id} == {each.exchange for each in found}
    assert "done" == told.state
    assert not [key for key in place.reader.funnel() if key[1] == "dropped"]


def test_past_waits_while_there_is_no_room(make_place: MakePlace) -> None:
    """And goes on when there is: it is not over before its end."""
    place = make_place(evaluating(rule(), backlog=4))
    old = [record(NOON_MS + number) for number in range(12)]
    place.store_all(*old)
    place.look()
    order(place.folder / "evaluation", rule(), NOON_MS, NOON_MS + 60, NOON_MS)
    found = []
    for _ in range(30):
        place.look()
        place.look()
        found += place.targets(limit=1)

    assert [each.id for each in old] == [each.exchange for each in found]


def test_past_of_conversations_is_refused(make_place: MakePlace) -> None:
    """It is not built: nobody shall wait for it. What is not loaded yet may still be."""
    place = make_place(evaluating(rule("talk"), rule("late")), {"talk": "conversation"})
    place.store_all(record(session="s"))
    for name in ("talk", "late"):
        order(place.folder / "evaluation", rule(name), 0, NOON_MS + 1, NOON_MS)
    place.look()

    assert {"talk": "refused", "late": "open"} == {each.rule.evaluator: each.state for each in place.queue.runs()}
    assert [] == place.targets()


@pytest.mark.parametrize(
    ("is_there", "unit", "state", "targets"),
    [(True, "pair", "done", 1), (False, "pair", "refused", 0), (True, "exchange", "refused", 0)],
)
def test_pair_that_was_ordered(is_there: bool, unit: str, state: str, targets: int, make_place: MakePlace) -> None:
    """It is taken once, whatever the rule says; refused where it cannot be, so that nobody waits for it."""
    place = make_place(evaluating(rule("pairwise", sample=0.0)), {"pairwise": unit})
    one, other = record(), record()
    if is_there:
        place.store_all(one, other)
    place.look()
    order_pair(place.folder / "evaluation", rule("pairwise"), one.id, other.id, NOON_MS)
    for _ in range(2):
        place.look()

    assert [state] == [each.state for each in place.queue.runs()]
    assert [f"{one.id}|{other.id}"] * targets == [each.target for each in place.targets()]


def test_clock_that_is_set_back_holds_nobody_up(make_place: MakePlace) -> None:
    """Whoever waits does not wait until the clock is there again."""
    place = make_place(evaluating(rule(per_minute=2)))
    place.look()
    place.store_all(record())
    place.look()
    place.look(NOON_MS - 3_600_000)

    assert 1 == len(place.targets())


def test_another_config_goes_on_where_the_first_one_was(make_place: MakePlace) -> None:
    """Who waits for the end of a minute is decided by the caps of that time."""
    place = make_place(evaluating(rule(per_minute=3)))
    place.look()
    place.store_all(*(record() for _ in range(9)))
    place.look()
    place.use(evaluating(rule("slo")))
    place.units["slo"] = "exchange"
    place.use(evaluating(rule("slo")))
    place.store_all(record())
    place.look(NOON_MS + MINUTE_MS)

    assert {"refusal": 3, "slo": 1} == place.queue.waiting()
