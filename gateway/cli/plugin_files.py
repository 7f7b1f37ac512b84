"""The files that `tollway plugin new` writes: a package with an evaluator that works, and its test."""

import re
from pathlib import Path
from typing import Final, NamedTuple

from gateway.evaluation.definition import GROUP, names

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*\Z")


class BadName(ValueError):
    """A name that no package can have; the message says why."""


class Made(NamedTuple):
    """What was written. `files`, `module`: below `folder`. `use`: what the config calls it."""

    folder: Path
    files: tuple[str, ...]
    module: str
    cls: str
    use: str


def write_package(name: str, folder: Path | None) -> Made:
    """Write a package that can be installed as it is; raise BadName, or OSError where something is in the way."""
    if not _NAME.match(name) or len(name) > 40:
        raise BadName(f"`{name}`: a name has small letters, digits, - and _, and begins with a letter")
    use = name.replace("-", "_")
    if use in names():
        raise BadName(f"there is an evaluator `{use}` already; take another name")
    distribution = f"tollway-{name.replace('_', '-')}"
    module = f"tollway_{use}"
    cls = "".join(word.capitalize() for word in use.split("_"))
    folder = folder if folder is not None else Path(distribution)
    words = {"DISTRIBUTION": distribution, "MODULE": module, "CLASS": cls, "USE": use, "GROUP": GROUP}
    texts = {_filled(path, words): _filled(text, words) for path, text in _FILES.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for path in texts:
        if (folder / path).exists():
            raise FileExistsError(f"{folder / path} exists already; take another --dir")
    for path, text in texts.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    return Made(folder, tuple(texts), f"{module}.py", cls, use)


def _filled(text: str, words: dict[str, str]) -> str:
    return re.sub(r"@([A-Z]+)@", lambda found: words[found[1]], text)


_PYPROJECT: Final = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "@DISTRIBUTION@"
version = "0.1.0"
description = "An evaluator for Tollway."
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["tollway"]

[project.entry-points."@GROUP@"]
@USE@ = "@MODULE@:@CLASS@"

[tool.setuptools]
py-modules = ["@MODULE@"]
"""

_MODULE: Final = '''\
"""Is an answer short enough to be read?"""

from pydantic import BaseModel, ConfigDict, Field

from gateway.evaluation.api import Evaluator, Exchange, Result, Skip


class Params(BaseModel):
    """What [[evaluators]] can say under `params`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    most_words: int = Field(200, gt=0, description="An answer with more is too long.")


class @CLASS@(Evaluator[Params]):
    """Says whether an answer has no more words than it may."""

    name = "@USE@"
    version = "0.1"  # change it when scores change: they are another series then
    Params = Params

    def evaluate(self, target: Exchange) -> Result:
        """Count the words."""
        if not target.text:
            raise Skip("no_text")
        words = len(target.text.split())
        return Result(words <= self.params.most_words, evidence={"words": words})
'''

_TEST: Final = '''\
"""It keeps what all evaluators promise, and says what it should."""

import pytest
from @MODULE@ import @CLASS@, Params

from gateway.evaluation.api import Exchange, Message, Skip
from gateway.evaluation.conformance import assert_conforms


def answer(text: str) -> Exchange:
    """Make an exchange with this answer."""
    return Exchange(id="1", choices=(Message("assistant", text),))


def test_it_conforms() -> None:
    """On exchanges of all kinds."""
    assert_conforms(@CLASS@)
    assert_conforms(@CLASS@, {"most_words": 3})


def test_long_answers_are_told() -> None:
    """By the number of their words."""
    evaluator = @CLASS@(Params(most_words=2))

    assert evaluator.evaluate(answer("Good day.")).value is True
    assert evaluator.evaluate(answer("Good day to you.")).value is False


def test_where_nothing_was_said_there_is_nothing_to_say() -> None:
    """A tool call has no words."""
    with pytest.raises(Skip):
        @CLASS@(Params()).evaluate(Exchange(id="1"))
'''

_README: Final = """\
# @DISTRIBUTION@

An evaluator for Tollway: says whether an answer has no more words than it may.

    pip install .                      # into the environment of Tollway
    tollway plugin list                # it is there
    tollway plugin check @USE@   # and keeps what all evaluators promise

In `config.toml`:

    [[evaluators]]
    name = "short"
    use = "@USE@"
    sample = 0.1
    params = { most_words = 100 }

and a team switches it on in its file with `evaluation.evaluators = ["short"]`.
"""

_FILES: Final = {
    "pyproject.toml": _PYPROJECT,
    "README.md": _README,
    "@MODULE@.py": _MODULE,
    "tests/test_@MODULE@.py": _TEST,
}
