"""`tollway plugin`: begin an evaluator of your own, check that it conforms, see which there are."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from gateway.cli.options import PROBLEM, USAGE, AsJson, counted, fail, print_json
from gateway.cli.output import console, print_facts, table
from gateway.cli.plugin_files import BadName, write_package
from gateway.evaluation.conformance import Finding, Report
from gateway.evaluation.definition import FILE, names
from gateway.evaluation.inspection import Description, Parameter, conformance, describe
from gateway.wire.scan import UNREADABLE

app = typer.Typer(help="Write, check and list evaluators.", no_args_is_help=True)


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Its name: small letters, digits, - and _.", show_default=False)],
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Where to make it. Default: ./tollway-NAME.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a package with an evaluator that works, and its test: change what it says about an answer."""
    try:
        made = write_package(name, folder)
    except (BadName, OSError) as error:
        fail(str(error), USAGE if isinstance(error, BadName) else PROBLEM)
    if as_json:
        print_json({"dir": str(made.folder), "files": [str(file) for file in made.files], "use": made.use})
        return
    out = console()
    for file in made.files:
        out.print(f"{made.folder / file}", markup=False)
    out.print(f"\nEdit {made.folder / made.module}, then:", markup=False)
    for line in (
        f"tollway plugin check {FILE}{made.folder / made.module}:{made.cls}",
        f'pip install -e {made.folder}   # beside Tollway; then `use = "{made.use}"` in [[evaluators]]',
    ):
        out.print(f"  {line}", markup=False)


@app.command("check")
def check(
    use: Annotated[str, typer.Argument(help="An installed one's name, or `file:PATH.py:CLASS`.", show_default=False)],
    params: Annotated[str, typer.Option("--params", metavar="JSON", help="Its parameters, a JSON object.")] = "{}",
    as_json: AsJson = False,
) -> None:
    """Try an evaluator on made-up exchanges of all kinds, in a process of its own: does it keep its promises?"""
    _check_json(params)
    found = conformance(_absolute(use), params, Path.cwd())
    if as_json:
        print_json({**msgspec.to_builtins(found), "conforms": found.conforms})
    elif found.report is None:
        fail(f"{found.problem}" + (f"\n{found.detail}" if found.detail else ""))
    else:
        _print_report(found.report)
    if not found.conforms:
        raise typer.Exit(PROBLEM)


@app.command("list")
def list_plugins(as_json: AsJson = False) -> None:
    """Show all installed evaluators: where they come from, what they score, need and can be told."""
    found = describe(names())
    if as_json:
        for each in found:
            print_json(each)
        return
    columns = ("USE", "VERSION", "FROM", "SCORES", "NEEDS", "PARAMETERS")
    out = console()
    out.print(table(columns, [_row(each) for each in found]))
    for each in found:
        if each.problem is not None:
            out.print(Text(f"\n{each.problem}", style="red"))


def _row(each: Description) -> tuple[str | Text | None, ...]:
    if each.problem is not None:
        return (each.use, None, None, Text("cannot be loaded", style="red"), None, None)
    parameters = ", ".join(map(_parameter_words, each.parameters))
    came = (each.distribution or "-").replace("==", " ")
    return (each.use, each.version, came, "; ".join(each.scores), ", ".join(each.needs) or None, parameters or None)


def _parameter_words(one: Parameter) -> str:
    return f"{one.name} ({one.type})" if one.default is None else f"{one.name}={one.default}"


def _print_report(report: Report) -> None:
    print_facts(
        [
            ("evaluator", report.evaluator),
            ("targets", f"{report.targets}: {report.scored} scored, {report.skipped} skipped"),
            ("slowest", f"{report.slowest_ms:.1f} ms, {report.slowest}" if report.slowest else "-"),
        ]
    )
    if not report.findings:
        console().print(Text("It conforms.", style="green"))
        return
    console().print(Text(f"\n{counted(len(report.findings), 'finding')}:", style="red"))
    for finding in report.findings:
        print_facts(_finding(finding))


def _finding(finding: Finding) -> list[tuple[str, str | Text]]:
    where = f" on `{finding.where}`" if finding.where else ""
    return [("", ""), (finding.rule, f"{finding.problem}{where}"), ("  do", f"{finding.advice}.")]


def _absolute(use: str) -> str:
    """Let a file be given as seen from here."""
    if not use.startswith(FILE):
        return use
    path, colon, cls = use.removeprefix(FILE).rpartition(":")
    return f"{FILE}{Path(path).absolute()}{colon}{cls}"


def _check_json(params: str) -> None:
    try:
        given: Any = msgspec.json.decode(params)
    except UNREADABLE as error:
        fail(f"--params: no JSON ({error}). Write it like '{{\"most\": 3}}'", USAGE)
    if not isinstance(given, dict):
        fail("--params: must be a JSON object, as '{\"most\": 3}'", USAGE)
