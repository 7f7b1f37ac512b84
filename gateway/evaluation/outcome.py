"""What came of a task, as it is written down: scores, or in plain words why there are none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.core.score import Evaluation, Score, evaluation_id
from gateway.evaluation.contract import BrokenContract, scores_of
from gateway.evaluation.protocol import DETAIL_BYTES, Loaded, Told
from gateway.evaluation.task import Task


@dataclass(slots=True)
class Judged:
    """What the judge's calls for one task came to, failed tries included."""

    cost_nano_usd: int = 0
    exchanges: list[str] = field(default_factory=list)


class Maker(NamedTuple):
    """Who looked, and under which series its scores go. Of an evaluator that never loaded `loaded` says nothing."""

    loaded: Loaded
    fingerprint: str | None
    judge: str | None = None


class Outcome(NamedTuple):
    """The end of a task, before it is written down."""

    result: str
    reason: str | None = None
    detail: str | None = None
    scores: tuple[Score, ...] = ()
    prompt_version: str | None = None
    duration_us: int | None = None


# What is known without a look at the target.
NO_CONTENT = Outcome("skipped", "no_content")  # the team keeps no bodies
GONE = Outcome("skipped", "gone")  # retention was faster
QUARANTINED = Outcome("skipped", "quarantined")
OTHER_UNIT = Outcome("skipped", "other_unit")  # the evaluator looks at something else since it was sampled
NOT_IN_USE = Outcome("skipped", "not_in_use")  # config names it no more


def outcome_of(told: Told, loaded: Loaded) -> Outcome:
    """Take a plugin at its word, if that keeps the contract. `retry` is taken as the last word, an error."""
    if told.result == "ok":
        try:
            scores = tuple(scores_of(told.evaluator, loaded.specs, told.given))
        except BrokenContract as error:
            return Outcome("error", "contract", str(error), (), told.prompt_version, told.duration_us)
        return Outcome("ok", None, None, scores, told.prompt_version, told.duration_us)
    result = "skipped" if told.result == "skipped" else "error"
    reason = told.reason or ("retryable" if told.result == "retry" else None)
    return Outcome(result, reason, _cut(told.detail), (), told.prompt_version, told.duration_us)


def evaluation_of(task: Task, maker: Maker, outcome: Outcome, created_at: str, judged: Judged) -> Evaluation:
    """Write it down, under an id that the same task gives again however often it is done."""
    sampled, loaded = task.sampled, maker.loaded
    # Who never loaded has no series, but a name: so that it is told once, too.
    known_by = maker.fingerprint or sampled.evaluator
    if sampled.target_type == "conversation":
        # Two teams may call a session the same, and one that goes on is looked at again when it ends again.
        known_by = f"{known_by}|{sampled.team}|{sampled.exchange}"
    return Evaluation(
        id=evaluation_id(sampled.run, sampled.target_type, sampled.target, known_by),
        created_at=created_at,
        team=sampled.team,
        exchange=sampled.exchange,
        target_type=sampled.target_type,
        target=sampled.target,
        run=sampled.run,
        result=outcome.result,
        reason=outcome.reason,
        detail=outcome.detail,
        source="judge" if loaded.judge else "code",
        evaluator=sampled.evaluator,
        version=loaded.version or None,
        fingerprint=maker.fingerprint,
        policy=sampled.policy,
        probability=sampled.probability,
        reasons=sampled.reasons,
        conversation=sampled.conversation,
        model=sampled.model,
        route=sampled.route,
        outcome=sampled.outcome,
        prompt_version=outcome.prompt_version,
        duration_ms=None if outcome.duration_us is None else outcome.duration_us / 1000,
        judge_cost_nano_usd=judged.cost_nano_usd,
        judge_exchanges=judged.exchanges,
        scores=list(outcome.scores),
    )


def nameless(evaluator: str) -> Maker:
    """Stand in for an evaluator that is not there."""
    return Maker(Loaded(evaluator=evaluator), None)


def by_evaluator(told: list[Told]) -> Mapping[str, Told]:
    """Order what a job's evaluators said."""
    return {each.evaluator: each for each in told}


def _cut(detail: str | None) -> str | None:
    """The end of a traceback says most."""
    return detail[-DETAIL_BYTES:] if detail else None
