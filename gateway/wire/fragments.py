"""Which texts does a JSON document consist of, and which of them continue each other? For who searches in a body.

Works on the bytes as they come, without parsing: every string is seen, also one behind a key that stands twice, and
where a document is cut everything before the cut.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

# A string with what follows if it is a key: the colon and a plain value; a bracket; a number that is long enough to be
# somebody's. Everything else between them says nothing.
_TOKEN: Final = re.compile(
    rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"([ \t\r\n]*+:[ \t\r\n]*+(-?[0-9][0-9.eE+-]*+|true|false|null)?)?'
    rb'|"'  # of a string that goes on behind what has come
    rb"|[{}\[\]]"
    rb"|(?<![\w.])[0-9]{8,19}(?![\w.])",
    re.DOTALL,
)
_STRING_REST: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+("?)', re.DOTALL)
_UNFINISHED: Final = b"0123456789+-.eEtruefalsnNaInity"  # NaN and Infinity are no JSON, and some write them
_BETWEEN: Final = b" \t\r\n,:" + _UNFINISHED
_LIST: Final = 0x5B
_NUMBER_BYTES: Final = 8
_DEEPEST: Final = 512
# Members that tell one text of several apart.
_INDEXES: Final = frozenset((b"index", b"output_index", b"content_index", b"summary_index", b"annotation_index"))
# Members that are the same in every event of a stream, or random: they are no text that goes on.
_CONSTANT: Final = frozenset(
    (
        *(b"id", b"object", b"type", b"role", b"model", b"name", b"status", b"phase", b"item_id", b"call_id"),
        *(b"tool_call_id", b"finish_reason", b"native_finish_reason", b"stop_reason", b"service_tier", b"provider"),
        *(b"system_fingerprint", b"obfuscation", b"modelVersion", b"responseId", b"finishReason", b"created_at"),
        *(b"response_id", b"previous_response_id", b"trafficType", b"modality", b"serviceTier", b"p", b"format"),
    )
)
# Names that need not be looked at.
_KNOWN: Final = _CONSTANT | frozenset(
    (
        *(
            b"index",
            b"choices",
            b"delta",
            b"content",
            b"text",
            b"logprobs",
            b"output_index",
            b"content_index",
            b"parts",
        ),
        *(b"sequence_number", b"message", b"messages", b"created", b"usage", b"item", b"response", b"part", b"input"),
        *(b"candidates", b"tool_calls", b"function", b"arguments", b"partial_json", b"content_block", b"refusal"),
        *(b"properties", b"required", b"description", b"parameters", b"enum", b"title", b"tools", b"input_schema"),
        *(b"cache_control", b"tool_use_id", b"is_error", b"functionCall", b"functionResponse", b"args", b"default"),
        *(b"prompt_tokens", b"completion_tokens", b"total_tokens", b"input_tokens", b"output_tokens", b"strict"),
        *(b"annotations", b"thinking", b"signature", b"reasoning", b"reasoning_content", b"max_tokens", b"stream"),
    )
)
# The first piece of an Anthropic block stands elsewhere than those that follow.
_BLOCK, _DELTA = b"content_block", b"delta"

# What was said, once more, in pieces that no pattern would find.
_SAID_AGAIN: Final = frozenset((b"logprobs", b"logprobs_result", b"logprobsResult"))

Path = tuple[str, ...]
ANY: Final = "*"


class Fragment(NamedTuple):
    """One text of a body: where it stands, as it stands there (escapes and all).

    `run`: what those have in common that continue each other. `bare`: a number, which has no quotes around it.
    """

    start: int
    end: int
    text: bytes
    run: tuple[object, ...] | None = None
    bare: bool = False


class Unreadable(Exception):
    """These bytes are not what they seemed to be."""


class _Node:
    """An object or a list on the way to a text. `step`: its name, or its number in a list."""

    __slots__ = ("_place", "depth", "elements", "indexes", "is_list", "key", "number", "parent", "step")

    def __init__(self, parent: "_Node | None", step: bytes | int, *, is_list: bool) -> None:
        self.parent = parent
        self.step = step
        self.is_list = is_list
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.elements = 0
        self.key: bytes = b""  # whose value comes next
        self.number: int | None = None  # as an `index` in it says
        self.indexes: tuple[bytes, ...] = ()
        self._place: tuple[object, ...] | None = None

    @property
    def is_event(self) -> bool:
        """Whether it is one of several that follow each other: a document, or an element of a list that is one."""
        return self.parent is None or (self.parent.parent is None and self.parent.is_list)

    def next(self) -> bytes | int:
        """Return the step to the value that comes now."""
        if not self.is_list:
            return self.key
        self.elements += 1
        return self.elements - 1

    def note(self, name: bytes, value: bytes) -> None:
        """Take note of what tells this one from others."""
        if name == b"index" and self.parent is not None and self.parent.is_list:
            self.number = int(value)  # some servers leave it out of the first
        else:
            self.indexes += (name, value)

    def place(self) -> tuple[object, ...]:
        """Return where it stands among its like, in every document of a stream; once all of it was read."""
        if self._place is None:
            above = self.parent.place() if self.parent is not None else ()
            self._place = (*above, self.step if self.number is None else self.number, *self.indexes)
        return self._place

    def path(self) -> list[str]:
        """Return the steps from the document to here."""
        steps: list[str] = []
        node: _Node | None = self
        while node is not None and node.parent is not None:
            steps.append(node.step.decode("utf-8", "replace") if isinstance(node.step, bytes) else str(node.step))
            node = node.parent
        return steps[::-1]


class Lexer:
    """Reads JSON documents as they come.

    `starts_at`: where the first byte stands in the body. `joins`: this is an answer, of which texts may go on in a
    later document, or in a later element of the list that it is. `removed`: paths of values that go whole; where such
    values stand is told in `stretches`.
    """

    def __init__(self, starts_at: int = 0, *, joins: bool = False, removed: Sequence[Path] = ()) -> None:
        self.stretches: list[tuple[int, int]] = []
        self.broken = False  # all has come, and it is no whole document
        self._joins = joins
        self._removed = removed
        self._at = starts_at  # where `_rest` stands in the body
        self._rest = b""
        self._more: list[bytes] = []  # of a string that is not complete
        self._is_in_string = False
        self._is_escaping = False
        self._node: _Node | None = None
        self._open: list[tuple[Fragment, _Node, bytes | int]] = []  # whose place is not known yet
        self._skipped = 0  # how deep we are inside of a value that goes whole
        self._skipped_at = 0

    def skip(self, count: int) -> None:
        """Pass over bytes of the body that do not belong to the document."""
        if self._rest:
            raise Unreadable
        self._at += count

    def feed(self, data: bytes, *, final: bool = False) -> list[Fragment]:
        """Take more; return the texts that are complete. `final`: this is all. Raises Unreadable."""
        if self._is_in_string and not final and not self._ends(data):
            self._more.append(data)
            return []
        data = b"".join((self._rest, *self._more, data))
        self._more.clear()
        at, behind = self._at, 0
        found: list[Fragment] = []
        for match in _TOKEN.finditer(data):
            start, end = match.span()
            first = data[start]
            if data[start:end] == b'"' or not (final or first in b"{}[]" or _is_settled(data, end)):
                break  # what follows decides what it is
            if start > behind:
                _check_between(data[behind:start])
            behind = end
            if first in b"{[":
                self._begin(at + start, is_list=first == _LIST)
            elif first in b"}]":
                self._finish(at + end, found)
            elif not self._skipped:
                self._text(match, found)
        self._keep(data, behind)
        if final:
            self._end(found)
        return found

    def _text(self, match: re.Match[bytes], found: list[Fragment]) -> None:
        """Take a string or a long number."""
        node, at = self._node, self._at
        if match[1] is None:
            self._value(Fragment(at + match.start(), at + match.end(), match[0], None, True), found)
        elif match[2] is None or node is None or node.is_list:
            self._value(Fragment(at + match.start(1), at + match.end(1), match[1]), found)
        else:
            self._member(node, match, found)

    def _keep(self, data: bytes, behind: int) -> None:
        """Hold back what is not complete: a string, or a number."""
        rest = data[behind:]
        quote = rest.find(b'"')
        between = quote if quote >= 0 else len(rest.rstrip(_UNFINISHED))
        _check_between(rest[:between])
        self._rest = rest[between:]
        self._at += behind + between
        self._is_escaping = False
        self._is_in_string = quote >= 0 and not self._ends(self._rest[1:])

    def _ends(self, data: bytes) -> bool:
        """Tell whether a string that goes on ends in here. What came of it before is not looked at again."""
        match = _STRING_REST.match(data, 1 if self._is_escaping else 0) if data else None
        if match is None:
            return False
        self._is_escaping = match.end() < len(data) and not match[1]
        return len(match[1]) > 0

    def _end(self, found: list[Fragment]) -> None:
        """Take what is there of a string that was cut."""
        text, self._rest = self._rest, b""
        self.broken = self._node is not None or text.startswith(b'"')
        if self._skipped:
            self.stretches.append((self._skipped_at, self._at + len(text)))
        elif text.startswith(b'"'):
            self._value(Fragment(self._at + 1, self._at + len(text), text[1:]), found)
        else:
            _check_between(text)
        self._release(found)

    def _member(self, node: _Node, match: re.Match[bytes], found: list[Fragment]) -> None:
        """Take a member's name, and its value if that is a plain one."""
        name, at = match[1], self._at
        node.key = name
        if name not in _KNOWN:
            found.append(Fragment(at + match.start(1), at + match.end(1), name))
        value = match[3]
        if value is None:
            return
        start, end = at + match.start(3), at + match.end(3)
        if value.isdigit():
            if name in _INDEXES:
                node.note(name, value[:9])
            if len(value) >= _NUMBER_BYTES:
                self._value(Fragment(start, end, value, None, True), found)
                return
        if self._removed and self._is_removed(node, name):
            self.stretches.append((start, end))

    def _value(self, fragment: Fragment, found: list[Fragment]) -> None:
        """Take a text or a long number."""
        node = self._node
        if node is None:
            found.append(fragment._replace(run=(b"",)) if self._joins else fragment)
            return
        step = node.next()
        if self._removed and self._is_removed(node, step):
            around = 0 if fragment.bare else 1
            self.stretches.append((fragment.start - around, fragment.end + around))
            return
        if step == b"type" and node.is_event and not fragment.text.startswith(b"content_block"):
            node.note(b"type", fragment.text)
        if self._joins and not fragment.bare and step not in _CONSTANT:
            self._open.append((fragment, node, step))
        else:
            found.append(fragment)

    def _begin(self, at: int, *, is_list: bool) -> None:
        node = self._node
        if self._skipped:
            self._skipped += 1
            return
        step: bytes | int = b"" if node is None else node.next()
        if node is not None and self._is_removed(node, step):
            self._skipped, self._skipped_at = 1, at
            return
        if step == _BLOCK:
            step = _DELTA
        self._node = _Node(node, step, is_list=is_list)
        if node is not None and self._node.is_event:
            self._node.step = 0  # wherever in the list it stands
        if self._node.depth > _DEEPEST:
            raise Unreadable

    def _finish(self, at: int, found: list[Fragment]) -> None:
        if self._skipped:
            self._skipped -= 1
            if not self._skipped and at - self._skipped_at > len("[]"):
                self.stretches.append((self._skipped_at, at))
            return
        node = self._node
        if node is None:
            raise Unreadable
        self._node = node.parent
        if node.depth <= 1:
            self._release(found)

    def _release(self, found: list[Fragment]) -> None:
        """Say of the texts of a document what they continue: all indexes are known now."""
        for fragment, node, step in self._open:
            start, end, text, _, bare = fragment
            found.append(Fragment(start, end, text, (*node.place(), step), bare))
        self._open.clear()

    def _is_removed(self, node: _Node, step: bytes | int) -> bool:
        if self._joins and step in _SAID_AGAIN:
            return True
        if not self._removed:
            return False
        steps = node.path()
        steps.append(step.decode("utf-8", "replace") if isinstance(step, bytes) else str(step))
        return any(
            len(path) == len(steps) and all(wanted in (ANY, each) for wanted, each in zip(path, steps, strict=True))
            for path in self._removed
        )


def _is_settled(data: bytes, end: int) -> bool:
    """Tell whether a string or number that ends here is known to end here, and with it its value: `nu` may go on."""
    return end < len(data) and not (len(data) - end < len("false") and data[end:].isalpha())


def _check_between(data: bytes) -> None:
    """Make sure that nothing that could be said stands between the texts. Raises Unreadable."""
    if data.strip(_BETWEEN):
        raise Unreadable
