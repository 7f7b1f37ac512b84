"""The tables of a day file for evaluations and their scores, and how one becomes rows of them. See docs/store.md."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from gateway.core.score import Evaluation, Score
from gateway.journal.evaluated import Evaluated

# What many evaluations have in common stands once, under a number, as kinds do for exchanges. None of it is ever NULL.
STRATUM = (
    "evaluator", "source", "version", "fingerprint", "policy", "run", "team", "model", "route", "outcome", "result",
)  # fmt: skip

# The values of `said`. MADE: by an evaluator, and never replaced. SAID: somebody's word, which a later one replaces.
# EARLY: its exchange is not here yet, so it is not known whether it is the team's. FOREIGN: it is not; only that it was
# said is kept, so that it is counted once.
MADE, SAID, EARLY, FOREIGN = range(4)

EVALUATION = (
    "exchange", "evaluation", "seq", "stratum", "created_us", "said", "target", "conversation", "prompt_version",
    "probability", "author", "reason", "more",
)  # fmt: skip
SCORE = ("name", "type", "value", "label", "normalised", "passing", "confidence", "more")
# Facts that few evaluations (scores) have stand under `more`: JSON, null where there are none of them.
RARE = ("target_type", "detail", "reasons", "duration_ms", "judge_cost_nano_usd", "judge_exchanges")

# Both lie in the order of the exchanges' ids, which is that of time: what is new lies together, what belongs to an
# exchange, too. A score is known by its evaluation and its name.
TABLES = f"""
CREATE TABLE IF NOT EXISTS strata (
    stratum INTEGER PRIMARY KEY, {", ".join(f"{name} TEXT NOT NULL" for name in STRATUM)},
    UNIQUE ({", ".join(STRATUM)})
);
CREATE TABLE IF NOT EXISTS evaluations (
    exchange BLOB NOT NULL, evaluation BLOB NOT NULL, seq INTEGER NOT NULL, stratum INTEGER NOT NULL,
    created_us INTEGER NOT NULL, said INTEGER NOT NULL, target TEXT, conversation TEXT, prompt_version TEXT,
    probability REAL, author TEXT, reason TEXT, more TEXT,
    PRIMARY KEY (exchange, evaluation)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS said_evaluations ON evaluations (evaluation) WHERE said != {MADE};
CREATE INDEX IF NOT EXISTS said_targets ON evaluations (target) WHERE said != {MADE};
CREATE INDEX IF NOT EXISTS early_evaluations ON evaluations (exchange) WHERE said = {EARLY};
CREATE TABLE IF NOT EXISTS scores (
    exchange BLOB NOT NULL, evaluation BLOB NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, value REAL, label TEXT,
    normalised REAL, passing INTEGER, confidence REAL, more TEXT,
    PRIMARY KEY (exchange, evaluation, name)
) WITHOUT ROWID;
"""
# Those that may be shown.
SHOWN = f"said <= {SAID}"

# What became of somebody's word, and of evaluations that nobody can keep: metrics that the store counts itself.
FEEDBACK = "tollway_feedback"
RUNS = "tollway_eval_runs"
GONE = "gone"


def _marks(count: int) -> str:
    return ",".join("?" * count)


INSERT_STRATUM = f"INSERT OR IGNORE INTO strata ({', '.join(STRATUM)}) VALUES ({_marks(len(STRATUM))})"  # noqa: S608 names of ours
FIND_STRATUM = f"SELECT stratum FROM strata WHERE ({', '.join(STRATUM)}) = ({_marks(len(STRATUM))})"  # noqa: S608 names of ours
INSERT_EVALUATION = f"INSERT OR IGNORE INTO evaluations VALUES ({_marks(len(EVALUATION))})"  # noqa: S608 names of ours
INSERT_SCORE = f"INSERT OR IGNORE INTO scores VALUES ({_marks(2 + len(SCORE))})"  # noqa: S608 names of ours
_OWN = tuple(name for name in EVALUATION if name != "stratum")
_COLUMNS = ", ".join([*(f"evaluations.{name}" for name in _OWN), *(f"strata.{name}" for name in STRATUM)])
SELECT_EVALUATIONS = f"SELECT {_COLUMNS} FROM evaluations CROSS JOIN strata USING (stratum)"  # noqa: S608 names of ours
SELECT_SCORES = f"SELECT {', '.join(SCORE)} FROM scores WHERE exchange = ? AND evaluation = ? ORDER BY name"  # noqa: S608 names of ours
DELETE_EVALUATION = "DELETE FROM evaluations WHERE exchange = ? AND evaluation = ?"
DELETE_SCORES = "DELETE FROM scores WHERE exchange = ? AND evaluation = ?"

# That nothing is left to be removed, as retention has noted; whoever adds an evaluation takes it away.
SWEPT = "scores_swept"
UNSWEPT = f"DELETE FROM meta WHERE name = '{SWEPT}'"  # noqa: S608 a name of ours

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_decode_raws = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_USUAL = {name: getattr(Evaluation(id="", created_at="", team="", exchange=""), name) for name in RARE}


def stratum_of(one: Evaluation) -> tuple[str, ...]:
    """Return what an evaluation has in common with others."""
    return tuple([getattr(one, name) or "" for name in STRATUM])


def evaluation_row(evaluated: Evaluated, seq: int, stratum: int, said: int) -> tuple[object, ...]:
    """Lay out the row of `evaluations`."""
    key, exchange, created_us, one = evaluated
    target = None if one.target in ("", one.exchange) else one.target
    return (
        exchange, key, seq, stratum, created_us, said, target, one.conversation, one.prompt_version, one.probability,
        one.author, one.reason, None if said == FOREIGN else _more(one),
    )  # fmt: skip


def score_rows(evaluated: Evaluated) -> list[tuple[object, ...]]:
    """Lay out the rows of `scores`."""
    key, exchange, _, one = evaluated
    return [
        (
            exchange, key, score.name, score.type, score.value, score.label, score.normalised, score.passing,
            score.confidence, _free(score),
        )
        for score in one.scores
    ]  # fmt: skip


def evaluation_of(row: Sequence[Any], scores: Iterable[Sequence[Any]]) -> Evaluation:
    """Read a row of SELECT_EVALUATIONS, with those of SELECT_SCORES."""
    found = dict(zip(_OWN, row[: len(_OWN)], strict=True))
    shared: dict[str, Any] = {name: value or None for name, value in zip(STRATUM, row[len(_OWN) :], strict=True)}
    shared["evaluator"] = shared["evaluator"] or ""
    exchange = str(UUID(bytes=found["exchange"]))
    more = _decode(found["more"]) if found["more"] else {}
    return Evaluation(
        id=str(UUID(bytes=found["evaluation"])),
        created_at=instant(found["created_us"]),
        exchange=exchange,
        target=found["target"] or exchange,
        replaces=found["said"] != MADE,
        scores=[score_of(score) for score in scores],
        **{name: found[name] for name in ("conversation", "prompt_version", "probability", "author", "reason")},
        **shared,
        **more,
    )


def score_of(row: Sequence[Any]) -> Score:
    """Read a row of SELECT_SCORES."""
    fields = dict(zip(SCORE, row, strict=True))
    more = _decode_raws(fields.pop("more") or "{}")
    fields["passing"] = None if fields["passing"] is None else bool(fields["passing"])
    # One that is not there is left out: an empty one that is not the default itself would be written as nothing at all.
    for name, text in more.items():
        fields[name] = text if name == "evidence" else msgspec.json.decode(bytes(text))
    return Score(**fields)


def instant(at_us: int) -> str:
    """Write an instant as evaluations have it."""
    return (_EPOCH + timedelta(microseconds=at_us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _more(one: Evaluation) -> str | None:
    found = {name: value for name in RARE if (value := getattr(one, name)) != _USUAL[name]}
    return _encode(found).decode() if found else None


def _free(score: Score) -> str | None:
    found: dict[str, object] = {
        name: value for name in ("text", "comment") if (value := getattr(score, name)) is not None
    }
    if bytes(score.evidence):
        found["evidence"] = score.evidence
    return _encode(found).decode() if found else None
