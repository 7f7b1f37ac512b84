"""`tollway eval preview` and `backfill`: a rule tried on past traffic, and run on it."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from gateway.cli.evaluating import evaluating_of, names_in_use, queue_of
from gateway.cli.options import PROBLEM, USAGE, AsJson, ConfigFile, Offered, fail, load, print_json, with_options
from gateway.cli.output import amounts, console, print_json_line, table
from gateway.cli.reading import instant
from gateway.config.load import Config
from gateway.core.clock import stamp
from gateway.core.money import usd_text
from gateway.evaluation.backfills import NotOfExchanges, refuse_other_units
from gateway.evaluation.follow import Follow
from gateway.evaluation.preview import Preview, preview
from gateway.evaluation.runs import NoEvaluator, Run, cancel, order
from gateway.policies.evaluating import Rule

Name = Annotated[
    str,
    typer.Argument(metavar="EVALUATOR", help="Its name in config.", show_default=False, autocompletion=names_in_use),
]
_OPTIONS: Final = {
    "team": Offered(str, "NAME", "Only this team's rule."),
    "since": Offered(str, "WHEN", "From then on: 1h, 2d, or 2026-11-23T08:00 (UTC). Default: 1d."),
    "until": Offered(str, "WHEN", "Before then. Default: now."),
    "sample": Offered(float, "SHARE", "Another rate than the rule's, 0 to 1."),
}
_RUN_HEADS: Final = ("RUN", "EVALUATOR", "TEAM", "FROM", "UNTIL", "RATE", "STATE", "SAMPLED")


@with_options(_OPTIONS)
def preview_command(evaluator: Name, config: ConfigFile = None, as_json: AsJson = False, **which: Any) -> None:
    """Say what a rule would have taken of past traffic, and what its judge would have cost."""
    plan = _Plan(config, evaluator, which)
    for rule in plan.rules:
        told = plan.preview(rule, caps=True)
        if as_json:
            print_json_line(_public(rule, told, plan.cost(rule)))
        else:
            _print(rule, told, plan.cost(rule))


@with_options(_OPTIONS)
def backfill(
    evaluator: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
    **which: Any,
) -> None:
    """Let the running evaluator evaluate past traffic. Its scores are a run of their own."""
    plan = _Plan(config, evaluator, which)
    for rule in plan.rules:
        told = plan.preview(rule, caps=False)
        if not yes:
            _print(rule, told, plan.cost(rule))
            if not typer.confirm(f"Evaluate these {told.sampled}?"):
                raise typer.Exit(PROBLEM)
        try:
            run = order(plan.folder, rule, *plan.range_ms, time.time_ns() // 1_000_000)
        except NoEvaluator as error:
            fail(str(error))
        if as_json:
            print_json({"run": run, **_public(rule, told, plan.cost(rule))})
        else:
            typer.echo(f"Ordered: run {run}. `tollway eval runs` shows how far it is.")


def show_runs(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show the backfills, and how far they are."""
    with queue_of(load(config)) as reader:
        runs = reader.runs()
    if as_json:
        for run in runs:
            print_json_line(msgspec.to_builtins(run))
    elif runs:
        console().print(table(_RUN_HEADS, map(_run_row, runs), right=frozenset({"RATE", "SAMPLED"})))
    else:
        typer.echo("There was no backfill yet: `tollway eval backfill EVALUATOR` orders one.", err=True)


def cancel_run(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Its id, as `tollway eval runs` shows it.")],
    config: ConfigFile = None,
) -> None:
    """End a backfill where it is; what it took already is evaluated."""
    try:
        if not cancel(_folder(load(config)), run):
            fail(f"there is no open run {run}: `tollway eval runs` shows them")
    except NoEvaluator as error:
        fail(str(error))
    typer.echo("Cancelled.")


class _Plan:
    """What a command is about: rules, a range of time, and what is known of costs."""

    def __init__(self, config: Path | None, evaluator: str, which: Mapping[str, Any]) -> None:
        found = load(config)
        self.folder = _folder(found)
        self._evaluating = evaluating_of(found, with_prices=True)
        self.rules = self._rules(evaluator, which["team"], which["sample"])
        now_ms = time.time_ns() // 1_000_000
        self.range_ms = (instant("since", which["since"] or "1d") or 0, instant("until", which["until"]) or now_ms)
        self._follow = Follow(found.store_dir)
        with queue_of(found) as reader:
            self._costs = reader.costs()

    def preview(self, rule: Rule, *, caps: bool) -> Preview:
        """Try a rule."""
        return preview(self._follow, rule, self._evaluating.salt, *self.range_ms, caps=caps)

    def cost(self, rule: Rule) -> int:
        """Return what one evaluation costs, in nano-USD: as it was, or else as it is thought to be."""
        return self._costs.get(rule.evaluator, self._evaluating.plugins[rule.evaluator].cost_nano_usd)

    def _rules(self, evaluator: str, team: str | None, sample: float | None) -> list[Rule]:
        every = [rule for rules in self._evaluating.rules.values() for rule in rules]
        found = [rule for rule in every if rule.evaluator == evaluator and team in (None, rule.team)]
        if not found:
            known = ", ".join(dict.fromkeys(rule.evaluator for rule in every)) or "none"
            whose = f"the team {team} uses" if team else "a team uses"
            fail(f"there is no evaluator {evaluator!r} that {whose}. In use: {known}", USAGE)
        if sample is not None and not 0 <= sample <= 1:
            fail("--sample: expected a share between 0 and 1", USAGE)
        try:
            refuse_other_units(self.folder, self._evaluating, dict.fromkeys(rule.evaluator for rule in found))
        except NotOfExchanges as error:
            fail(str(error))
        return found if sample is None else [replace(rule, sample=sample, strata=()) for rule in found]


def _folder(found: Config) -> Path:
    return found.data_dir / "evaluation"


def _print(rule: Rule, told: Preview, cost_nano_usd: int) -> None:
    console().print(f"{rule.evaluator}, team {rule.team}", style="bold", markup=False)
    rows = [("seen", f"{told.seen:,}"), ("matched", f"{told.matched:,}"), ("sampled", f"{told.sampled:,}")]
    rows += [(f"  {reason}", f"{count:,}") for reason, count in told.reasons.most_common()]
    if told.capped:
        rows.append(("left out by caps", f"{told.capped:,}"))
    if cost_nano_usd:
        rows.append(("the judge costs about", f"{usd_text(told.cost_nano_usd(cost_nano_usd))} USD"))
    console().print(amounts(rows))


def _public(rule: Rule, told: Preview, cost_nano_usd: int) -> dict[str, object]:
    expected = told.cost_nano_usd(cost_nano_usd)
    return {
        "evaluator": rule.evaluator,
        "team": rule.team,
        "sample": rule.sample,
        "policy": rule.version,
        "seen": told.seen,
        "matched": told.matched,
        "sampled": told.sampled,
        "capped": told.capped,
        "reasons": dict(told.reasons),
        "expected_cost_nano_usd": expected,
        "expected_cost_usd": usd_text(expected),
    }


def _run_row(run: Run) -> tuple[str, ...]:
    since, until = (stamp(instant_ms / 1000) for instant_ms in (run.since_ms, run.until_ms))
    rule = run.rule
    rate = "pair" if run.pair else f"{rule.sample:g}"
    return (run.id, rule.evaluator, rule.team, since, until, rate, run.state, str(run.sampled))
