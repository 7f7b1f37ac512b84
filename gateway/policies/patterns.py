"""Does a name match one of these patterns? Shell wildcards (`*`, `?`, `[abc]`), case-sensitive, whole name."""

import re
from collections.abc import Iterable
from fnmatch import translate

WILDCARDS = frozenset("*?[")


class Patterns:
    """Some patterns, compiled once into one expression. None at all: nothing matches."""

    __slots__ = ("_match", "texts")

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.texts = tuple(texts)
        # translate() writes atomic groups, so that a hostile name costs linear time.
        self._match = re.compile("|".join(map(translate, self.texts)) or r"(?!)").match

    def matches(self, name: str) -> bool:
        """Tell whether one of the patterns matches the whole of `name`."""
        return self._match(name) is not None

    def exact(self) -> tuple[str, ...]:
        """Return the patterns without wildcards: names that can be listed."""
        return tuple(text for text in self.texts if WILDCARDS.isdisjoint(text))

    def __repr__(self) -> str:
        return f"Patterns({list(self.texts)!r})"
