"""What passes between the parts of the evaluator: who was sampled, what is to do, what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec


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
    """A row of the queue. `attempts`: how often it was begun before."""

    number: int
    sampled: Sampled
    attempts: int


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


@dataclass(slots=True)
class Admitted:
    """What one look at the log decided: committed at once, so that a crash neither loses nor doubles anything.

    `cursors`: by day, the last `seq` that was looked at. `funnel`: (evaluator, step, reason) -> how many more; the
    steps are those of FUNNEL.
    """

    cursors: Mapping[str, int]
    sampled: Sequence[Sampled]
    strata: Mapping[StratumKey, StratumCount]
    funnel: Mapping[tuple[str, str, str], int]


# In order. seen: of a team that uses the evaluator; matched: by `only`; sampled; queued (dropped ones are not:
# `dropped` with the reason backlog); run: was begun; then ok (scored), skipped or error, each with its reason.
FUNNEL = ("seen", "matched", "sampled", "queued", "dropped", "run", "ok", "skipped", "error", "retried")
