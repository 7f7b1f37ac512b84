"""A rehearsal: all that the config names is loaded once, in time, and nothing is left of it."""

from pathlib import Path

from gateway.evaluation.rehearsal import rehearse
from gateway.policies.evaluating import Evaluating, Plugin, Rule
from tests.evaluation.lanes import linux, plugin, processes_of

RULES = {"search": (Rule(team="search", evaluator="good"),)}


def evaluating(*plugins: Plugin) -> Evaluating:
    """Make a config that names them, and uses one."""
    return Evaluating({each.name: each for each in plugins}, RULES)


async def test_without_an_evaluator_in_use_nothing_is_loaded() -> None:
    """The evaluator would not even be started."""
    assert {} == await rehearse(Evaluating({"good": plugin("good")}))


@linux
async def test_each_is_loaded_as_the_evaluator_does(tmp_path: Path) -> None:
    """In lanes of their own or a common one; what one of them does is no other's fault, and no process stays."""
    (tmp_path / "raises.py").write_text("raise ValueError('no such table')\n")
    raises = Plugin("raises", f"file:{tmp_path / 'raises.py'}:Never")
    wrong = Plugin("wrong", "contains", '{"no":1}')
    found = await rehearse(evaluating(plugin("good"), raises, wrong, Plugin("refusal", "refusal")))

    assert {"good": True, "refusal": True, "raises": False, "wrong": False} == {
        name: each.problem is None for name, each in found.items()
    }
    assert "no such table" in (found["raises"].problem or "")
    assert (found["wrong"].problem or "").startswith("params.no: ")
    assert [] == processes_of(set(found))


@linux
async def test_it_is_bounded_in_time(tmp_path: Path) -> None:
    """Who is not there by then has a problem that says so; its process is ended."""
    (tmp_path / "hangs.py").write_text("while True:\n    pass\n")
    found = await rehearse(evaluating(Plugin("hangs", f"file:{tmp_path / 'hangs.py'}:Never")), patience_s=1.0)

    assert "within the 1 s" in (found["hangs"].problem or "")
    assert [] == processes_of({"hangs"})
