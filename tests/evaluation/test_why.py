"""Of every exchange it can be said what became of it for each evaluator, and why."""

from pathlib import Path

from gateway.core.record import Record
from gateway.evaluation.follow import Follow
from gateway.evaluation.protocol import Loaded
from gateway.evaluation.queue_reader import QueueReader
from gateway.evaluation.why import STATES, Asked, Why, asked_of, public_why, why
from gateway.policies.evaluating import Stratum
from gateway.policies.sampling import draw
from tests.evaluation.conftest import MakePlace
from tests.evaluation.looking import MINUTE_MS, Place, evaluating, rule
from tests.records import NOON_MS, record
from tests.scores import evaluation, feedback


def asked(place: Place, one: Record, evaluated: tuple[str, ...] = ()) -> dict[str, Why]:
    """Ask about an exchange, by evaluator."""
    found = why(Asked(one, place.units, evaluated), place.config, place.follow, place.reader)
    assert {each.state for each in found} <= {*STATES}
    return {each.evaluator: each for each in found}


def test_asks_by_what_is_loaded_and_what_is_in_the_log(make_place: MakePlace) -> None:
    """The newest definition says what an evaluator looks at; people's words are no evaluator's."""
    place = make_place(evaluating(rule("talk")))
    for number, unit in enumerate(("exchange", "conversation")):
        place.queue.define(f"f{number}", Loaded(evaluator="talk", unit=unit), None, number)
    one = record()
    found = asked_of(one, [evaluation(one.id, "slo"), feedback(one.id)], place.reader)

    assert Asked(one, {"talk": "conversation"}, {"slo"}) == found


def test_shape_for_programs() -> None:
    """By the names of its fields."""
    assert {"evaluator": "a", "state": "open", "told": "it is", "draw": 0.5, "rate": 1.0, "reasons": ["rate"]} == (
        public_why(Why("a", "open", "it is", 0.5, 1.0, ("rate",)))
    )


def test_what_became_of_one_exchange(make_place: MakePlace) -> None:
    """For each evaluator that its team uses, whatever it was."""
    config = evaluating(
        rule("all"), rule("none", sample=0.0), rule("capped", per_minute=1), rule("broken"), rule("talk"), rule("done"),
        rule("other", only=Stratum(1.0, model=("x",))),
    )  # fmt: skip
    units = {**dict.fromkeys(("all", "none", "capped", "other", "done"), "exchange"), "talk": "conversation"}
    place = make_place(config, units)
    place.look()
    one = record(NOON_MS + 1)
    place.store_all(one)
    before = asked(place, one)
    place.look()
    after = asked(place, one, ("done",))

    assert {"not_seen", "evaluated"} >= {each.state for each in before.values()}
    assert {
        "all": "waiting", "none": "not_sampled", "capped": "window", "other": "not_matched", "broken": "not_loaded",
        "talk": "no_session", "done": "evaluated",
    } == {name: each.state for name, each in after.items()}  # fmt: skip
    assert (draw("tollway", one.id), 0.0) == (after["none"].draw, after["none"].rate)


def test_what_caps_or_the_backlog_left_out(make_place: MakePlace) -> None:
    """The queue no longer knows each of them, but why there are such."""
    place = make_place(evaluating(rule("capped", per_minute=1), rule("dropped"), backlog=1))
    place.look()
    records = sorted((record(NOON_MS + 1) for _ in range(3)), key=lambda each: draw("tollway", each.id))
    place.store_all(*records)
    place.look()
    place.look(NOON_MS + MINUTE_MS)
    told = [asked(place, each) for each in records]

    assert ["waiting", "capped", "capped"] == [each["capped"].state for each in told]
    assert ["dropped", "dropped", "waiting"] == sorted(each["dropped"].state for each in told)


def test_open_conversation_is_told(make_place: MakePlace) -> None:
    """It is decided when it is over."""
    place = make_place(evaluating(rule("talk"), idle_s=60.0), {"talk": "conversation"})
    place.look()
    one = record(NOON_MS + 1, session="s", duration_ms=0.0)
    place.store_all(one)
    place.look()
    during = asked(place, one)["talk"].state
    place.look(NOON_MS + 2 * MINUTE_MS)
    after = asked(place, one)["talk"].state
    place.targets()

    assert ("open", "waiting", "gone") == (during, after, asked(place, one)["talk"].state)


def test_what_is_not_taken_as_it_comes(make_place: MakePlace) -> None:
    """Pairs are chosen by somebody; for conversations of the past nobody is sent to a backfill, which is refused."""
    place = make_place(evaluating(rule("two"), rule("talk")), {"two": "pair", "talk": "conversation"})
    old = record(NOON_MS - 5_000, duration_ms=1.0, session="s")
    place.store_all(old)
    place.look()
    found = asked(place, old)

    assert ("of_pairs", "before_start") == (found["two"].state, found["talk"].state)
    assert "backfill" not in found["talk"].told


def test_judges_calls_and_what_was_there_before(make_place: MakePlace) -> None:
    """Neither is ever looked at."""
    place = make_place(evaluating(rule("all")))
    old = record(NOON_MS - 5_000, duration_ms=1.0)
    place.store_all(old)
    place.look()

    assert ("before_start", True) == (asked(place, old)["all"].state, "backfill" in asked(place, old)["all"].told)
    assert "judge_call" == asked(place, record(team="evaluation"))[""].state


def test_without_an_evaluator_nothing_was_seen(tmp_path: Path) -> None:
    """None has run yet."""
    one = record()
    found = why(Asked(one, {"all": "exchange"}), evaluating(rule("all")), Follow(tmp_path), QueueReader(tmp_path))

    assert ["not_seen"] == [each.state for each in found]
