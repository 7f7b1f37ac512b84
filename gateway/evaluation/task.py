"""What passes between the parts of the evaluator: who was sampled, what is to do, what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from gateway.core.ids import started_ms
from gateway.evaluation.windows import MINUTE_MS, Bucket, Candidate

ONLINE = "online"  # the run of what is taken as it comes


class Sampled(msgspec.Struct, frozen=True, kw_only=True):
    """One target that an evaluator shall look at, and why. Names as in `core/score.py` Evaluation.

    `day`, `seq`: where the exchange stands in the store (the last one of a conversation).
    """

    run: str
    evaluator: str
    team: str
    target_type: str
    target: str
    exchange: str
    day: str
    seq: int
    policy: str | None = None
    probability: float | None = None
    reasons: list[str] = []
    conversation: str | None = None
    model: str | None = None
    route: str | None = None
    outcome: str | None = None


class Task(NamedTuple):
    """A row of the queue. `attempts`: how often it was begun before. `queued_ms`: since when it waits."""

    number: int
    sampled: Sampled
    attempts: int
    queued_ms: int


class Done(NamedTuple):
    """What came of a task: it leaves the queue. `result`: ok | skipped | error; `reason` as in Evaluation.

    `cost_nano_usd`: of its judge's calls, by which the next ones' cost is predicted.
    """

    task: Task
    result: str
    reason: str | None
    scores: int
    cost_nano_usd: int = 0


# evaluator, team, minute since the epoch, model, route, outcome: every exchange is counted in its stratum.
StratumKey = tuple[str, str, int, str, str, str]


@dataclass(slots=True)
class StratumCount:
    """Of one stratum: how many were seen, how many sampled, how many sampled ones got lost (`dropped`)."""

    seen: int = 0
    sampled: int = 0
    dropped: int = 0


def stratum_of(sampled: Sampled) -> StratumKey:
    """Return the stratum of what was sampled: its minute is the one in which the exchange began."""
    minute = started_ms(sampled.exchange) // MINUTE_MS
    names = sampled.model or "", sampled.route or "", sampled.outcome or ""
    return (sampled.evaluator, sampled.team, minute, *names)


class Held(NamedTuple):
    """What waits until its minute is over. `since_ms`: when it was looked at."""

    candidate: Candidate
    sampled: Sampled
    since_ms: int


class Purse(NamedTuple):
    """The money of an evaluator's judge. `cost_nano_usd`: what one evaluation is thought to cost, fixed before the
    window opens that it bounds."""

    bucket: Bucket
    cost_nano_usd: int


class OpenConversation(NamedTuple):
    """A session that may go on, for one evaluator. `day`, `seq`, `exchange`, `kind`: of its last exchange; `last_ms`:
    when that ended. `always`: bits of the always-rules that any of its exchanges fulfilled, in the order of ALWAYS."""

    evaluator: str
    team: str
    session: str
    day: str
    seq: int
    exchange: str
    last_ms: int
    kind: bytes
    always: int


class RunStep(NamedTuple):
    """How far a backfill has come: the last day and `seq` that it looked at. `is_done`: that was all."""

    run: str
    day: str
    seq: int
    is_done: bool


@dataclass(slots=True)
class Admitted:
    """What one look at the log decided: committed at once, so that a crash neither loses nor doubles anything.

    `cursors`: by day, the last `seq` that was looked at. `funnel`: (evaluator, step, reason) -> how many more; the
    steps are those of FUNNEL. `held`: who waits for the end of a minute; `closed`: the evaluators of which nobody does
    any more; `purses`: what they have left. `conversations`: those that began or went on; `ended`: (evaluator, team,
    session) of those that are over. `heard`: cursors of what people said. `step`: of a backfill.
    """

    cursors: Mapping[str, int]
    sampled: Sequence[Sampled]
    strata: Mapping[StratumKey, StratumCount]
    funnel: Mapping[tuple[str, str, str], int]
    held: Sequence[Held] = ()
    closed: Sequence[str] = ()
    purses: Mapping[str, Purse] = field(default_factory=dict)
    conversations: Sequence[OpenConversation] = ()
    ended: Sequence[tuple[str, str, str]] = ()
    heard: Mapping[str, int] = field(default_factory=dict)
    step: RunStep | None = None


# In order. seen: of a team that uses the evaluator; matched: by `only`; sampled; queued (dropped ones are not:
# `dropped` with the reason backlog); run: was begun; then ok (scored), skipped or error, each with its reason.
FUNNEL = ("seen", "matched", "sampled", "queued", "dropped", "run", "ok", "skipped", "error", "retried")
