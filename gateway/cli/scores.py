"""How are evaluations shown? In one cell beside an exchange, and one by one below it."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from gateway.cli.output import BAD_STYLE, Cell, console, printable, table
from gateway.core.score import Evaluation, Score
from gateway.evaluation.why import Why

_VERDICTS = {True: Text("pass", style="green"), False: Text("fail", style=BAD_STYLE), None: Text("-")}
_STYLES = {True: "green", False: BAD_STYLE, None: ""}
_OF = {"exchange": "", "conversation": " (session)", "pair": " (pair)"}
_SHOWN_CHARS = 80
_COLUMNS = ("EVALUATION", "SCORE", "VERDICT", "BY", "PROBABILITY", "WHY")


def scores_text(judged: Sequence[Evaluation]) -> Cell:
    """Write the main scores of an exchange in one line: what fails in red, what says neither, how many pass."""
    main = [score for one in judged for score in one.scores if _is_main(one, score)]
    told = [
        Text(f"{printable(score.name)} {_value(score)}", style=BAD_STYLE) for score in main if score.passing is False
    ]
    told += [Text(f"{printable(one.evaluator)} failed", style="yellow") for one in judged if one.result == "error"]
    told += [Text(f"{printable(score.name)} {_value(score)}") for score in main if score.passing is None]
    if passed := sum(score.passing is True for score in main):
        told.append(Text(f"{passed} pass", style=_STYLES[True]))
    return Text(", ").join(told) if told else None


def _is_main(one: Evaluation, score: Score) -> bool:
    return one.evaluator in ("", score.name)


def print_evaluations(judged: Sequence[Evaluation]) -> None:
    """Print evaluations with their scores, and why there are none."""
    if not judged:
        return
    console().print()
    console().print(table(_COLUMNS, (row for one in judged for row in _rows(one)), right=frozenset({"PROBABILITY"})))


def print_unevaluated(whys: Sequence[Why]) -> None:
    """Print which evaluators have not looked at it, and why."""
    rows = [(one.evaluator or "all", one.state, one.told) for one in whys if one.state != "evaluated"]
    if rows:
        console().print()
        console().print(table(("NOT BY", "STATE", "WHY"), rows))


def _rows(one: Evaluation) -> Iterator[tuple[Cell, ...]]:
    of = _OF[one.target_type]
    by = f"{one.source} {one.author}" if one.author else one.source
    probability = None if one.probability is None else f"{one.probability:g}"
    for score in one.scores:
        yield (score.name + of, _value(score), _VERDICTS[score.passing], by, probability, _short(score.comment))
    if not one.scores:
        why = ": ".join(filter(None, (one.reason, _short(one.detail))))
        yield (one.evaluator + of, one.result, None, by, probability, why or None)


def _value(score: Score) -> str:
    if score.type == "boolean" and score.value is not None:
        return "yes" if score.value else "no"
    if score.label is not None:
        return printable(score.label)
    return "-" if score.value is None else f"{score.value:.4g}"


def _short(text: str | None) -> str | None:
    """Return the last line of a text, which of a traceback says most, cut to what a table takes."""
    lines = (text or "").strip().splitlines()
    if not lines:
        return None
    return lines[-1] if len(lines[-1]) <= _SHOWN_CHARS else f"{lines[-1][: _SHOWN_CHARS - 1]}…"
