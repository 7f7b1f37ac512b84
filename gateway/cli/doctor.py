"""`tollway doctor`: can it run well on this machine, and if not, what is to be done?"""

import asyncio
import os

import typer
from rich.text import Text

from gateway.app.examination import BAD, FAIR, GOOD, Finding, examine_machine, examine_server
from gateway.app.price_shelf import Shelf
from gateway.cli.options import OK, PROBLEM, AsJson, ConfigFile, Place, place_of, print_json
from gateway.cli.output import console, table
from gateway.config import compile
from gateway.config.load import parse, read
from gateway.config.problems import ConfigError
from gateway.policies.snapshot import Snapshot

_STYLES = {GOOD: "green", FAIR: "yellow", BAD: "red"}


def doctor(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Look at the configuration and at this machine, and say what is not as it should be, and what to do.

    Exit code 1 where something must be done before the gateway can work; what could be better is a warning.
    """
    findings = asyncio.run(_examine(place_of(config)))
    bad = any(finding.state == BAD for finding in findings)
    if as_json:
        print_json({"ok": not bad, "findings": [finding._asdict() for finding in findings]})
    else:
        rows = [(Text(each.state, _STYLES[each.state]), each.subject, each.word) for each in findings]
        console().print(table(("", "WHAT", "HOW IT IS"), rows))
    raise typer.Exit(PROBLEM if bad else OK)


async def _examine(place: Place) -> list[Finding]:
    found: list[Finding] = []
    try:
        parsed = parse(read(place.file.absolute(), required=place.required), os.environ, place.root)
        snapshot: Snapshot = compile.snapshot(parsed, os.environ, 0, await Shelf(parsed.data_dir).take(refreshed=False))
    except ConfigError as error:
        found += [Finding("config", BAD, str(problem)) for problem in error.problems]
    else:
        found.append(Finding("config", GOOD, f"{place.file}: sound" if place.file.exists() else "built-in defaults"))
        found += [Finding("config", FAIR, warning) for warning in compile.warnings(parsed, os.environ, snapshot)]
        keyed = [each.name for each in snapshot.routing.providers() if each.api_keys]
        if keyed:
            found.append(Finding("providers", GOOD, f"a key for {', '.join(keyed)}"))
        found += examine_server(snapshot.server, parsed.data_dir)
    return found + await examine_machine()
