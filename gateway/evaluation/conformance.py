"""Does an evaluator keep what all of them promise? For its author's tests, and for `tollway plugin check`."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from pydantic import BaseModel, ValidationError

from gateway.evaluation.api import Evaluator
from gateway.evaluation.declared import problems, problems_of_scores
from gateway.evaluation.fake_judge import FAILURES, FakeJudge
from gateway.evaluation.import_probe import NETWORK, TOUCHED, Imported
from gateway.evaluation.trials import Outcome, Stage, Trial, Watch, trials
from gateway.wire.scan import UNREADABLE

IMPORT_CPU_S: Final = 2.0
_IMPORT_WALL_S: Final = 60
_FAILING_TRIALS: Final = 15  # how many each failing judge is asked about
_MOST_OF_A_RULE: Final = 3  # findings; the others say the same
_REASON: Final = re.compile(r"(?=.{1,64}\Z)[a-z][a-z0-9_]*(?::[a-z0-9_]+)?\Z")
_UNKNOWN: Final = "no_parameter_is_called_like_this"


class Finding(msgspec.Struct, frozen=True):
    """A promise that is not kept. `where`: on which target; `advice`: what to do."""

    rule: str
    problem: str
    advice: str
    where: str | None = None

    def __str__(self) -> str:
        where = f" on `{self.where}`" if self.where else ""
        return f"{self.rule}{where}: {self.problem}. {self.advice}"


class Report(msgspec.Struct):
    """What came of all checks. It conforms if there are no findings."""

    evaluator: str
    findings: list[Finding] = []
    targets: int = 0
    scored: int = 0
    skipped: int = 0
    slowest_ms: float = 0.0
    slowest: str = ""

    def find(self, rule: str, problem: str, where: str | None = None) -> None:
        """Note a finding, unless there are enough of its kind."""
        if sum(each.rule == rule for each in self.findings) < _MOST_OF_A_RULE:
            self.findings.append(Finding(rule, problem, ADVICE[rule], where))


def assert_conforms(cls: type[Evaluator[Any]], params: Mapping[str, Any] | None = None) -> None:
    """Fail, in a test, with all that is wrong with an evaluator."""
    report = check(cls, params)
    assert not report.findings, "\n".join(["", *map(str, report.findings)])  # noqa: S101 - that is what it is for


def check(cls: type[Evaluator[Any]], params: Mapping[str, Any] | None = None) -> Report:
    """Try an evaluator in everything that it may meet. Runs its code in this process; never raises for its faults."""
    report = Report(evaluator=getattr(cls, "name", cls.__name__))
    for problem in problems(cls):
        report.find("declaration", problem)
    if report.findings:
        return report
    validated = _check_params(report, cls, dict(params or {}))
    if validated is None:
        return report
    for problem in problems_of_scores(cls, validated):
        report.find("declaration", problem)
    if report.findings:
        return report
    _check_import(report, cls)
    watch = Watch()
    try:
        Stage(cls, validated, FakeJudge() if cls.needs.judge else None, watch).close()
    except Exception as error:
        report.find("exception", f"it cannot be made: {type(error).__name__}: {error}")
        return report
    outcomes = _check_trials(report, cls, validated, watch)
    if cls.needs.judge:
        _check_judge(report, cls, validated, watch)
    else:
        _check_repeats(report, cls, validated, outcomes, watch)
    _check_touched(report, cls, watch.touched)
    return report


ADVICE: Final[Mapping[str, str]] = {
    "declaration": "Correct the class",
    "params": "Params must be a pydantic model of what a TOML file can hold",
    "import": "Import and open what takes long, or reaches out, when it is first needed",
    "contract": "Return what `scores` declares, or raise Skip",
    "exception": 'Catch it where something can be done; raise Skip("reason") where there is nothing to say',
    "deadline": "Look at less of a long text, or declare a longer `needs.wall_s`",
    "skip_reason": 'A reason is counted by its name: `Skip("no_schema")`',
    "same_twice": "Depend on target and parameters only: no clock, no random numbers, nothing kept between targets",
    "input_changed": "Leave what is given as it is; make a copy",
    "network": "Declare `needs = Needs(network=True)`, which the operator must allow, or do without",
    "programs": "An evaluator starts no programs",
    "judge_failed": "Let Skip, Retryable and JudgeError pass: no score comes of a judge that failed",
    "judge_calls": "Ask less, or declare a larger `needs.max_judge_calls`",
    "judge_schema": "Ask the judge for a JSON object",
}


def _check_params(report: Report, cls: type[Evaluator[Any]], params: dict[str, Any]) -> BaseModel | None:
    """They come as JSON, go back to it, and one that nobody knows is refused."""
    try:
        validated = cls.Params.model_validate(params)
    except ValidationError as error:
        report.find("params", f"{params} is refused: {error.errors(include_url=False)[0]['msg']}")
        return None
    try:
        again = cls.Params.model_validate_json(validated.model_dump_json())
        if again != validated:
            report.find("params", "written as JSON and read again, they are others")
        cls.Params.model_json_schema()
    except Exception as error:
        report.find("params", f"cannot be written as JSON, or have no schema: {error}")
    try:
        cls.Params.model_validate({**params, _UNKNOWN: 1})
        report.find("params", "one that nobody knows is taken")
    except ValidationError:
        pass
    return validated


def _check_import(report: Report, cls: type[Evaluator[Any]]) -> None:
    """Importing is quick and touches nothing. In a process of its own: here it is imported already."""
    module = sys.modules[cls.__module__]
    name = cls.__module__ if _can_be_imported(cls.__module__) else getattr(module, "__file__", None)
    if name is None:
        return  # typed in by hand
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "gateway.evaluation.import_probe", name]
    try:
        done = subprocess.run(command, capture_output=True, env=environment, timeout=_IMPORT_WALL_S, check=False)
        seen = msgspec.json.decode(done.stdout.splitlines()[-1], type=Imported)
    except subprocess.TimeoutExpired:
        report.find("import", f"takes longer than {_IMPORT_WALL_S} s")
        return
    except (IndexError, *UNREADABLE):
        report.find("import", f"fails in a new process: {done.stderr.decode(errors='replace').strip()[-300:]}")
        return
    if seen.cpu_s > IMPORT_CPU_S:
        report.find("import", f"takes {seen.cpu_s:.1f} s of CPU, of at most {IMPORT_CPU_S:g}")
    for event in seen.touched:
        report.find("import", TOUCHED[event])


def _can_be_imported(name: str) -> bool:
    """Tell whether a new process finds a module by its name; that it is here already says nothing."""
    package = name.partition(".")[0]
    finders = [finder for finder in sys.meta_path if hasattr(finder, "find_spec")]
    return package != "__main__" and any(finder.find_spec(package, None) is not None for finder in finders)


def _check_trials(report: Report, cls: type[Evaluator[Any]], params: BaseModel, watch: Watch) -> dict[str, Outcome]:
    """Everything that it may meet gives what was declared, in time."""
    outcomes: dict[str, Outcome] = {}
    asked_most = 0
    judge = FakeJudge() if cls.needs.judge else None
    with Stage(cls, params, judge, watch) as stage:
        for trial, untouched in zip(trials(cls), trials(cls), strict=True):
            if judge is not None:
                judge.asked = 0
            outcome = stage.run(trial.target)
            outcomes[trial.name] = outcome
            report.targets += 1
            _note(report, trial, outcome)
            if trial.target != untouched.target:
                report.find("input_changed", "what was given is another thing afterwards", trial.name)
            asked_most = max(asked_most, judge.asked if judge else 0)
            if outcome.result == "timeout":
                break  # so that a check of one that hangs ends
    if asked_most > cls.needs.max_judge_calls:
        report.find("judge_calls", f"asks {asked_most} times, of at most {cls.needs.max_judge_calls}")
    for schema in judge.schemas if judge else ():
        if schema.get("type") != "object":
            report.find("judge_schema", f"asks for {schema.get('type')!r}")
    return outcomes


def _note(report: Report, trial: Trial, outcome: Outcome) -> None:
    """Note what came of one target."""
    report.scored += outcome.result == "ok"
    report.skipped += outcome.result == "skipped"
    if outcome.took_s * 1000 > report.slowest_ms:
        report.slowest_ms, report.slowest = outcome.took_s * 1000, trial.name
    rule = {"broken": "contract", "timeout": "deadline", "error": "exception"}.get(outcome.result)
    if rule is not None:
        report.find(rule, outcome.told, trial.name)
    elif outcome.result == "skipped" and not _REASON.match(outcome.told):
        report.find("skip_reason", f"{outcome.told!r} is no short word of small letters, digits and _", trial.name)


def _check_repeats(
    report: Report, cls: type[Evaluator[Any]], params: BaseModel, outcomes: Mapping[str, Outcome], watch: Watch
) -> None:
    """The same once more, by another instance and in another order, is the same."""
    with Stage(cls, params, None, watch) as stage:
        for trial in sorted(trials(cls), key=lambda trial: trial.name):
            before = outcomes.get(trial.name)
            if before is None or before.result == "timeout":
                continue
            again = stage.run(trial.target)
            if again[:2] != before[:2]:
                report.find("same_twice", f"first {_short(before)}, then {_short(again)}", trial.name)


def _check_judge(report: Report, cls: type[Evaluator[Any]], params: BaseModel, watch: Watch) -> None:
    """Other verdicts give scores, too; failing judges give none, whatever their trouble."""
    with Stage(cls, params, FakeJudge(last=True), watch) as stage:
        for trial in trials(cls):
            outcome = stage.run(trial.target)
            if outcome.result in ("broken", "error"):
                report.find("contract", outcome.told, trial.name)
    for trouble, fails in FAILURES.items():
        judge = FakeJudge(fails=fails)
        with Stage(cls, params, judge, watch) as stage:
            for trial in trials(cls)[:_FAILING_TRIALS]:
                judge.asked = 0
                outcome = stage.run(trial.target)
                if judge.asked and outcome.result not in ("skipped", "retry", "judge"):
                    told = f"when the judge {trouble}, it tells {_short(outcome)}"
                    report.find("judge_failed", told, trial.name)


def _check_touched(report: Report, cls: type[Evaluator[Any]], touched: set[str]) -> None:
    for event in sorted(touched):
        if event in NETWORK:
            if not cls.needs.network:
                report.find("network", TOUCHED[event])
        else:
            report.find("programs", TOUCHED[event])


def _short(outcome: Outcome) -> str:
    return f"{outcome.result} {outcome.told}"[:200]
