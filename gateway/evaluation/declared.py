"""Is what a plugin's class declares complete and consistent? Said before it runs, in words for its author."""

import inspect
import math
import re
from collections.abc import Iterator
from typing import Any, Final, get_args

from pydantic import BaseModel

from gateway.evaluation.api import API_VERSION, Direction, Evaluator, Needs, ScoreSpec, ScoreType, Unit
from gateway.evaluation.protocol import Spec

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")
_VERSION_CHARS: Final = 100
_LABEL: Final = re.compile(r"[^\x00-\x1f\x7f]{1,128}\Z")


def problems(cls: Any) -> list[str]:
    """Say what is wrong with a class; nothing: it can be used."""
    if not issubclass(cls, Evaluator):
        return [f"{cls.__name__} must be a subclass of gateway.evaluation.api.Evaluator"]
    return [*_of_class(cls), *_of_needs(cls.needs), *_of_scores(cls.scores)]


def problems_of_scores(cls: type[Evaluator[Any]], params: BaseModel) -> list[str]:
    """Say what is wrong with the scores that a class gives with these parameters."""
    return list(_of_scores(cls.scores_for(params)))


def specs_of(cls: type[Evaluator[Any]], params: BaseModel) -> list[Spec]:
    """Return the scores that a class gives with these parameters, as they are told to the parent."""
    return [
        Spec(
            name=spec.name,
            type=spec.type,
            low=spec.low,
            high=spec.high,
            labels=list(spec.labels),
            passing=list(spec.passing),
            direction=spec.direction,
        )
        for spec in cls.scores_for(params)
    ]


def _of_class(cls: Any) -> Iterator[str]:
    if cls.api_version != API_VERSION:
        yield f"it is written for api_version {cls.api_version}; this Tollway has {API_VERSION}"
    if not _is_text(getattr(cls, "name", None), _NAME):
        yield 'give it a name of letters, digits, _ and -: `name = "my_evaluator"`'
    version = getattr(cls, "version", None)
    if not isinstance(version, str) or not version:
        yield 'give it a version: `version = "1.0"`; change it when its scores change'
    elif len(version) > _VERSION_CHARS:
        yield f"its version has {len(version)} characters; at most {_VERSION_CHARS} are taken"
    if not (inspect.isclass(cls.Params) and issubclass(cls.Params, BaseModel)):
        yield "Params must be a pydantic model"
    elif cls.Params.model_config.get("extra") != "forbid":
        yield 'Params must refuse what it does not know: `model_config = ConfigDict(extra="forbid")`'
    if cls.evaluate is Evaluator.evaluate:
        yield "it has no method `evaluate(self, target)`"


def _of_needs(needs: Any) -> Iterator[str]:
    if not isinstance(needs, Needs):
        yield "needs must be a Needs(…)"
        return
    if needs.unit not in get_args(Unit):
        yield f"needs.unit is {needs.unit!r}, and must be one of {', '.join(get_args(Unit))}"
    for name in ("wall_s", "cpu_s", "memory_mb", "max_judge_calls"):
        value = getattr(needs, name)
        if not _is_finite(value) or value <= 0:
            yield f"needs.{name} is {value!r}, and must be a number above 0"
    if needs.judge and not needs.content:
        yield "needs: a judge without content has nothing to judge"


def _of_scores(scores: Any) -> Iterator[str]:
    if not isinstance(scores, tuple) or not scores or not all(isinstance(spec, ScoreSpec) for spec in scores):
        yield "scores must be a tuple of at least one ScoreSpec(…)"
        return
    names = [spec.name for spec in scores]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"scores: two are called `{name}`"
    for spec in scores:
        for problem in _of_spec(spec):
            yield f"score `{spec.name}`: {problem}"


def _of_spec(spec: ScoreSpec) -> Iterator[str]:
    if spec.name and not _is_text(spec.name, _NAME):
        yield "a name has letters, digits, _ and -"
    if spec.type not in get_args(ScoreType):
        yield f"type is {spec.type!r}, and must be one of {', '.join(get_args(ScoreType))}"
    if spec.direction not in get_args(Direction):
        yield f"direction is {spec.direction!r}, and must be one of {', '.join(get_args(Direction))}"
    yield from _of_bounds(spec)
    yield from _of_labels(spec)


def _of_bounds(spec: ScoreSpec) -> Iterator[str]:
    bounds = [bound for bound in (spec.low, spec.high) if bound is not None]
    if bounds and spec.type != "numeric":
        yield "only numbers have low and high"
    elif not all(_is_finite(bound) for bound in bounds):
        yield "low and high must be finite"
    elif len(bounds) == 2 and bounds[0] >= bounds[1]:
        yield f"low {bounds[0]} is not below high {bounds[1]}"


def _of_labels(spec: ScoreSpec) -> Iterator[str]:
    if spec.type != "categorical":
        if spec.labels or spec.passing:
            yield "only categorical scores have labels"
        return
    if not spec.labels or not all(_is_text(label, _LABEL) for label in spec.labels):
        yield "say which labels there are: a tuple of texts"
    elif len(set(spec.labels)) < len(spec.labels):
        yield "a label stands there twice"
    if strange := [label for label in spec.passing if label not in spec.labels]:
        yield f"passing has {strange[0]!r}, which is no label"


def _is_text(value: Any, pattern: re.Pattern[str]) -> bool:
    return isinstance(value, str) and pattern.match(value) is not None


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
