"""What is taken out of a text before it is written down? A team's rules, and what they find.

Neither a hostile text nor an operator's pattern may hold a worker up. RE2 looks through a text in linear time, but to
look for *all* matches of a pattern can take it quadratic time (`a[^b]*b|a` over many a), and what is linear may still
be slow. So no look goes further than a window, and there is a budget of looks for each text and one of time for each
body; what would take more is not judged, and so not kept.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

import re2

from gateway.policies.sensitive import FINDERS, KINDS, PRIVATE_KEY, Check, Span, private_keys

WINDOW_BYTES: Final = 8_192
# What begins so near a window's end is looked for in the next one: matches up to this length are found for sure.
OVERLAP_BYTES: Final = 4_096
_LOOKS_AT_LEAST: Final = 512
_BYTES_PER_LOOK: Final = 64
_PROGRAM_MOST: Final = 2_000
_SHORT_BYTES: Final = 96
_CHECK_EVERY: Final = 16  # looks
_AT_LEAST_NS: Final = 100_000_000
_NS_PER_BYTE: Final = 250  # about ten times what it takes
_STEP: Final = "*"
MARK: Final = b"[redacted]"  # for what own rules find


class Hit(NamedTuple):
    """A stretch of a text that must go, and what is put in its place."""

    start: int
    end: int
    mark: bytes


class TooMuch(Exception):
    """A text could not be judged with the work that its length allows."""


class Effort:
    """The time that may go into one body. `clock`: CPU time, in nanoseconds."""

    __slots__ = ("_begun_ns", "_clock", "_left_ns")

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._left_ns = _AT_LEAST_NS
        self._begun_ns = 0

    def begin(self, length: int) -> None:
        """Begin to look through a text that is so long."""
        self._left_ns += length * _NS_PER_BYTE
        self._begun_ns = self._clock()

    def check(self) -> None:
        """Raise TooMuch when the time is used up."""
        now_ns = self._clock()
        self._left_ns -= now_ns - self._begun_ns
        self._begun_ns = now_ns
        if self._left_ns < 0:
            raise TooMuch


class _Finder(NamedTuple):
    mark: bytes
    regexp: Any  # re2 has no types
    check: Check | None


class Redaction:
    """The rules of one team. `kinds`: of the built-in ones. `patterns`: own ones. `paths`: values that go whole.

    Raise ValueError where a pattern or path is wrong. Patterns are compiled when they are first needed.
    """

    def __init__(self, kinds: Sequence[str] = KINDS, patterns: Sequence[str] = (), paths: Sequence[str] = ()) -> None:
        self._kinds = frozenset(kinds)
        self._own = tuple(map(compile_pattern, patterns))
        self.paths = tuple(map(parse_path, paths))

    @cached_property
    def _finders(self) -> tuple[_Finder, ...]:
        built_in = (
            _Finder(b"[%b]" % kind.name.encode(), _compiled(kind.pattern), kind.check)
            for kind in FINDERS
            if kind.name in self._kinds
        )
        return (*built_in, *(_Finder(MARK, regexp, None) for regexp in self._own))

    @cached_property
    def _key_marks(self) -> Any:
        return _compiled(PRIVATE_KEY)

    def find(self, text: bytes, effort: Effort) -> list[Hit]:
        """Return what must go, in order; hits may overlap. Raise TooMuch."""
        hits: list[Hit] = []
        effort.begin(len(text))
        if "secret" in self._kinds and text.find(b"PRIVATE KEY") >= 0:
            marks = list(_spans(self._key_marks, text, None, effort))
            hits += (Hit(start, end, b"[secret]") for start, end in private_keys(marks, text))
        for mark, regexp, check in self._finders:
            hits += [Hit(start, end, mark) for start, end in _spans(regexp, text, check, effort)]
            effort.check()
        hits.sort()
        return hits

    def text(self, text: bytes, effort: Effort) -> tuple[bytes, int]:
        """Redact a plain text; return how often, too. What cannot be judged goes whole."""
        try:
            hits = merged(self.find(text, effort))
        except TooMuch:
            return MARK, 1
        for start, end, mark in reversed(hits):
            text = text[:start] + mark + text[end:]
        return text, len(hits)


def merged(hits: Sequence[Hit]) -> list[Hit]:
    """Join hits that overlap, under the longest one's mark."""
    joined: list[Hit] = []
    longest = 0
    for hit in sorted(hits):
        if not joined or hit.start >= joined[-1].end:
            joined.append(hit)
            longest = hit.end - hit.start
            continue
        last = joined[-1]
        mark = last.mark
        if hit.end - hit.start > longest:
            longest, mark = hit.end - hit.start, hit.mark
        joined[-1] = Hit(last.start, max(last.end, hit.end), mark)
    return joined


def _spans(regexp: Any, text: bytes, check: Check | None, effort: Effort) -> Iterator[Span]:
    """Find every match, never looking at more than a window at a time."""
    look, anchor, length = regexp.Match, re2._Anchor.UNANCHORED, len(text)
    looks = _LOOKS_AT_LEAST + length // _BYTES_PER_LOOK
    at, window = 0, WINDOW_BYTES
    while at < length:
        looks -= 1
        if looks < 0:
            raise TooMuch
        if looks % _CHECK_EVERY == 0:
            effort.check()
        until = min(at + window, length)
        start, end = look(anchor, text, at, until)[0]
        if start < 0:
            if until == length:
                return
            at = until - OVERLAP_BYTES
            continue
        if end == until < length and start > at:  # it may go on behind the window
            at = start
            continue
        if end == until < length and window < length:
            window *= 4
            looks -= window // WINDOW_BYTES
            continue
        window = WINDOW_BYTES
        span = (start, end) if check is None else check(text, start, end)
        if span is not None and span[0] < span[1]:
            yield span
        # What was not meant may hide something that is, such as a card number behind other digits.
        at = start + 1 if span is None and end - start <= _SHORT_BYTES else end


def compile_pattern(pattern: str) -> Any:
    """Compile an operator's pattern; raise ValueError that says what is wrong."""
    try:
        compiled = _compile(f"(?m:{pattern})".encode())
    except re2.error as error:
        said = error.args[0]
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise ValueError(f"is no regular expression that RE2 takes: {text}") from None
    if compiled.search(b"") is not None:
        raise ValueError("matches the empty text, and so everything: say what must be there")
    if compiled.programsize > _PROGRAM_MOST:
        raise ValueError("is too large: repeat less, or make several of it")
    return compiled._regexp


def _compiled(pattern: bytes) -> Any:
    return _compile(pattern)._regexp


def _compile(pattern: bytes) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    return re2.compile(pattern, options)


def parse_path(text: str) -> tuple[str, ...]:
    """Take a path such as `messages[*].content` apart into its steps; `*` is any member or element."""
    steps = tuple(text.replace("[*]", f".{_STEP}").split("."))
    if not all(steps) or any(set(step) & set("[]$\"' ") for step in steps):
        raise ValueError("is no path: expected names with dots, such as user, metadata.* or messages[*].content")
    # All elements of a list, whatever they are: the list.
    return steps[:-1] if text.endswith("[*]") else steps


def matches(path: Sequence[str], steps: Sequence[str]) -> bool:
    """Tell whether a rule means the place that these steps lead to."""
    return len(path) == len(steps) and all(wanted in (_STEP, step) for wanted, step in zip(path, steps, strict=True))


DEFAULT: Final = Redaction()
