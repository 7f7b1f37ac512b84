"""docs/plugins.md is true: its examples run and conform, and it names everything that a plugin is given."""

import dataclasses
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest

from gateway.evaluation import api
from gateway.evaluation.conformance import ADVICE, check

TEXT = (Path(__file__).parents[1] / "docs" / "plugins.md").read_text()
# Each begins with the name of its file.
BLOCKS = dict(re.findall(r"```python\n# (\w+)\.py\n(.*?)```", TEXT, re.DOTALL))
GIVEN = (
    api.Exchange, api.Message, api.ToolCall, api.ToolResult, api.Media, api.Tool, api.ToolChoice, api.ResponseFormat,
    api.Usage, api.Conversation, api.Pair, api.Needs, api.ScoreSpec, api.Result, api.JudgeAnswer,
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Write all examples into one folder, as their reader would."""
    for name, code in BLOCKS.items():
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in BLOCKS:
        sys.modules.pop(name, None)


def evaluators(module: ModuleType) -> list[type[api.Evaluator[Any]]]:
    """Return the evaluators that a module defines."""
    found = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, api.Evaluator)]
    return [each for each in found if each.__module__ == module.__name__]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", BLOCKS)
def test_examples_run_and_conform(name: str) -> None:
    """Every block that is Python: its evaluators conform, its tests pass."""
    module = importlib.import_module(name)
    tests = [value for key, value in vars(module).items() if key.startswith("test_")]
    found = evaluators(module)
    for test in tests:
        test()

    assert found or tests
    assert [] == [finding for cls in found for finding in check(cls).findings]


def test_every_block_of_python_is_run() -> None:
    """None is left out because its first line names no file; the first is short."""
    assert TEXT.count("```python") == len(BLOCKS) == 5
    assert len([line for line in BLOCKS["polite"].splitlines() if line]) <= 10


def test_everything_that_is_given_is_named() -> None:
    """Fields and properties of all types, and every word of the closed lists."""
    quoted = {word for each in re.findall(r"`([^`\n]+)`", TEXT) for word in re.findall(r"\w+", each)}
    names = {field.name for cls in GIVEN for field in dataclasses.fields(cls)}
    names |= {key for cls in GIVEN for key, value in vars(cls).items() if isinstance(value, property)}
    names |= {
        word for each in (api.Finish, api.Role, api.Unit, api.ScoreType, api.Direction) for word in get_args(each)
    }

    assert set() == names - quoted - {"pair", "conversation"}
    assert set() == set(ADVICE) - quoted
