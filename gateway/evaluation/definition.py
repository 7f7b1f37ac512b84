"""Which class is behind a `use`, and by which fingerprint its scores are known."""

from typing import Any

from gateway.evaluation.api import Evaluator
from gateway.evaluation.protocol import Loaded, Loading


class CannotLoad(Exception):
    """The plugin cannot be used; the message says what to do."""


def load(loading: Loading) -> tuple[type[Evaluator[Any]], Loaded]:
    """Import a plugin and check what it declares and its parameters; raise CannotLoad. Only in a plugin process."""
    raise NotImplementedError


def fingerprint(loaded: Loaded, judge_model: str | None) -> str:
    """Name the series of scores: everything that a score depends on. 64 hex digits."""
    raise NotImplementedError


def names() -> list[str]:
    """List the entry points of the group `tollway.evaluators`, without importing any."""
    raise NotImplementedError
