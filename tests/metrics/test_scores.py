"""Evaluations move the metrics by what they say, under labels that nobody can make up."""

from typing import Any

import pytest

from gateway.core.score import Score
from gateway.metrics.totals import Tally
from tests.records import new_id
from tests.scores import evaluation, feedback

MODELS = ["gpt-4o-mini"]


def test_an_evaluation_counts_its_run_its_scores_and_its_cost() -> None:
    """Amounts are integers: micro-units of a score, microseconds, nano-USD."""
    scores = [
        Score(name="helpful", type="numeric", value=3, normalised=0.75, passing=True),
        Score(name="helpful.tone", type="numeric", value=1, normalised=0.1, passing=False),
        Score(name="helpful.words", type="text", text="a"),
    ]
    one = evaluation(new_id(), "helpful", source="judge", judge_cost_nano_usd=5, scores=scores)

    assert {
        ("tollway_eval_runs", ("helpful", "ok"), ""): 1,
        ("tollway_eval_duration_seconds", ("helpful",), "0.05"): 1,
        ("tollway_eval_duration_seconds", ("helpful",), "sum"): 1500,
        ("tollway_eval_cost_usd", ("helpful",), ""): 5,
        ("tollway_scores", ("helpful", "judge", "pass"), ""): 1,
        ("tollway_scores", ("helpful", "judge", "fail"), ""): 1,
        ("tollway_scores", ("helpful", "judge", "none"), ""): 1,
        ("tollway_score", ("helpful", "gpt-4o-mini"), "0.8"): 1,
        ("tollway_score", ("helpful", "gpt-4o-mini"), "sum"): 750_000,
    } == Tally(MODELS).count_scores([one])


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({"result": "error", "reason": "timeout"}, "failed"),
        ({"result": "skipped", "reason": "no_schema"}, "skipped"),
        ({"result": "skipped", "reason": "budget"}, "budget"),
    ],
)
def test_what_has_no_scores_is_a_result(fields: Any, result: str) -> None:
    """And moves nothing else: a crash is no 0."""
    moved = Tally(MODELS).count_scores([evaluation(new_id(), scores=[], duration_ms=None, **fields)])

    assert {("tollway_eval_runs", ("json_valid", result), ""): 1} == moved


def test_words_of_people_have_no_label_of_their_own() -> None:
    """What agents call a score is theirs to invent."""
    moved = Tally(MODELS).count_scores([feedback(new_id(), name=name) for name in "abc"])

    assert {("tollway_scores", ("none", "user", "pass"), ""): 3} == moved


def test_unknown_models_share_a_label_and_backfills_move_no_histogram() -> None:
    """The histogram tells of live traffic."""
    tally = Tally(MODELS)
    asked = [evaluation(new_id(), model=model) for model in ("made-up", None)]
    moved = tally.count_scores([*asked, evaluation(new_id(), run="backfill")])

    assert {"other", "none"} == {labels[1] for name, labels, _ in moved if name == "tollway_score"}
    assert 3 == moved["tollway_scores", ("json_valid", "code", "pass"), ""]
