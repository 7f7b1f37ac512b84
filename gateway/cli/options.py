"""What every command has in common: --config, --json, and how problems and results are printed."""

import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NoReturn

import msgspec
import typer

from gateway.config.load import DEFAULT_FILE, Config, parse, read
from gateway.config.problems import ConfigError, Problem

OK, PROBLEM, USAGE = 0, 1, 2  # exit codes

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        envvar="TOLLWAY_CONFIG",
        help=f"The config file. Default: ./{DEFAULT_FILE}, and without one the built-in defaults.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON: one object a line for lists.")]


class Offered(NamedTuple):
    """An option of which a command has many alike: its type, what stands for its value in --help, what it does."""

    kind: type
    metavar: str
    meaning: str


def with_options(offered: Mapping[str, Offered]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command, for its `**keywords`, one option each: typer reads them from the signature."""
    more = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                one.kind | None, typer.Option(metavar=one.metavar, help=one.meaning, show_default=False)
            ],
        )
        for name, one in offered.items()
    ]

    def give(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command)
        own = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        command.__signature__ = signature.replace(parameters=[*own, *more])  # type: ignore[attr-defined]
        command.__annotations__ |= {one.name: one.annotation for one in more}
        return command

    return give


class Place(NamedTuple):
    """Where the config lies, and whether it must be there because somebody named it."""

    file: Path
    required: bool

    @property
    def root(self) -> Path:
        """The directory that relative paths and teams/ are beside."""
        return self.file.absolute().parent


def place_of(config: Path | None) -> Place:
    """Find the config file that a command means."""
    return Place(Path(DEFAULT_FILE), False) if config is None else Place(config, True)


def root_of(config: Path | None) -> Path:
    """Return the directory whose teams/ a command edits; a mistyped --config must not edit where nobody looks."""
    place = place_of(config)
    if place.required and not place.file.is_file():
        fail(f"{place.file}: no such file. Give another with --config, or make it")
    return place.root


def load(config: Path | None) -> Config:
    """Load the config; with problems, print them all and exit."""
    place = place_of(config)
    try:
        return parse(read(place.file.absolute(), required=place.required), os.environ, place.root)
    except ConfigError as error:
        print_problems(error.problems)
        raise typer.Exit(PROBLEM) from error


def print_problems(problems: Iterable[Problem]) -> None:
    """Print what is wrong, one line each."""
    for problem in problems:
        typer.secho(f"{problem}", fg="red", err=True)


def fail(message: str, code: int = PROBLEM) -> NoReturn:
    """Say what went wrong and what to do, and exit."""
    typer.secho(message, fg="red", err=True)
    raise typer.Exit(code)


def counted(number: int, what: str) -> str:
    """Write "1 team", "2 teams"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def print_json(value: Any) -> None:
    """Print one JSON object on a line of its own."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
