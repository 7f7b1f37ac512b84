"""What an evaluation leaves behind: one set of names in the journal, the store, the CLI, the API and reports."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec

from gateway.core.money import usd_text

SCORE_TYPES = ("numeric", "boolean", "categorical", "text")
SOURCES = ("code", "judge", "human", "user", "api")
TARGETS = ("exchange", "conversation", "pair")
RESULTS = ("ok", "skipped", "error")


class Score(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One judgement. `name`: the evaluator's, with `.part` behind it where it gives several.

    `value`: a number; of a boolean 0 or 1. `label`: one of a closed set, or what stands for the value. `text`: of type
    text. `normalised`: 0 to 1, higher is better, where the definition says which way is better. `passing`: the verdict,
    where there is one. `evidence`: a JSON object without anything that must not be kept.
    """

    name: str
    type: str
    value: float | None = None
    label: str | None = None
    text: str | None = None
    normalised: float | None = None
    passing: bool | None = None
    comment: str | None = None
    evidence: msgspec.Raw = msgspec.Raw(b"")
    confidence: float | None = None


class Evaluation(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What came of looking at one target, once: scores (`ok`), or why there are none (`skipped`, `error`).

    `id`: made of what was evaluated by what (see `evaluation_id`), so that telling it twice changes nothing.
    `exchange`: the id of the exchange in whose day it is kept: the target itself, the last one of a conversation, the
    first one of a pair. `target`: the exchange, the session, or `ID|ID`. `run`: "online", or the id of a backfill.
    `evaluator`: its name in config; of feedback and labels empty. `author`: the key, or the person, whose word it is.
    `reason`: a short word, such as `timeout` or `no_schema`; `detail`: a person reads it (a traceback, at most 4 KiB).
    `policy`: which sampling rule; `probability`: with which the target was taken (None: not known, not for means);
    `reasons`: which rules took it. `model`, `route`, `outcome`: its stratum. `replaces`: a later word of the same
    author on the same target and name takes the place of the earlier one.
    """

    id: str
    created_at: str
    team: str
    exchange: str
    target_type: str = "exchange"
    target: str = ""
    run: str = "online"
    result: str = "ok"
    reason: str | None = None
    detail: str | None = None
    source: str = "code"
    author: str | None = None
    evaluator: str = ""
    version: str | None = None
    fingerprint: str | None = None
    policy: str | None = None
    probability: float | None = None
    reasons: list[str] = []
    conversation: str | None = None
    model: str | None = None
    route: str | None = None
    outcome: str | None = None
    prompt_version: str | None = None
    duration_ms: float | None = None
    judge_cost_nano_usd: int = 0
    judge_exchanges: list[str] = []
    replaces: bool = False
    scores: list[Score] = []


_SPACE = uuid5(NAMESPACE_URL, "tollway:evaluation")

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Evaluation).decode


def evaluation_id(run: str, target_type: str, target: str, maker: str) -> str:
    """Name the evaluation of a target by a maker: an evaluator's fingerprint, or who gave which feedback."""
    return str(uuid5(_SPACE, f"{run}|{target_type}|{target}|{maker}"))


def said(name: str, value: bool | float | str, comment: str | None = None) -> Score:
    """Make the score of what somebody says: yes or no is a verdict, a number and a label are what they are."""
    if isinstance(value, bool):
        amount = float(value)
        return Score(name=name, type="boolean", value=amount, normalised=amount, passing=value, comment=comment)
    if isinstance(value, str):
        return Score(name=name, type="categorical", label=value, comment=comment)
    return Score(name=name, type="numeric", value=float(value), comment=comment)


def public(one: Evaluation) -> dict[str, Any]:
    """Shape an evaluation for people and programs: every field present, the judge's cost also in USD."""
    shown: dict[str, Any] = {name: getattr(one, name) for name in one.__struct_fields__}
    shown["target"] = one.target or one.exchange
    shown["scores"] = [_public_score(score) for score in one.scores]
    shown["judge_cost_usd"] = usd_text(one.judge_cost_nano_usd)
    return shown


def _public_score(score: Score) -> dict[str, Any]:
    shown = {name: getattr(score, name) for name in score.__struct_fields__}
    shown["evidence"] = score.evidence if bytes(score.evidence) else None
    return shown
