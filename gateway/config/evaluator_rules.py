"""What of the evaluators does not fit together? Names are looked up; no plugin is imported for it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points
from typing import NamedTuple

from gateway.config.model import Company, Evaluator, Team
from gateway.config.problems import suggestion
from gateway.policies.evaluating import TEAM

GROUP = "tollway.evaluators"
FILE = "file"
_OWN = "tollway"  # the distribution whose evaluators teams may use by their name alone
_SALT_BYTES = 64  # of a key of the hash

Found = Iterator[tuple[str, str]]


class Installed(NamedTuple):
    """The names of evaluators that are installed. `shipped`: those that come with the gateway; `doubled`: names that
    several packages claim."""

    names: frozenset[str]
    shipped: frozenset[str]
    doubled: frozenset[str]


NOTHING = Installed(frozenset(), frozenset(), frozenset())


def installed() -> Installed:
    """Read the names out of what packages say of themselves."""
    # The same package may be found twice, installed and as the folder that somebody works in.
    points = {(point.name, point.value): point for point in entry_points(group=GROUP)}.values()
    names = Counter(point.name for point in points)
    shipped = {point.name for point in points if point.dist is not None and point.dist.name == _OWN}
    return Installed(
        frozenset(names), frozenset(shipped), frozenset(name for name, times in names.items() if times > 1)
    )


def file_and_class(use: str) -> tuple[str, str] | None:
    """Take `file:PATH:CLASS` apart; None: it is the name of an entry point."""
    kind, colon, rest = use.partition(":")
    if kind != FILE or not colon:
        return None
    path, _, name = rest.rpartition(":")
    return path, name


def broken_evaluators(company: Company, there: Installed) -> Found:
    """Give (place, sentence) for each problem of the company's evaluators."""
    seen: dict[str, int] = {}
    for at, section in enumerate(company.evaluators):
        where = f"evaluators[{at}]"
        if (first := seen.setdefault(section.name, at)) != at:
            yield f"{where}.name", f"'{section.name}' is already the name of evaluators[{first}]: give it another"
        yield from _use(where, section, there)
        yield from _effect(where, section, company)
    if len(company.evaluation.salt.encode()) > _SALT_BYTES:
        yield "evaluation.salt", f"is longer than {_SALT_BYTES} bytes"


def broken_use(name: str, team: Team, company: Company, there: Installed) -> Found:
    """Do the same for what one team uses."""
    if name == TEAM:
        yield "", f"'{TEAM}' is the built-in team that judges' calls belong to: rename this file"
    evaluation = team.evaluation
    if evaluation.sample is not None and not evaluation.evaluators:
        yield "evaluation.sample", "has no effect without evaluators: name some, or remove it"
    own = {section.name for section in company.evaluators}
    for at, used in enumerate(evaluation.evaluators):
        where = f"evaluation.evaluators[{at}]"
        if used in evaluation.evaluators[:at]:
            yield where, f"'{used}' is named twice"
        elif used not in own:
            yield from _unknown(where, used, own, there)
    for used in evaluation.of:
        if used not in evaluation.evaluators:
            hint = suggestion(used, evaluation.evaluators) or f' Add "{used}" to evaluators, or remove this.'
            yield f"evaluation.of.{used}", f"the team does not use an evaluator '{used}'.{hint}"


def is_needed(company: Company, teams: Iterable[Team]) -> bool:
    """Whether it matters what is installed: looking takes a while, and every process does it."""
    return bool(company.evaluators) or any(team.evaluation.evaluators for team in teams)


def _use(where: str, section: Evaluator, there: Installed) -> Found:
    parts = file_and_class(section.use)
    if parts is not None:
        path, name = parts
        if not path.endswith(".py") or not name.isidentifier():
            yield f"{where}.use", 'expected "file:PATH:CLASS", such as "file:plugins/mine.py:Mine"'
        return
    if section.use in there.doubled:
        yield f"{where}.use", f"several installed packages have an evaluator '{section.use}': remove all but one"
    if section.use not in there.names:
        hint = suggestion(section.use, there.names) or f" Installed: {_listed(there.names)}."
        yield (
            f"{where}.use",
            f"no evaluator '{section.use}' is installed.{hint} A class of your own: \"file:PATH:CLASS\"",
        )


def _effect(where: str, section: Evaluator, company: Company) -> Found:
    """Find settings that would do nothing: somebody believes that they do."""
    judge = section.judge or company.evaluation.judge
    if section.budget_usd_per_day is not None and judge is None:
        yield f"{where}.budget_usd_per_day", "has no effect without a judge: name one in judge, here or in [evaluation]"
    if "always_per_minute" in section.model_fields_set and not section.always:
        yield f"{where}.always_per_minute", "has no effect without always"


def _unknown(where: str, used: str, own: set[str], there: Installed) -> Found:
    if used in there.shipped:
        return
    if used in there.names:
        yield where, f"'{used}' is installed, but did not come with Tollway: allow it in config.toml by [[evaluators]]"
        return
    known = [*own, *there.shipped]
    hint = suggestion(used, known) or f" There are: {_listed(known)}."
    yield where, f"there is no evaluator '{used}'.{hint}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
