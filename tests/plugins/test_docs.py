"""docs/evaluators.md and the code say the same."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import PydanticUndefined

from gateway.evaluation.api import Evaluator
from tests.plugins.shipped import classes

DOCUMENT = (Path(__file__).parents[2] / "docs" / "evaluators.md").read_text()
SECTIONS = dict(re.findall(r"(?ms)^## (\w+)\n(.*?)(?=^## |\Z)", DOCUMENT))
CLASSES = classes()
# Defaults that a table of the page says in words.
IN_WORDS = {"none", "the question's", "the exchange's reference"}


def parameters(section: str) -> dict[str, str]:
    """Return the parameters of a section with their defaults."""
    tables = re.findall(r"(?m)^\| parameter \| default \|.*\n\|[-|]+\n((?:\|.*\n)+)", section)
    rows = [re.findall(r"^\| `(\w+)` \| (.*?) \|", row)[0] for table in tables for row in table.splitlines()]
    return dict(rows)


def test_every_evaluator_has_its_section() -> None:
    """And no section is about one that is gone."""
    assert {*CLASSES} == {*SECTIONS}
    assert {*CLASSES} == set(re.findall(r"\[`(\w+)`\]\(#", DOCUMENT))


@pytest.mark.parametrize(("name", "cls"), CLASSES.items())
def test_parameters_and_defaults(name: str, cls: type[Evaluator[Any]]) -> None:
    """Each with the default that it really has."""
    documented = parameters(SECTIONS[name])

    assert {*cls.Params.model_fields} == {*documented}
    for field, told in documented.items():
        default = cls.Params.model_fields[field].default
        if told.startswith("all: "):
            assert default == re.findall(r"`(\w+)`", told)
        elif default in (None, PydanticUndefined):
            assert told in IN_WORDS
        else:
            assert told.replace("'", '"') == f"`{_written(default)}`"


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


@pytest.mark.parametrize(("name", "cls"), CLASSES.items())
def test_scores_and_labels(name: str, cls: type[Evaluator[Any]]) -> None:
    """Every score by its full name, every label that a category can have."""
    for spec in cls.scores:
        full_name = f"{name}.{spec.name}" if spec.name else name
        assert f"`{full_name}`" in SECTIONS[name]
        assert [] == [label for label in spec.labels if f"`{label}`" not in SECTIONS[name]]


@pytest.mark.parametrize(("name", "cls"), CLASSES.items())
def test_skip_reasons(name: str, cls: type[Evaluator[Any]]) -> None:
    """Every reason that the module gives by itself is in its section or in what holds for all."""
    source = Path(__file__).parents[2].joinpath("plugins", f"{cls.name}.py").read_text()
    reasons = set(re.findall(r'Skip\("(\w+)"', source))

    common = DOCUMENT.split("## What holds for all")[1].split("\n## ")[0]
    assert set() == {reason for reason in reasons if f"`{reason}`" not in SECTIONS[name] + common}
