"""How each evaluator stands: who uses it, what it did, whether it is shut out."""

import msgspec
import pytest

from gateway.evaluation.protocol import Loaded
from gateway.evaluation.standing import ShutOut, Standing, standings
from gateway.evaluation.task import FUNNEL, Done
from gateway.policies.evaluating import Plugin
from tests.evaluation.conftest import MakePlace
from tests.evaluation.looking import Place, evaluating, rule
from tests.records import NOON_MS, record

CONFIG = evaluating(rule("refusal"), rule("refusal", team="web", sample=0.5), rule("slo"))


@pytest.fixture
def place(make_place: MakePlace) -> Place:
    """A place where `refusal` is loaded, and looks at things."""
    place = make_place(CONFIG, {"refusal": "exchange"})
    place.queue.define("f1", Loaded(evaluator="refusal", version="1.0"), None, NOON_MS)
    place.look()
    return place


def standing(place: Place, evaluator: str) -> Standing:
    """Tell of one."""
    return {one.evaluator: one for one in standings(place.config, place.reader)}[evaluator]


def test_who_uses_it_and_what_it_is(make_place: MakePlace) -> None:
    """Its teams with their rates, its plugin, its judge; the newest version that was seen."""
    config = evaluating(
        rule("helpful", sample=0.1),
        rule("helpful", team="web", sample=0.5),
        plugins={"helpful": Plugin("helpful", "llm_judge", judge="m")},
    )
    place = make_place(config)
    for number in (1, 2):
        place.queue.define(f"f{number}", Loaded(evaluator="helpful", version=f"{number}.0"), "m", NOON_MS + number)
    found = standing(place, "helpful")

    assert ({"search": 0.1, "web": 0.5}, "llm_judge", "m") == (found.rates, found.use, found.judge)
    assert ("2.0", "f2", "ok") == (found.version, found.fingerprint, found.state)


def test_funnel_says_how_many_came_how_far_and_why(place: Place) -> None:
    """Each step, as a whole and by reason; and what waits."""
    place.store_all(*(record(NOON_MS + 1) for _ in range(4)))
    place.look()
    one, two, three = place.queue.due(3, NOON_MS, ())
    place.queue.finish([Done(one, "ok", None, 1), Done(two, "error", "timeout", 0), Done(three, "error", "crash", 0)])
    found = standing(place, "refusal")

    assert [*FUNNEL] == [*found.funnel]
    assert {"seen": 4, "sampled": 4, "run": 3, "ok": 1, "error": 2, "dropped": 0}.items() <= found.funnel.items()
    assert ({"timeout": 1, "crash": 1}, 1) == (found.reasons["error"], found.waiting)


def test_quarantine_is_told_with_its_traceback(place: Place) -> None:
    """Until when, why, and what to mend; one that was loaded again after it is well."""
    state = ShutOut(openings=1, until_ms=NOON_MS, reason="timeout", detail="Traceback")
    place.queue.set_quarantine("refusal", msgspec.json.encode(state))
    out = standing(place, "refusal")
    place.queue.set_quarantine("refusal", msgspec.json.encode(ShutOut(openings=0)))
    well = standing(place, "refusal")

    assert ("quarantined", "2026-11-23T12:00:00Z", "timeout", "Traceback") == (
        out.state, out.until, out.reason, out.detail,
    )  # fmt: skip
    assert ("ok", None, None) == (well.state, well.until, well.detail)


def test_what_never_loaded_and_what_nobody_uses(place: Place) -> None:
    """Both are told: the first wants mending, of the second the counts are still there."""
    place.store_all(record(NOON_MS + 1))
    place.look()
    assert ("not_loaded", None) == (standing(place, "slo").state, standing(place, "slo").version)

    place.use(evaluating(rule("slo")))
    unused = standing(place, "refusal")
    assert ("unused", None, {}, 1) == (unused.state, unused.use, unused.rates, unused.funnel["seen"])
