"""Why was an exchange evaluated, or not? Each rule is asked again, and the queue tells what became of it since."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from gateway.core.ids import day_of, started_ms
from gateway.core.record import Record
from gateway.core.score import Evaluation
from gateway.evaluation.follow import Follow
from gateway.evaluation.queue_reader import QueueReader, StrataQuery
from gateway.evaluation.windows import MINUTE_MS
from gateway.policies.evaluating import TEAM, Evaluating, Rule
from gateway.policies.sampling import Decision, Sieve, draw, kind_of


class Why(NamedTuple):
    """What became of one exchange for one evaluator. `state`: one word of STATES; `told`: the same in a sentence."""

    evaluator: str
    state: str
    told: str
    draw: float | None = None
    rate: float | None = None
    reasons: tuple[str, ...] = ()


STATES = (
    "evaluated", "judge_call", "not_seen", "before_start", "not_loaded", "of_pairs", "no_session", "not_matched",
    "not_sampled", "open", "window", "waiting", "retrying", "capped", "dropped", "gone",
)  # fmt: skip


class Asked(NamedTuple):
    """What is asked about. `units`: what each evaluator looks at, as its definition says; `evaluated`: by whom this
    exchange was, as the log says."""

    record: Record
    units: Mapping[str, str]
    evaluated: Collection[str] = ()


def asked_of(record: Record, judged: Iterable[Evaluation], reader: QueueReader) -> Asked:
    """Ask about an exchange, of which this was judged."""
    units = {each.loaded.evaluator: each.loaded.unit for each in reader.definitions()}
    return Asked(record, units, {one.evaluator for one in judged if one.evaluator})


def public_why(one: Why) -> dict[str, Any]:
    """Shape it for programs."""
    return one._asdict() | {"reasons": list(one.reasons)}


def why(asked: Asked, evaluating: Evaluating, follow: Follow, reader: QueueReader) -> list[Why]:
    """Say what became of an exchange, for each evaluator that its team uses."""
    record = asked.record
    if record.team == TEAM:
        return [Why("", "judge_call", "a judge was asked here: such exchanges are never evaluated")]
    place = _place(record, follow, reader)
    return [_of_rule(rule, asked, evaluating.salt, place, reader) for rule in evaluating.rules.get(record.team, ())]


def _place(record: Record, follow: Follow, reader: QueueReader) -> Why | None:
    """Say whether the evaluator was not there yet."""
    day = day_of(record.id)
    seq = follow.place(record.id, day)
    cursors = reader.cursors()
    began_ms = reader.began_ms()
    if began_ms is None:
        return Why("", "not_seen", "no evaluator has run here yet")
    if seq is not None and seq > cursors.get(day, 0):
        return Why("", "not_seen", "the evaluator has not come to it yet")
    ended_ms = started_ms(record.id) + (record.duration_ms or 0)
    if ended_ms < began_ms:
        return Why("", "before_start", "it was there before evaluation began: `tollway eval backfill` looks at it")
    return None


def _of_rule(rule: Rule, asked: Asked, salt: str, place: Why | None, reader: QueueReader) -> Why:
    name, record = rule.evaluator, asked.record
    unit = asked.units.get(name)
    if name in asked.evaluated:
        return Why(name, "evaluated", "it was evaluated: its scores, or why there are none, stand in the log")
    if unit == "pair":
        return Why(name, "of_pairs", "it looks at pairs that somebody chooses: `tollway eval pair`")
    if place is not None:
        return place._replace(evaluator=name, told=_NOT_BUILT if _is_past_session(place, unit) else place.told)
    if unit is None:
        return Why(name, "not_loaded", "the evaluator could not be loaded")
    if unit == "conversation" and not record.session:
        return Why(name, "no_session", "it belongs to no session, and this evaluator looks at conversations")
    session = record.session or ""
    drawn = draw(salt, session if unit == "conversation" else record.id)
    decision = Sieve(rule).decide(record, kind_of(record), drawn)
    if decision is None:
        return Why(name, "not_matched", "the rule's `only` does not match it")
    conversation = (record.team, session) if unit == "conversation" else None
    trace = reader.trace(name, record.id, conversation)
    facts = drawn, decision.rate, tuple(decision.reasons)
    if trace is not None:
        return Why(name, trace.state, _TRACED[trace.state].format(trace=trace), *facts)
    if not decision.is_taken:
        told = f"its number {drawn:.6f} is not below the rate {decision.rate:g}, and no always-rule takes it"
        return Why(name, "not_sampled", told, *facts)
    state, told = _lost(rule, record, decision, reader)
    return Why(name, state, told, *facts)


_NOT_BUILT = "it was there before evaluation began, and conversations of the past are not looked at"


def _is_past_session(place: Why, unit: str | None) -> bool:
    return place.state == "before_start" and unit == "conversation"


_TRACED = {
    "open": "its conversation is not over yet",
    "window": "it waits for the end of the minute, or for money, that decide about caps",
    "waiting": "it was sampled, and waits for its turn",
    "retrying": "it was tried {trace.attempts} times ({trace.reason}), and will be again",
}


def _lost(rule: Rule, record: Record, decision: Decision, reader: QueueReader) -> tuple[str, str]:
    """Say what became of one that the rule as it is now takes, and that is neither evaluated nor waits."""
    began_ms = started_ms(record.id) // MINUTE_MS * MINUTE_MS
    query = StrataQuery(evaluator=rule.evaluator, team=rule.team, since_ms=began_ms, until_ms=began_ms + MINUTE_MS)
    dropped = sum(count.dropped for count in reader.strata(query).values())
    if dropped:
        return "dropped", f"{dropped} of its minute were dropped, as too many waited (max_backlog): maybe this one, too"
    if rule.per_minute is not None or decision.always:
        return "capped", "the caps of its minute, or the day's money, left it out"
    return "gone", "it was sampled, and its evaluation is not in the log yet; or the rule was another one at that time"
