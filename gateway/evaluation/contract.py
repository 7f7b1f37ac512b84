"""Does a result keep what its evaluator declared? Then it becomes a score; otherwise it is an error, never a number."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.core.score import Score
from gateway.evaluation.api import Result
from gateway.evaluation.canonical import NotJson, canonical
from gateway.evaluation.protocol import Given, Spec
from gateway.wire.scan import UNREADABLE

EVIDENCE_BYTES: Final = 8192
COMMENT_CHARS: Final = 4096
LABEL_CHARS: Final = 128
TEXT_CHARS: Final = 8192
_MOST_RESULTS: Final = 1000  # more than any evaluator declares
_decode_object: Final = msgspec.json.Decoder(dict[str, Any]).decode


class BrokenContract(Exception):
    """What is wrong with a result, for the plugin's author."""


def given_of(verdict: object) -> list[Given]:
    """Take what `evaluate` returned, in the plugin's process; raise BrokenContract where it cannot even be told."""
    if isinstance(verdict, Result):
        return [_given(verdict)]
    if isinstance(verdict, bool | int | float | str):
        return [_given(Result(verdict))]
    if isinstance(verdict, Sequence) and len(verdict) <= _MOST_RESULTS and all(isinstance(x, Result) for x in verdict):
        return [_given(result) for result in verdict]
    raise BrokenContract(f"evaluate returned {_kind(verdict)}; return a bool, a number, a text, a Result, or Results")


def scores_of(evaluator: str, specs: Sequence[Spec], given: Sequence[Given]) -> list[Score]:
    """Check results against their specs; raise BrokenContract."""
    declared = {spec.name: spec for spec in specs}
    names = [each.name for each in given]
    if not names:
        raise BrokenContract('no score: raise Skip("reason") where there is nothing to say')
    for name in names:
        if name not in declared:
            known = ", ".join(map(_called, declared)) or "none"
            raise BrokenContract(f"{_called(name)} is not declared; `scores` has: {known}")
        if names.count(name) > 1:
            raise BrokenContract(f"{_called(name)} was given more than once")
    return [_score(evaluator, declared[each.name], each) for each in given]


def _given(result: Result) -> Given:
    """Take one result. Texts that no file can hold are found here, before they break anything."""
    if not isinstance(result.evidence, Mapping):
        raise BrokenContract(f"evidence is {_kind(result.evidence)}, and must be an object")
    try:
        evidence = canonical(result.evidence) if result.evidence else b""
        canonical([result.value, result.name, result.label, result.comment, result.confidence])
    except NotJson as error:
        raise BrokenContract(f"{_called(str(result.name))}: {error}") from None
    _check_evidence(evidence)
    confidence = result.confidence
    if confidence is not None and (not isinstance(confidence, int | float) or isinstance(confidence, bool)):
        raise BrokenContract(f"confidence is {_kind(confidence)}, and must be a number from 0 to 1")
    for name in ("name", "label", "comment"):
        value = getattr(result, name)
        if not isinstance(value, str) and (value is not None or name == "name"):
            raise BrokenContract(f"{name} is {_kind(value)}, and must be a text")
    return Given(
        name=result.name,
        value=result.value,
        label=result.label,
        comment=result.comment,
        evidence=evidence,
        confidence=None if confidence is None else float(confidence),
    )


def _score(evaluator: str, spec: Spec, given: Given) -> Score:
    _check_texts(given)
    _check_evidence(given.evidence)
    if given.confidence is not None and not 0 <= given.confidence <= 1:
        raise BrokenContract(f"confidence {given.confidence} is not within 0 and 1")
    score = _VALUES[spec.type](spec, given)
    score.name = f"{evaluator}.{spec.name}" if spec.name else evaluator
    score.comment = given.comment or None
    score.confidence = given.confidence
    if given.evidence:
        score.evidence = msgspec.Raw(given.evidence)
    return score


def _number(spec: Spec, given: Given) -> Score:
    value = given.value
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise BrokenContract(f"{_called(spec.name)} is numeric, and {value!r} is {_kind(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BrokenContract(f"{_called(spec.name)} is {number}, which is no score")
    low, high = spec.low, spec.high
    if (low is not None and number < low) or (high is not None and number > high):
        raise BrokenContract(f"{_called(spec.name)} is {number}, outside of {low} to {high}")
    normalised = None
    if low is not None and high is not None and spec.direction != "none":
        share = (number - low) / (high - low)
        normalised = 1 - share if spec.direction == "min" else share
    return Score(name="", type="numeric", value=number, label=given.label, normalised=normalised)


def _boolean(spec: Spec, given: Given) -> Score:
    if not isinstance(given.value, bool):
        raise BrokenContract(f"{_called(spec.name)} is boolean, and {given.value!r} is {_kind(given.value)}")
    score = Score(name="", type="boolean", value=float(given.value), label=given.label)
    if spec.direction != "none":
        score.passing = given.value is (spec.direction == "max")
        score.normalised = float(score.passing)
    return score


def _category(spec: Spec, given: Given) -> Score:
    label = given.value
    if not isinstance(label, str) or label not in spec.labels:
        raise BrokenContract(f"{_called(spec.name)} is {label!r}, and must be one of: {', '.join(spec.labels)}")
    score = Score(name="", type="categorical", label=label)
    if spec.passing:
        score.passing = label in spec.passing
        score.normalised = float(score.passing)
    return score


def _text(spec: Spec, given: Given) -> Score:
    if not isinstance(given.value, str):
        raise BrokenContract(f"{_called(spec.name)} is a text, and {given.value!r} is {_kind(given.value)}")
    if len(given.value) > TEXT_CHARS:
        raise BrokenContract(f"{_called(spec.name)} is longer than {TEXT_CHARS} characters")
    return Score(name="", type="text", text=given.value, label=given.label)


_VALUES: Final = {"numeric": _number, "boolean": _boolean, "categorical": _category, "text": _text}


def _check_texts(given: Given) -> None:
    for name, value, most in (("comment", given.comment, COMMENT_CHARS), ("label", given.label, LABEL_CHARS)):
        if value is not None and len(value) > most:
            raise BrokenContract(f"the {name} of {_called(given.name)} is longer than {most} characters")


def _check_evidence(evidence: bytes) -> None:
    if len(evidence) > EVIDENCE_BYTES:
        raise BrokenContract(f"evidence of {len(evidence)} bytes; at most {EVIDENCE_BYTES} are kept")
    try:
        if evidence:
            _decode_object(evidence)
    except UNREADABLE:
        raise BrokenContract("evidence is no JSON object") from None


def _called(name: str) -> str:
    return f"score `{name}`" if name else "the main score"


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"
