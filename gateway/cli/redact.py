"""`tollway redact`: what would be kept of a text by a team's rules, to try patterns before anything depends on them."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.options import PROBLEM, AsJson, ConfigFile, counted, fail, load, print_json
from gateway.cli.output import write_bytes
from gateway.config.compile import redaction
from gateway.exchange.redacting import Form, Redacting
from gateway.policies.redaction import DEFAULT, Redaction

_ANY_TEXT = Form("text/plain")  # JSON and event streams are known by how they begin


def redact(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A request, an answer or any text; - reads stdin.")],
    team: Annotated[
        str | None, typer.Option("--team", help="By this team's rules. Default: all built-in kinds.")
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what would be kept of a body where bodies = "redacted"."""
    body = _read(file)
    reading = Redacting(_rules(team, config), len(body) or 1, _ANY_TEXT, answer=True)
    reading.add(body)
    kept = reading.finish(whole=True)
    if body and not kept:
        fail("this cannot be read as text, so nothing of it would be kept")
    if as_json:
        print_json({"kept": kept.decode("utf-8", "replace"), "redactions": reading.redactions})
        return
    write_bytes(kept)
    typer.echo(f"{counted(reading.redactions, 'part')} taken out", err=True)


def _rules(team: str | None, config: Path | None) -> Redaction:
    if team is None:
        return DEFAULT
    teams = load(config).teams
    if team not in teams:
        fail(f"there is no team '{team}'. There are: {', '.join(teams) or 'none'}")
    return redaction(teams[team].logging.redact)


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        fail(f"{file}: {error.strerror}", PROBLEM)
