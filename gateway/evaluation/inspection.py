"""A process of its own that loads plugins to tell about them: what they are, and whether they conform.

`python -m gateway.evaluation.inspection describe USE…` writes one JSON object a line for each, `check USE PARAMS ROOT`
one. What plugins print goes to the error output. The commands that start it never import a plugin themselves.
"""

import inspect
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.evaluation.api import Evaluator, ScoreSpec
from gateway.evaluation.conformance import Report, check
from gateway.evaluation.definition import CannotLoad, Found, find, params_of
from gateway.evaluation.protocol import Loading
from gateway.wire.scan import UNREADABLE

DESCRIBE_S: Final = 60.0
CHECK_S: Final = 600.0
_ERROR_CHARS: Final = 2000


class Parameter(msgspec.Struct):
    """One parameter. `default`: as JSON; None: it must be given."""

    name: str
    type: str
    default: str | None = None
    description: str = ""


class Description(msgspec.Struct):
    """What a plugin is. `scores`, `needs`: in words. `problem`: it cannot be used, and why."""

    use: str
    plugin: str = ""
    version: str = ""
    distribution: str | None = None
    about: str = ""
    unit: str = ""
    scores: list[str] = []
    needs: list[str] = []
    parameters: list[Parameter] = []
    problem: str | None = None


class Checked(msgspec.Struct):
    """What came of a check. `problem`: it could not even be loaded; `detail`: its traceback, or what it printed."""

    use: str
    report: Report | None = None
    problem: str | None = None
    detail: str | None = None

    @property
    def conforms(self) -> bool:
        """Whether nothing is wrong."""
        return self.report is not None and not self.report.findings


def describe(uses: Sequence[str]) -> list[Description]:
    """Tell about plugins. One that ends the process is told as such, and the next process goes on behind it."""
    told: list[Description] = []
    while len(told) < len(uses):
        rest = uses[len(told) :]
        lines, problem = _ask(["describe", *rest], DESCRIBE_S)
        told += [msgspec.json.decode(line, type=Description) for line in lines]
        if len(lines) < len(rest):
            told.append(Description(rest[len(lines)], problem=problem))
    return told


def conformance(use: str, params: str, root: Path) -> Checked:
    """Check a plugin with these parameters, a JSON object."""
    lines, problem = _ask(["check", use, params, str(root)], CHECK_S)
    return msgspec.json.decode(lines[0], type=Checked) if lines else Checked(use, problem=problem)


def _ask(arguments: list[str], most_s: float) -> tuple[list[bytes], str]:
    """Start the process; return the lines that it told, and what to say if some are missing."""
    command = [sys.executable, "-m", "gateway.evaluation.inspection", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=most_s, check=False)
        problem = f"its process ended with {done.returncode}"
        out, errors = done.stdout, done.stderr
    except subprocess.TimeoutExpired as error:
        problem = f"it takes longer than {most_s:g} s"
        out, errors = error.stdout or b"", error.stderr or b""
    said = errors.decode(errors="replace").strip()[-_ERROR_CHARS:]
    return [line for line in out.splitlines() if _is_whole(line)], f"{problem}: {said}" if said else problem


def _is_whole(line: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except UNREADABLE:
        return False


def description(use: str) -> Description:
    """Tell about one plugin, in this process."""
    try:
        found = find(use)
    except CannotLoad as error:
        return Description(use, problem=str(error))
    return _description(use, found)


def _description(use: str, found: Found) -> Description:
    cls = found.cls
    return Description(
        use=use,
        plugin=cls.name,
        version=cls.version,
        distribution=found.distribution,
        about=(inspect.getdoc(cls) or "").partition("\n")[0],
        unit=cls.needs.unit,
        scores=[_score_words(spec) for spec in cls.scores],
        needs=_needs_words(cls),
        parameters=_parameters(cls),
    )


def _score_words(spec: ScoreSpec) -> str:
    """Write `.rate: numeric 0 to 1, less is better`."""
    words = f".{spec.name}: " if spec.name else ""
    words += spec.type
    if spec.type == "numeric" and not (spec.low is None and spec.high is None):
        low, high = (("any" if bound is None else f"{bound:g}") for bound in (spec.low, spec.high))
        words += f" {low} to {high}"
    if spec.labels:
        words += f" {'|'.join(spec.labels)}"
    return words + {"min": ", less is better", "none": ", neither is better"}.get(spec.direction, "")


def _needs_words(cls: type[Evaluator[Any]]) -> list[str]:
    needs = cls.needs
    words: list[str] = [] if needs.unit == "exchange" else [needs.unit]
    words += [name for name in ("judge", "network", "reference") if getattr(needs, name)]
    return words if needs.content else [*words, "facts only"]


def _parameters(cls: type[Evaluator[Any]]) -> list[Parameter]:
    properties = cls.Params.model_json_schema().get("properties", {})
    return [
        Parameter(
            name=name,
            type=_type_words(properties.get(name, {})),
            default=None if field.is_required() else _json(properties.get(name, {}).get("default")),
            description=field.description or "",
        )
        for name, field in cls.Params.model_fields.items()
    ]


def _type_words(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "|".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return "|".join(_type_words(each) for each in schema["anyOf"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type_words(schema.get('items', {}))}"
    return str(kind)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def checked(use: str, params: str, root: str) -> Checked:
    """Check one plugin, in this process."""
    try:
        cls = find(use).cls
        validated = params_of(cls, Loading(evaluator=cls.name, use=use, params=params, root=root))
    except CannotLoad as error:
        return Checked(use, problem=str(error), detail=error.detail)
    return Checked(use, report=check(cls, validated.model_dump(mode="json")))


def main(arguments: list[str]) -> None:
    """Do what the command line says; only our own words go to the output."""
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        if arguments[0] == "check":
            out.write(msgspec.json.encode(checked(*arguments[1:])) + b"\n")
            return
        for use in arguments[1:]:
            out.write(msgspec.json.encode(description(use)) + b"\n")
            out.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
