"""A change in any file that makes a plugin's scores is seen."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.evaluation.code import code_hash

FILES = {
    "__init__.py": "",
    "mine.py": "import json\nfrom acme_eval import _words\nfrom acme_eval.deep import more\n",
    "_words.py": "from . import _letters\nWORDS = 1\n",
    "_letters.py": "LETTERS = 1\n",
    "deep/__init__.py": "",
    "deep/more.py": "MORE = 1\n",
    "other.py": "OTHER = 1\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Write a package in which one module imports others."""
    folder = tmp_path / "acme_eval"
    (folder / "deep").mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.startswith("acme_eval")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("changed", "is_seen"),
    [("mine.py", True), ("_words.py", True), ("_letters.py", True), ("deep/more.py", True), ("other.py", False)],
)
def test_what_is_imported_counts(folder: Path, changed: str, is_seen: bool) -> None:
    """Also by what is imported; nothing else of the package."""
    mine = importlib.import_module("acme_eval.mine")
    before = code_hash(mine, "acme==1.0")
    with (folder / changed).open("a") as file:
        file.write("# changed\n")

    assert is_seen == (before != code_hash(mine, "acme==1.0"))


def test_the_distribution_counts(folder: Path) -> None:
    """What is imported from elsewhere goes by its version."""
    assert folder.is_dir()
    mine = importlib.import_module("acme_eval.mine")

    assert code_hash(mine, "acme==1.0") != code_hash(mine, "acme==1.1")
