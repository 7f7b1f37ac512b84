"""Evaluations for tests of journal, store and metrics, as the evaluator and workers write them."""

from typing import Any
from uuid import UUID

import msgspec

from gateway.core.score import Evaluation, Score, evaluation_id, said
from gateway.journal.evaluated import Evaluated, read

AT = "2026-11-23T12:00:01.000000Z"


def evaluation(exchange: str, evaluator: str = "json_valid", **fields: Any) -> Evaluation:
    """Make the evaluation of an exchange, with one score."""
    usual: dict[str, Any] = {
        "id": evaluation_id("online", "exchange", exchange, evaluator),
        "created_at": AT,
        "team": "search",
        "exchange": exchange,
        "target": exchange,
        "evaluator": evaluator,
        "version": "1.0",
        "fingerprint": "f00d",
        "policy": "p",
        "probability": 0.5,
        "model": "gpt-4o-mini",
        "duration_ms": 1.5,
        "scores": [Score(name=evaluator, type="boolean", value=1.0, normalised=1.0, passing=True)],
    }
    return Evaluation(**{**usual, **fields})


def everything(exchange: str) -> Evaluation:
    """Make an evaluation in which every field says something."""
    texts = ("reason", "detail", "author", "conversation", "route", "outcome", "prompt_version")
    score = Score(
        name="helpful", type="numeric", value=0.25, label="low", text="t", normalised=0.25, passing=False, comment="c",
        evidence=msgspec.Raw(b'{"quote":123456789012345678901234567890}'), confidence=0.5,
    )  # fmt: skip
    return evaluation(
        exchange,
        "helpful",
        source="judge",
        target_type="pair",
        target=f"{exchange}|{exchange}",
        run="backfill",
        reasons=["error"],
        judge_cost_nano_usd=7,
        judge_exchanges=[exchange],
        scores=[score, Score(name="helpful.tone", type="text", text="kind")],
        **dict.fromkeys(texts, "x"),
    )


def feedback(exchange: str, value: bool | float | str = True, name: str = "thumb", **fields: Any) -> Evaluation:
    """Make what a worker writes of feedback."""
    team, key = fields.get("team", "search"), fields.get("author", "ci")
    target_type, target = fields.get("target_type", "exchange"), fields.get("target", exchange)
    usual: dict[str, Any] = {
        "id": evaluation_id("online", target_type, target, f"user|{team}|{key}|{name}"),
        "created_at": AT,
        "team": team,
        "exchange": exchange,
        "target": target,
        "source": "user",
        "author": key,
        "replaces": True,
        "scores": [said(name, value)],
    }
    return Evaluation(**{**usual, **fields})


def evaluated(one: Evaluation) -> Evaluated:
    """Make what the journal reader gives for an evaluation."""
    return read(msgspec.json.encode(one), lambda exchange: UUID(exchange).bytes)


def judged(exchange: str) -> Evaluated:
    """Make what the journal reader gives for an evaluation in which every field says something."""
    return evaluated(everything(exchange))
