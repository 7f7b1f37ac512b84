"""Scores in the log, added up: what is never mixed, what is left out, what is told besides."""

from typing import Any

import pytest

from gateway.evaluation.report import Line, Report, dimensions_of, public_line
from gateway.store.filters import BadFilter
from gateway.store.judgements import Scored

USUAL = dict.fromkeys(Scored._fields) | {
    "exchange": b"\0" * 16,
    "evaluation": b"\0" * 16,
    "created_us": 1_790_000_000_000_000,
    "said": 0,
    "evaluator": "json_valid",
    "source": "code",
    "version": "1.0.0",
    "fingerprint": "f" * 64,
    "policy": "p",
    "run": "online",
    "team": "search",
    "model": "m",
    "route": "",
    "outcome": "ok",
    "result": "ok",
    "name": "json_valid",
    "type": "boolean",
    "value": 1.0,
    "normalised": 1.0,
    "passing": 1,
    "probability": 1.0,
}


def row(**fields: Any) -> Scored:
    """Make a score."""
    return Scored(**{**USUAL, **fields})  # type: ignore[arg-type]


def none(result: str, reason: str) -> Scored:
    """Make an evaluation without a score."""
    return row(result=result, reason=reason, name=None, type=None, value=None, normalised=None, passing=None)


def lines(*rows: Scored, by: tuple[str, ...] = ()) -> list[Line]:
    """Report."""
    report = Report(by)
    report.add(rows)
    return report.lines()


def test_three_outcomes_are_never_mixed() -> None:
    """What was skipped, and what failed, is counted with its reason and is in no mean."""
    (line,) = lines(row(), row(value=0.0), none("skipped", "no_format"), none("error", "timeout"))

    assert (2, 1, 1) == (line.n_ok, line.n_skipped, line.n_error)
    assert {"no_format": 1, "timeout": 1} == line.reasons
    assert line.value is not None and (2, 0.5) == (line.value.n, line.value.value)


def test_versions_are_series_of_their_own() -> None:
    """Scores of another fingerprint are never averaged with these."""
    first, second = lines(row(), row(fingerprint="0" * 64, value=0.0))

    assert ["0" * 64, "f" * 64] == [first.series.fingerprint, second.series.fingerprint]
    assert [0.0, 1.0] == [each.value.value for each in (first, second) if each.value]


def test_unknown_probability_is_left_out_and_told() -> None:
    """What was taken because of later feedback stands for nobody knows how many: it is in no mean."""
    (line,) = lines(row(), row(probability=None, value=0.0))

    assert line.value is not None
    assert (1.0, 1) == (line.value.value, line.n_unweighted)


def test_conversations_are_counted_as_one() -> None:
    """Exchanges of one conversation are one cluster."""
    (line,) = lines(*(row(conversation="c", exchange=bytes([at]) * 16) for at in range(5)), row(conversation="d"))

    assert line.value is not None
    assert (6, 2) == (line.value.n, line.value.clusters)


def test_parts_are_told_apart() -> None:
    """By model, prompt or day: each its own line, in order."""
    told = lines(row(model="b"), row(model="a", prompt_version="h"), by=("model", "prompt", "day"))

    assert [("a", "h", "2026-09-21"), ("b", "", "2026-09-21")] == [line.series.where for line in told]


def test_categories_have_shares() -> None:
    """Of a category: the share that passes, and of each label."""
    labelled = {"type": "categorical", "value": None, "normalised": None}
    (line,) = lines(row(**labelled, label="ok", passing=1), row(**labelled, label="bad_json", passing=0))

    assert line.passed is not None
    assert (0.5, {"ok": 0.5, "bad_json": 0.5}) == (
        line.passed.value,
        {label: mean.value for label, mean in line.labels.items()},
    )


def test_scores_that_are_text_are_only_counted() -> None:
    """Text has no mean."""
    (line,) = lines(row(type="text", value=None, normalised=None, passing=None))

    assert (1, None) == (line.n_ok, line.value)


def test_people_are_plain_means() -> None:
    """What people say has no probability, and each word counts the same."""
    (line,) = lines(row(said=1, probability=None, evaluator="", name="thumbs", fingerprint=""))

    assert line.value is not None
    assert ("thumbs", 1, 0) == (line.series.name, line.value.n, line.n_unweighted)


def test_programs_get_everything() -> None:
    """The public line names the parts, means with their bounds, and reasons."""
    (line,) = lines(row(), row(value=0.0, conversation="c"), none("skipped", "no_format"), by=("model",))
    told = public_line(line, ("model",))

    assert ("json_valid", "m", {"no_format": 1}) == (told["name"], told["model"], told["reasons"])
    assert {"n", "conversations", "mean", "standard_error", "n_eff", "low", "high"} == told["value"].keys()


def test_conversations_that_are_held_are_counted() -> None:
    """Whatever a score's type: memory grows with them."""
    report = Report()
    report.add([row(conversation=name) for name in ("a", "a", "b")])
    report.add([row(name="tone", type="categorical", value=None, label="x", normalised=None, passing=None)])

    assert 3 == report.conversations


@pytest.mark.parametrize(
    ("text", "expected"), [("", []), ("model", ["model"]), ("model,team,model", ["model", "team"])]
)
def test_dimensions_as_people_write_them(text: str, expected: list[str]) -> None:
    """Commas between them; each once."""
    assert expected == dimensions_of(text)


def test_unknown_dimension_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(BadFilter, match="there is no 'colour'; there are team, model"):
        dimensions_of("colour")
