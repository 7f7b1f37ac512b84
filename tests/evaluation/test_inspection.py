"""Plugins are told about by a process of their own, whatever they do to it."""

from pathlib import Path

import pytest

from gateway.evaluation.inspection import Parameter, conformance, describe

PLUGIN = '''
from typing import Literal
from pydantic import BaseModel, ConfigDict, Field
from gateway.evaluation.api import Evaluator, Needs, ScoreSpec

print("loud")

class Params(BaseModel):
    model_config = ConfigDict(extra="forbid")
    pattern: str = Field(description="What to look for.")
    mode: Literal["any", "all"] = "any"
    words: list[str] = []
    most: int | None = None

class Mine(Evaluator[Params]):
    """Looks for something.

    More of it.
    """
    name = "mine"
    version = "1.2"
    Params = Params
    needs = Needs(unit="conversation", network=True)
    scores = (
        ScoreSpec(),
        ScoreSpec("risk", "numeric", low=0, high=1, direction="min"),
        ScoreSpec("kind", "categorical", labels=("a", "b"), direction="none"),
    )

    def evaluate(self, target):
        print("loud again")
        return True
'''


def write(folder: Path, name: str, text: str) -> str:
    """Write a plugin and return its `use`."""
    (folder / f"{name}.py").write_text(text)
    return f"file:{folder / name}.py:Mine"


def test_what_a_plugin_is(tmp_path: Path) -> None:
    """In words; also where parameters must be given; what it prints is not mixed in."""
    (found,) = describe([write(tmp_path, "mine", PLUGIN)])

    assert ("mine", "1.2", "Looks for something.", None) == (found.plugin, found.version, found.about, found.problem)
    assert ["conversation", "network"] == found.needs
    assert [
        "boolean",
        ".risk: numeric 0 to 1, less is better",
        ".kind: categorical a|b, neither is better",
    ] == found.scores
    assert [
        Parameter("pattern", "string", None, "What to look for."),
        Parameter("mode", "any|all", '"any"'),
        Parameter("words", "list of string", "[]"),
        Parameter("most", "integer|null", "null"),
    ] == found.parameters


def test_one_that_ends_the_process_hides_no_other(tmp_path: Path) -> None:
    """It is told that it did; the others are told about as ever."""
    uses = [
        write(tmp_path, "good", PLUGIN),
        write(tmp_path, "deadly", "import os, sys\nprint('bye', file=sys.stderr)\nos._exit(3)"),
        write(tmp_path, "broken", "1 / 0"),
        write(tmp_path, "better", PLUGIN),
    ]
    found = describe(uses)

    assert uses == [each.use for each in found]
    assert [None, None] == [found[0].problem, found[3].problem]
    assert "its process ended with 3: " in (found[1].problem or "")
    assert "bye" in (found[1].problem or "")
    assert "ZeroDivisionError" in (found[2].problem or "")


def test_a_check(tmp_path: Path) -> None:
    """The report comes back; what keeps it from running, too."""
    use = write(tmp_path, "mine", PLUGIN)
    good = conformance(use, '{"pattern": "x"}', tmp_path)
    refused = conformance(use, "{}", tmp_path)

    assert good.conforms
    assert good.report is not None
    assert 4 == good.report.scored == good.report.targets
    assert "params.pattern: Field required" == refused.problem
    assert not refused.conforms


@pytest.mark.parametrize("ending", ["os._exit(4)", "os.kill(os.getpid(), 9)"])
def test_one_that_kills_its_check_is_told(tmp_path: Path, ending: str) -> None:
    """And the command lives."""
    text = PLUGIN.replace("        return True", f"        import os\n        {ending}")
    found = conformance(write(tmp_path, "mine", text), '{"pattern": "x"}', tmp_path)

    assert not found.conforms
    assert "its process ended with " in (found.problem or "")
