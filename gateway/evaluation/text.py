"""Where in a text are secrets and personal details? For plugins, by the same patterns that redaction uses."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import re2

from gateway.policies.redaction import Effort, Redaction, merged
from gateway.policies.sensitive import PRIVATE_KEY, SECRETS

PERSONAL: Final = ("email", "card", "iban", "phone")
PRIVATE_KEYS: Final = "private_key"
IN_URL: Final = "url"
SECRET_FAMILIES: Final = (*SECRETS, IN_URL, PRIVATE_KEYS)


class Found(NamedTuple):
    """A stretch of a text, in characters, and what it is: one of SECRET_FAMILIES or PERSONAL."""

    family: str
    start: int
    end: int


class Finder:
    """Finds secrets, or personal details. Make it once: its patterns are compiled when they are first needed."""

    def __init__(self, *, secrets: bool = False, personal: bool = False) -> None:
        self._redaction = Redaction((("secret",) if secrets else ()) + (PERSONAL if personal else ()))
        self._families: list[tuple[str, Any]] = []

    def find(self, text: str) -> list[Found]:
        """Return what is in a text, in order, of finds that overlap the longest."""
        data = text.encode("utf-8", "replace")
        # No clock: the same text gives the same finds. How long it may take is the plugin process's limit.
        hits = merged(self._redaction.find(data, Effort(lambda: 0)))
        found = [(self._family(hit.mark[1:-1].decode(), data, hit.start), hit.start, hit.end) for hit in hits]
        return [Found(family, _characters(data, start), _characters(data, end)) for family, start, end in found]

    def _family(self, kind: str, data: bytes, start: int) -> str:
        """Name a secret by the pattern that fits where it begins."""
        if kind != "secret":
            return kind
        self._families = self._families or list(_secret_patterns())
        return next((name for name, pattern in self._families if pattern.match(data, start)), IN_URL)


def _secret_patterns() -> Iterator[tuple[str, Any]]:
    yield PRIVATE_KEYS, re2.compile(PRIVATE_KEY)
    for name, patterns in SECRETS.items():
        yield name, re2.compile(b"|".join(patterns))


def _characters(data: bytes, until: int) -> int:
    return len(data[:until].decode("utf-8", "replace"))
