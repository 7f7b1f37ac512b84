"""Outcomes: a plugin's word becomes scores, a reason to skip, or an error; and is written down under one id."""

import pytest

from gateway.core.score import Score
from gateway.evaluation.outcome import GONE, Judged, Maker, Outcome, evaluation_of, nameless, outcome_of
from gateway.evaluation.protocol import DETAIL_BYTES, Given, Told
from gateway.evaluation.task import Task
from tests.evaluation.at_work import bad, good, loaded, sampled_of
from tests.records import new_id

TASK = Task(1, sampled_of("a", new_id()), 0, 0)
MAKER = Maker(loaded("a"), "f" * 64)


def test_good_word_becomes_scores() -> None:
    """By the declaration of the evaluator."""
    end = outcome_of(good("a"), loaded("a"))

    assert ("ok", None, 1500) == (end.result, end.reason, end.duration_us)
    assert (Score(name="a", type="boolean", value=1.0, normalised=1.0, passing=True),) == end.scores


def test_broken_contract_is_an_error_that_says_what_is_wrong() -> None:
    """Its author reads it."""
    end = outcome_of(Told(number=0, evaluator="a", result="ok", given=[Given(name="", value="yes")]), loaded("a"))

    assert ("error", "contract", ()) == (end.result, end.reason, end.scores)
    assert "boolean" in (end.detail or "")


@pytest.mark.parametrize(
    ("told", "end"),
    [
        (bad("a", "skipped", "no_schema"), ("skipped", "no_schema")),
        (bad("a", "error", "exception"), ("error", "exception")),
        (bad("a", "retry", "rate_limited"), ("error", "rate_limited")),
        (Told(number=0, evaluator="a", result="retry"), ("error", "retryable")),
        (Told(number=0, evaluator="a", result="whatever"), ("error", None)),
    ],
)
def test_other_words_are_reasons(told: Told, end: tuple[str, str | None]) -> None:
    """A failure is never a score."""
    found = outcome_of(told, loaded("a"))

    assert (*end, ()) == (found.result, found.reason, found.scores)


def test_long_traceback_is_cut_at_its_beginning() -> None:
    """The last lines say what happened."""
    told = Told(number=0, evaluator="a", result="error", detail="x" * DETAIL_BYTES + "ValueError: 7")

    detail = outcome_of(told, loaded("a")).detail or ""
    assert DETAIL_BYTES == len(detail)
    assert detail.endswith("ValueError: 7")


def test_id_is_of_who_looked_at_what() -> None:
    """The same again is the same; another fingerprint is another series; whoever never loaded goes by its name."""
    first, second = (evaluation_of(TASK, MAKER, GONE, at, Judged()) for at in ("2026", "2027"))
    other = evaluation_of(TASK, Maker(loaded("a"), "e" * 64), GONE, "2026", Judged())
    absent = evaluation_of(TASK, nameless("a"), GONE, "2026", Judged())

    assert first.id == second.id
    assert 3 == len({first.id, other.id, absent.id})
    assert (None, None) == (absent.fingerprint, absent.version)


def test_judges_calls_are_written_down() -> None:
    """The books and the scores can be compared."""
    one = evaluation_of(
        TASK, Maker(loaded("a", judge=True), "f" * 64, "m"), Outcome("ok"), "2026", Judged(7, ["x1", "x2"])
    )

    assert ("judge", 7, ["x1", "x2"]) == (one.source, one.judge_cost_nano_usd, one.judge_exchanges)
