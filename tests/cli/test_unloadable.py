"""What cannot be loaded is told with the setting that is to blame."""

from pathlib import Path

import pytest

from gateway.cli.unloadable import problems
from gateway.config.evaluators import compile_evaluating
from gateway.config.load import Config, parse
from gateway.evaluation.protocol import Loaded

COMPANY = """
[[evaluators]]
name = "first"
use = "contains"
[[evaluators]]
name = "second"
use = "contains"
"""
TEAM = """
[evaluation]
evaluators = ["first", "second", "refusal"]
[evaluation.of.second.params]
most = 3
[evaluation.of.refusal]
sample = 0.5
"""
PARAMS = "params.texts: Field required"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A config with two evaluators, one of which a team wants otherwise, and a third that came with the gateway."""
    return parse({"config.toml": COMPANY, "teams/web.toml": TEAM}, {}, tmp_path)


def told(config: Config, wrong: dict[str, str], judged: tuple[str, ...] = ()) -> list[str]:
    """Say what is told of evaluators that could not be loaded."""
    evaluating = compile_evaluating(config)
    loaded = {
        name: Loaded(evaluator=name, problem=wrong.get(name), judge=name in judged) for name in evaluating.plugins
    }
    return [str(problem) for problem in problems(config, evaluating, loaded)]


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({}, []),
        ({"second": PARAMS}, ["config.toml: evaluators[1].params.texts: Field required"]),
        ({"first": "contains: it fails"}, ["config.toml: evaluators[0].use: contains: it fails"]),
        ({"second@web": PARAMS}, ["teams/web.toml: evaluation.of.second.params.texts: Field required"]),
        ({"second": PARAMS, "second@web": PARAMS}, ["config.toml: evaluators[1].params.texts: Field required"]),
        ({"refusal": "no numpy"}, ["teams/web.toml: evaluation.evaluators: refusal: no numpy"]),
    ],
)
def test_setting_is_named(config: Config, wrong: dict[str, str], expected: list[str]) -> None:
    """The parameter where there is one; a team's file only for what is its own."""
    assert expected == told(config, wrong)


def test_judge_that_nobody_named_is_told(config: Config) -> None:
    """It could be loaded, and would fail whenever it asks."""
    (one,) = told(config, {}, judged=("first",))

    assert one.startswith("config.toml: evaluators[0].judge: it asks a judge, and there is none")
