"""From files to a checked Config: texts are read once, and every process parses the same texts."""

import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from gateway.config.defaults import completed, from_environment
from gateway.config.model import Company, Section, Team
from gateway.config.problems import ConfigError, Problem, from_validation
from gateway.config.rules import broken_rules

Sources = dict[str, str]  # file name relative to the config's directory -> its text

DEFAULT_FILE = "config.toml"
TEAMS = "teams"

T = TypeVar("T", bound=Section)


@dataclass(frozen=True, slots=True)
class Config:
    """A config whose every part was checked. Relative paths in it are relative to `root`; `file` is the main one."""

    company: Company
    teams: dict[str, Team]
    root: Path
    file: str

    @property
    def data_dir(self) -> Path:
        """Where journal, lock and board lie."""
        return self.root / self.company.server.data_dir

    @property
    def store_dir(self) -> Path:
        """Where the log's day files lie."""
        url = self.company.store.url
        return self.root / url.partition(":")[2] if url else self.data_dir / "store"


def read(file: Path, *, required: bool = True) -> Sources:
    """Read a config file and the teams beside it. Not `required`: without the file the built-in defaults hold."""
    problems: list[Problem] = []
    sources: Sources = {}
    for path in [file, *team_files(file.parent)]:
        name = path.relative_to(file.parent).as_posix()
        try:
            sources[name] = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            if required and path == file:
                problems.append(Problem(str(file), "", "no such file. Give another with --config, or make it"))
        except UnicodeDecodeError as error:
            problems.append(Problem(name, "", f"is not UTF-8 text (byte {error.start})"))
        except OSError as error:
            problems.append(Problem(name, "", f"cannot be read: {error.strerror}"))
    if problems:
        raise ConfigError(problems)
    return sources


def team_files(root: Path) -> list[Path]:
    """Return the team files beside a config, sorted by name; hidden ones are editors' and not ours."""
    return sorted(path for path in (root / TEAMS).glob("*.toml") if not path.name.startswith("."))


def parse(sources: Mapping[str, str], env: Mapping[str, str], root: Path | str = ".") -> Config:
    """Check all texts; raise ConfigError with every problem of every file. `env` only tells which keys exist."""
    problems: list[Problem] = []
    company = Company()
    teams: dict[str, Team] = {}
    for name, text in sources.items():
        if not name.startswith(f"{TEAMS}/"):
            company = _section(name, text, Company, problems) or company
        elif (team := _section(name, text, Team, problems)) is not None:
            teams[Path(name).stem] = team
    if not company.providers:
        company = company.model_copy(update={"providers": from_environment(env)})
    providers = {name: completed(name, provider, env) for name, provider in company.providers.items()}
    company = company.model_copy(update={"providers": providers})
    file = main_file(sources)
    known = {(problem.file, problem.where) for problem in problems}  # a wrong value is not called a missing one, too
    problems += (each for each in broken_rules(file, company, teams) if (each.file, each.where) not in known)
    if problems:
        raise ConfigError(problems)
    return Config(company, teams, Path(root).resolve(), file)


def _section(file: str, text: str, model: type[T], problems: list[Problem]) -> T | None:
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problems.append(Problem(file, "", f"is not valid TOML: {error}"))
        return None
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems.extend(from_validation(file, model, error))
        return _sound_part(raw, model, error)


def _sound_part(raw: dict[str, Any], model: type[T], error: ValidationError) -> T:
    """Leave out the settings with errors, so that the rest can still be checked against the rules.

    Where that leaves a hole (a required one, or one of a list), its whole top-level setting goes.
    """
    sound = deepcopy(raw)
    for each in error.errors():
        _drop(sound, each["loc"])
    try:
        return model.model_validate(sound)
    except ValidationError as left:
        for each in left.errors():
            sound.pop(str(each["loc"][0]), None)
    return model.model_validate(sound)


def _drop(table: Any, loc: Sequence[str | int]) -> None:
    """Take a setting out. Of a list the whole is taken: the others must keep their numbers."""
    *way, last = [step for step in loc if step != "[key]"]
    while way and isinstance(last, int):
        last = way.pop()
    for step in way:
        if isinstance(table, dict) and step not in table:
            return  # went with another mistake
        table = table[step]
    if isinstance(table, dict):
        table.pop(last, None)


def main_file(sources: Mapping[str, str]) -> str:
    """Return the name of the main file, which is the usual one where there is none."""
    return next((name for name in sources if not name.startswith(f"{TEAMS}/")), DEFAULT_FILE)
