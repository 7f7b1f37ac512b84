"""A `use` leads to one class, and everything that its scores depend on leads to one fingerprint."""

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.evaluation.definition import CannotLoad, fingerprint, load, names
from gateway.evaluation.named_files import EVALUATION_FOLDER
from gateway.evaluation.protocol import Loaded, Loading, Spec

PLUGIN = """
from pydantic import BaseModel, ConfigDict, Field

from gateway.evaluation.api import Evaluator, Needs, ScoreSpec


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid")
    most: int = Field(10, gt=0)
    words: list[str] = []
    share: float = 0.5


class Mine(Evaluator[Params]):
    name = "mine"
    version = "1.2"
    Params = Params
    needs = Needs(wall_s=3)

    def evaluate(self, target):
        return len(target.text) <= self.params.most


class Judged(Mine):
    needs = Needs(judge=True, max_judge_calls=2)


not_a_class = 7
"""


def write(folder: Path, text: str = PLUGIN, name: str = "mine.py") -> str:
    """Write a plugin and return its `use`."""
    file = folder / name
    file.write_text(text)
    return f"file:{file}:Mine"


def loaded(use: str, params: Any = None, **rest: Any) -> Loaded:
    """Load one."""
    return load(Loading(evaluator="ours", use=use, params=msgspec.json.encode(params or {}).decode(), **rest))[1]


def problem(use: str, params: Any = None, **rest: Any) -> str:
    """Return why it cannot be loaded."""
    with pytest.raises(CannotLoad) as caught:
        loaded(use, params, **rest)
    return str(caught.value)


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch, *, distribution: str, name: str, value: str) -> None:
    """Make a distribution that gives an evaluator, as an installer would leave it."""
    site = folder / distribution
    info = site / f"{distribution}-2.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text(f"[tollway.evaluators]\n{name} = {value}\n")
    (site / f"{distribution}_code.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(site))


def test_a_file_is_loaded(tmp_path: Path) -> None:
    """With all that it declares."""
    found = loaded(write(tmp_path), {"most": 5})

    assert ("ours", "mine", "1.2", None) == (found.evaluator, found.plugin, found.version, found.distribution)
    assert (3, "exchange", True, False, 0) == (
        found.wall_s,
        found.unit,
        found.content,
        found.judge,
        found.max_judge_calls,
    )
    assert [Spec(name="", type="boolean")] == found.specs


def test_an_installed_one_is_loaded_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its distribution and version are told; listing the names imports nothing."""
    installed(tmp_path, monkeypatch, distribution="acme", name="acme_eval", value="acme_code:Mine")

    assert "acme_eval" in names()
    assert "acme_code" not in sys.modules
    assert "acme==2.0" == loaded("acme_eval").distribution
    monkeypatch.delitem(sys.modules, "acme_code")


def test_a_name_of_two_packages_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody guesses which was meant."""
    for each in ("acme", "other"):
        installed(tmp_path, monkeypatch, distribution=each, name="same", value=f"{each}_code:Mine")

    assert "`same` is given by several packages" in problem("same")


def test_files_of_one_name_do_not_meet(tmp_path: Path) -> None:
    """Each is what stands in it."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first = loaded(write(tmp_path / "a"))
    second = loaded(write(tmp_path / "b", PLUGIN.replace("1.2", "1.3")))

    assert ("1.2", "1.3") == (first.version, second.version)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import nothing_of_this_name", "its import fails: ModuleNotFoundError"),
        ("raise SystemExit(3)", "its import fails: SystemExit"),
        ("class Mine: pass", "Mine must be a subclass"),
        ("Mine = 7", "has no class `Mine`"),
        (PLUGIN.replace('version = "1.2"', 'version = ""'), "give it a version"),
    ],
)
def test_a_plugin_that_cannot_be_used_says_why(tmp_path: Path, text: str, expected: str) -> None:
    """Its code's errors are its own, and told."""
    assert expected in problem(write(tmp_path, text))


def test_the_traceback_of_an_import_is_kept(tmp_path: Path) -> None:
    """Its author reads it."""
    with pytest.raises(CannotLoad) as caught:
        loaded(write(tmp_path, "1 / 0"))

    assert "1 / 0" in (caught.value.detail or "")


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ("no_such", "no evaluator `no_such` is installed; there are: "),
        ("file:/no/such.py:Mine", "there is no such file"),
        ("file:mine", "must be `file:PATH.py:CLASS`"),
    ],
)
def test_a_use_that_leads_nowhere(use: str, expected: str) -> None:
    """Says what there is."""
    assert expected in problem(use)


def test_a_judge_must_be_named(tmp_path: Path) -> None:
    """An evaluator that asks one is told which, or does not run."""
    use = write(tmp_path).replace("Mine", "Judged")

    assert "asks a judge" in problem(use)
    assert (True, 2) == (loaded(use, judged=True).judge, loaded(use, judged=True).max_judge_calls)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"mots": 3}, "params.mots: mine has no such parameter; it has: most, words, share"),
        ({"most": 0}, "params.most: Input should be greater than 0"),
        ({"words": ["a", 7], "share": "x"}, "params.words.1: "),
        ([1], "params: must be a table"),
        ({"words": [{"file": "evaluation/../config.toml"}]}, "is not below"),
        ({"words": [{"file": "evaluation/none.txt"}]}, "No such file"),
    ],
)
def test_wrong_parameters_are_named(tmp_path: Path, params: Any, expected: str) -> None:
    """Which, and what is wrong with it."""
    assert expected in problem(write(tmp_path), params, root=str(tmp_path))


def test_a_parameter_may_stand_in_a_file(tmp_path: Path) -> None:
    """The text, or what a .json holds; when the file changes, so does the hash."""
    folder = tmp_path / EVALUATION_FOLDER
    folder.mkdir()
    (folder / "word.txt").write_text("hello")
    (folder / "words.json").write_text('["hello"]')
    use = write(tmp_path)
    hashes = {
        loaded(use, {"words": given}, root=str(tmp_path)).params_hash
        for given in (["hello"], [{"file": "evaluation/word.txt"}], {"file": "evaluation/words.json"})
    }
    (folder / "word.txt").write_text("good day")

    assert 1 == len(hashes)
    assert loaded(use, {"words": [{"file": "evaluation/word.txt"}]}, root=str(tmp_path)).params_hash not in hashes


def test_parameters_that_mean_the_same_are_the_same(tmp_path: Path) -> None:
    """A default said aloud changes nothing; a value does."""
    use = write(tmp_path)

    assert loaded(use).params_hash == loaded(use, {"most": 10}).params_hash
    assert loaded(use).params_hash != loaded(use, {"most": 11}).params_hash


def test_every_cause_has_its_own_fingerprint(tmp_path: Path) -> None:
    """Name, version, code, parameters and judge: another one is another series of scores."""
    use = write(tmp_path)
    found = loaded(use)
    other_code = loaded(write(tmp_path, PLUGIN + "# changed\n"))
    judged = msgspec.structs.replace(found, judge=True)
    prints = {
        fingerprint(found, None),
        fingerprint(other_code, None),
        fingerprint(loaded(use, {"most": 7}), None),
        fingerprint(msgspec.structs.replace(found, version="1.3"), None),
        fingerprint(msgspec.structs.replace(found, evaluator="theirs"), None),
        fingerprint(judged, "openai/gpt-4.1"),
        fingerprint(judged, "openai/gpt-5"),
    }

    assert 7 == len(prints)
    assert all(len(each) == 64 for each in prints)
    assert fingerprint(found, "openai/gpt-4.1") == fingerprint(found, None)
