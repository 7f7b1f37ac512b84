"""Which setting is to blame for an evaluator that cannot be loaded?"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from gateway.config.load import Config
from gateway.config.problems import Problem
from gateway.evaluation.protocol import Loaded
from gateway.policies.evaluating import VARIANT, Evaluating

_PARAMS: Final = "params"
_NO_JUDGE: Final = "it asks a judge, and there is none: name one, here or as evaluation.judge"


class _Wrong(NamedTuple):
    """A setting of an evaluator, and what is wrong with it."""

    setting: str
    message: str


def problems(config: Config, evaluating: Evaluating, loaded: Mapping[str, Loaded]) -> Iterator[Problem]:
    """Give what is wrong; a team's own parameters are blamed only for what is not wrong without them."""
    sections = {section.name: f"evaluators[{at}]" for at, section in enumerate(config.company.evaluators)}
    all_wrong = {name: wrong for name, each in loaded.items() if (wrong := _wrong(evaluating, each)) is not None}
    for name, wrong in all_wrong.items():
        base, is_variant, team = name.partition(VARIANT)
        if not is_variant and base in sections:
            yield Problem(config.file, f"{sections[base]}.{wrong.setting}", wrong.message)
        elif not is_variant:  # it came with the gateway, and a team names it
            yield Problem(f"teams/{_user(evaluating, name)}.toml", "evaluation.evaluators", f"{name}: {wrong.message}")
        elif wrong != all_wrong.get(base):
            yield Problem(f"teams/{team}.toml", f"evaluation.of.{base}.{wrong.setting}", wrong.message)


def _wrong(evaluating: Evaluating, loaded: Loaded) -> _Wrong | None:
    if loaded.problem is None:
        lacks_judge = loaded.judge and evaluating.plugins[loaded.evaluator].judge is None
        return _Wrong("judge", _NO_JUDGE) if lacks_judge else None
    where, colon, message = loaded.problem.partition(": ")
    is_of_params = bool(colon) and where.split(".")[0] == _PARAMS
    return _Wrong(where, message) if is_of_params else _Wrong("use", loaded.problem)


def _user(evaluating: Evaluating, name: str) -> str:
    return next(team for team, rules in evaluating.rules.items() if any(rule.evaluator == name for rule in rules))
