"""An evaluation becomes rows, and comes back as it was."""

import sqlite3
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.score import Evaluation, Score
from gateway.metrics import catalogue
from gateway.store import score_schema
from gateway.store.dayfile import DayFile
from gateway.store.judging import Judging
from tests.records import new_id
from tests.scores import evaluated, everything

TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
FIELDS = {
    "name": st.text("abc.", min_size=1),
    "type": st.sampled_from(["numeric", "boolean", "categorical", "text"]),
    "value": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "label": TEXTS,
    "text": TEXTS,
    "normalised": st.none() | st.floats(0, 1),
    "passing": st.none() | st.booleans(),
    "comment": TEXTS,
    "confidence": st.none() | st.floats(0, 1),
}
SCORES = st.builds(Score, **FIELDS) | st.builds(Score, evidence=st.just(msgspec.Raw(b'{"a":[1, 2]}')), **FIELDS)
NAMES = ("reason", "detail", "author", "model", "route", "policy")
WORDS = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, TEXTS))


@given(st.lists(SCORES, max_size=3, unique_by=lambda score: score.name), WORDS, st.floats(0, 1e9) | st.none())
def test_any_evaluation_comes_back(scores: list[Score], words: dict[str, str | None], took_ms: float | None) -> None:
    """Every field, whatever stands in it; scores in the order of their names."""
    one = Evaluation(
        id="5aa9e373-59e5-5ad6-b0bd-9b176bc82905",
        created_at="2026-11-23T12:00:01.000001Z",
        team="search",
        exchange=(exchange := new_id()),
        target=exchange,
        duration_ms=took_ms,
        scores=scores,
        **words,  # type: ignore[arg-type]
    )
    row = score_schema.evaluation_row(evaluated(one), 1, 1, 0)
    columns = [value for name, value in zip(score_schema.EVALUATION, row, strict=True) if name != "stratum"]
    rows = sorted(score_schema.score_rows(evaluated(one)), key=lambda each: str(each[2]))
    found = score_schema.evaluation_of([*columns, *score_schema.stratum_of(one)], [each[2:] for each in rows])

    one.scores.sort(key=lambda score: score.name)
    assert msgspec.json.encode(one) == msgspec.json.encode(found)


def test_what_the_store_counts_is_in_the_catalogue() -> None:
    """Its names are those of metrics."""
    assert {score_schema.FEEDBACK, score_schema.RUNS} <= {metric.name for metric in catalogue.FROM_SCORES}


def test_an_evaluation_takes_few_bytes(tmp_path: Path) -> None:
    """What many have in common stands once: docs/store.md promises about 250 bytes with one score and a session."""
    file = DayFile(tmp_path / "2026-11-23.db")
    before = _bytes(file.sql)
    with file.transaction():
        judging = Judging(file.sql, file.strata, 1)
        for _ in range(2000):
            one = everything(new_id())
            one = msgspec.structs.replace(
                one, target=one.exchange, target_type="exchange", detail=None, author=None, reasons=[],
                judge_exchanges=[], prompt_version="0123456789abcdef", conversation="0" * 36,
                scores=[Score(name="json_valid", type="boolean", value=1.0, normalised=1.0, passing=True)],
            )  # fmt: skip
            judging.add(evaluated(one))

    each = (_bytes(file.sql) - before) / 2000
    file.close()
    assert 150 < each < 300


def _bytes(sql: sqlite3.Connection) -> int:
    (pages,) = sql.execute("PRAGMA page_count").fetchone()
    (size,) = sql.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(size)
