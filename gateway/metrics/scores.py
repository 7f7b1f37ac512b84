"""How do evaluations move the metrics?"""

from collections import Counter
from collections.abc import Iterable

from gateway.core.score import Evaluation
from gateway.metrics import catalogue
from gateway.metrics.bounds import NONE, OTHER, Models
from gateway.metrics.debts import TotalKey
from gateway.metrics.histogram import observe

_VERDICTS = {True: "pass", False: "fail", None: NONE}
_RESULTS = {"ok": "ok", "skipped": "skipped", "error": "failed"}
BUDGET = "budget"  # why something was skipped that counts as a result of its own


def count_scores(evaluations: Iterable[Evaluation], models: Models) -> Counter[TotalKey]:
    """Count them; the labels are words of the config, and models that have one. What a person or an agent says counts
    under no evaluator: what they call it is theirs to invent."""
    moved: Counter[TotalKey] = Counter()
    for one in evaluations:
        evaluator = one.evaluator or NONE
        if one.evaluator:
            _count_run(moved, one)
        for score in one.scores:
            moved[catalogue.SCORES.name, (evaluator, one.source, _VERDICTS[score.passing]), ""] += 1
            # Parts of a score mean something else, and a backfill tells of other days.
            if score.normalised is not None and score.name == one.evaluator and one.run == "online":
                amount = score.normalised * catalogue.MICRO
                observe(moved, catalogue.SCORE, (evaluator, _model(one, models)), [amount])
    return moved


def _count_run(moved: Counter[TotalKey], one: Evaluation) -> None:
    result = BUDGET if one.result == "skipped" and one.reason == BUDGET else _RESULTS[one.result]
    moved[catalogue.EVAL_RUNS.name, (one.evaluator, result), ""] += 1
    if one.duration_ms is not None:
        observe(moved, catalogue.EVAL_DURATION, (one.evaluator,), [one.duration_ms * 1000])
    if one.judge_cost_nano_usd:
        moved[catalogue.EVAL_COST.name, (one.evaluator,), ""] += one.judge_cost_nano_usd


def _model(one: Evaluation, models: Models) -> str:
    if one.model is None:
        return NONE
    return one.model if one.model in models else OTHER
