"""What PromQL of ours asks for: metrics, the labels that it selects by, and those that it groups by."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_SELECTOR = re.compile(r"\b(tollway[_:][a-z0-9_:]*)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
_GROUPING = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
_PARTS = re.compile(r"_(?:bucket|count|sum)\Z")


class Selector(NamedTuple):
    """One metric in an expression, by its exported name, with (label, operator, value) of its matchers."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]

    @property
    def family(self) -> str:
        """The metric that a part of a histogram belongs to."""
        return _PARTS.sub("", self.name)


def selectors(expression: str) -> Iterator[Selector]:
    """Yield every selector of a metric of ours."""
    for name, matchers in _SELECTOR.findall(expression):
        yield Selector(name, tuple(_MATCHER.findall(matchers)))


def grouped(expression: str) -> set[str]:
    """Return the labels that an expression groups or matches by."""
    return {label.strip() for labels in _GROUPING.findall(expression) for label in labels.split(",") if label.strip()}
