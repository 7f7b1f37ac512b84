"""`tollway eval report`: means that stand for all exchanges, with how far they can be trusted, versions apart."""

from pathlib import Path
from typing import Any

import pytest

from gateway.core.score import Evaluation, Score
from tests.cli.desk import Desk
from tests.records import record
from tests.scores import evaluation, feedback


def scored(exchange: str, value: float, probability: float | None = 1.0, **fields: Any) -> Evaluation:
    """Judge an exchange by a yes or no."""
    score = Score(name="refusal", type="boolean", value=value, normalised=value, passing=bool(value))
    return evaluation(exchange, "refusal", probability=probability, **{"scores": [score], **fields})


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk, and four exchanges: of two models, one of them taken by another version, one skipped."""
    desk = Desk(tmp_path)
    records = [record(model_served=model) for model in ("a", "a", "b", "b", "b")]
    one, two, three, four, five = (each.id for each in records)
    judged = (
        scored(one, 1.0, 1.0, model="a"),
        scored(two, 1.0, 1.0, model="a"),
        scored(three, 0.0, 0.25, model="b"),
        scored(four, 1.0, model="b", fingerprint="other", version="2.0"),
        evaluation(five, "refusal", result="skipped", reason="no_answer", scores=[], model="b"),
        feedback(one, "good"),
    )
    desk.keep(*records, evaluations=judged)
    return desk


def test_means_are_weighted_and_versions_apart(desk: Desk) -> None:
    """A score that was taken with 0.25 stands for four exchanges; another fingerprint is another line."""
    shown = desk.run("report", "--evaluator", "refusal")
    first, second = desk.run("report", "--evaluator", "refusal", "--json").lines

    assert (0, "") == (shown.code, shown.err)
    assert ["SCORE", "VERSION", "OK", "SKIPPED", "ERROR", "WHAT", "MEAN", "LOW", "HIGH", "N", "EFF"] == shown.words[0]
    assert ["refusal", "1.0", "f00d", "3", "1", "0", "yes", "0.3333"] == shown.words[1][:8]
    assert ["refusal", "2.0", "other", "1", "0", "0", "yes", "1"] == shown.words[2][:8]
    assert (2 / 6, 3, 1) == (first["value"]["mean"], first["n_ok"], first["n_skipped"])
    assert ("2.0", None) == (second["version"], second["value"]["low"])


def test_little_is_marked_and_reasons_are_told(desk: Desk) -> None:
    """A ? behind few effective observations; why there is no score; and what the numbers mean."""
    shown = desk.run("report").out

    assert "2?" in shown.split()
    assert "refusal without a score: no_answer 1" in shown
    assert "? = of fewer than 30 effective observations" in shown


def test_parts(desk: Desk) -> None:
    """By what somebody wants to compare; labels of people are shares."""
    by_model = desk.run("report", "--by", "model,source", "--evaluator", "refusal", "--json").lines
    thumb = desk.run("report", "--source", "user").words

    assert [("a", "code", 1.0), ("b", "code", 0.0), ("b", "code", 1.0)] == [
        (each["model"], each["source"], each["value"]["mean"]) for each in by_model
    ]
    assert ["thumb", "-", "1", "0", "0", "good", "1"] == thumb[1][:7]


def test_taken_without_a_probability_is_in_no_mean(tmp_path: Path) -> None:
    """It is told how many."""
    desk = Desk(tmp_path)
    one, two = record(), record()
    desk.keep(one, two, evaluations=(scored(one.id, 1.0), scored(two.id, 0.0, None)))
    shown = desk.run("report")

    assert "refusal: 1 taken with an unknown probability are in no mean" in shown.out
    assert "1" == shown.words[1][7]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--by", "colour"], 2, "--by: there is no 'colour'; there are team, model"),
        (["--since", "soon"], 2, "--since: an age"),
        (["--prompt-version", ""], 2, "--prompt-version: 1 to"),
        (["--team", "nobody"], 0, "No score matches."),
    ],
)
def test_what_makes_no_sense_is_said(words: list[str], code: int, said: str, desk: Desk) -> None:
    """By the name of the option; that nothing matches is no error."""
    told = desk.run("report", *words)

    assert (code, "") == (told.code, told.out)
    assert said in told.err
