"""How is a pattern run? By RE2, in linear time; what RE2 does not know, by Python, under the evaluator's time limit."""

import re
from collections.abc import Iterator
from typing import Any

import re2


class Pattern:
    """A pattern that RE2 runs. RE2 reads UTF-8 only: half characters that JSON can hold count as question marks."""

    __slots__ = ("_compiled",)

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled

    def search(self, text: str, start: int = 0, end: int | None = None) -> Any:
        """Find the first match; None: there is none."""
        text = _well_formed(text)
        return self._compiled.search(text, start, len(text) if end is None else min(end, len(text)))

    def finditer(self, text: str) -> Iterator[Any]:
        """Find all matches that do not overlap."""
        found: Iterator[Any] = self._compiled.finditer(_well_formed(text))
        return found

    def findall(self, text: str) -> list[str]:
        """Return the texts of all matches that do not overlap."""
        return [match.group() for match in self.finditer(text)]

    def without(self, text: str) -> str:
        """Put a space in the place of all matches."""
        return str(self._compiled.sub(" ", _well_formed(text)))


def compiled(pattern: str, *, ignore_case: bool = False) -> Pattern:
    """Compile a pattern that RE2 knows; raise ValueError."""
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not ignore_case
    try:
        return Pattern(re2.compile(pattern, options))
    except re2.error as error:
        said = error.args[0]
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise ValueError(f"{pattern!r} is no regular expression that RE2 takes: {text}") from None


def compiled_somehow(pattern: str, *, ignore_case: bool = False) -> Pattern | re.Pattern[str]:
    """Compile a pattern, also with look-around and back references, which only Python knows; raise ValueError."""
    try:
        return compiled(pattern, ignore_case=ignore_case)
    except ValueError as no:
        try:
            return re.compile(pattern, re.IGNORECASE if ignore_case else 0)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from no


def _well_formed(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
