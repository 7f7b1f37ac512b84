"""A batch is parted by the days of its exchanges."""

from gateway.store.batch import by_day, by_key
from gateway.store.schema import day_number
from tests.records import DAY_MS, NOON_MS, finished, new_id, record
from tests.scores import evaluated, evaluation, judged


def test_evaluations_belong_to_the_day_of_their_exchange() -> None:
    """Also where nothing else of that day is in the batch."""
    one = record()
    late = judged(new_id(NOON_MS - DAY_MS))
    days = by_day([finished(one)], [late, judged(one.id)], lambda _: False)
    today = day_number(late.exchange) + 1

    assert [today, today - 1] == list(days)
    assert ([late], []) == (days[today - 1].evaluated, days[today - 1].gone)
    assert 1 == len(days[today].evaluated)


def test_an_evaluation_begins_no_day_long_past() -> None:
    """Whoever invents ids must not fill the disk with files: it counts under the day on which it was made."""
    old = evaluated(evaluation(new_id(NOON_MS - 9 * DAY_MS)))
    today = day_number(old.exchange) + 9

    assert [old] == by_day([], [old], lambda _: False)[today].gone
    assert [old] == by_day([], [old], lambda day: day == today - 9)[today - 9].evaluated


def test_an_amendment_is_merged_into_what_it_amends() -> None:
    """Its pieces of bodies follow those that were there."""
    one = record()
    [part] = by_day([finished(one), finished(one, None, b"more", amends=True)], [], lambda _: False).values()
    rows, amendments, _ = by_key(part)

    assert {} == amendments
    assert [b'{"b":2}', b"more"] == [piece[2] for row in rows.values() for piece in row.response]
