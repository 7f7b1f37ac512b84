"""What did an answer that is one JSON document consume? No more of it is kept than that needs."""

from collections.abc import Callable
from math import ceil
from typing import Final

from gateway.core.record import Job
from gateway.core.usage import Usage
from gateway.wire.document import parse, parse_ends, parse_far_ends
from gateway.wire.guess import BY_SIZE, Words
from gateway.wire.meter import TAIL_BYTES
from gateway.wire.shapes import Answer, Sight
from gateway.wire.weight import answer_tokens

# Up to here a JSON answer is kept and parsed, in a millisecond at most; beyond, its ends are.
WHOLE_BYTES: Final = 1 << 20
HEAD_BYTES: Final = 4 << 10


class JsonMeter:
    """Watch an answer that is one JSON document. `read` turns its members into what was seen.

    `generates`: it holds text, which `words` finds; vectors and files are not counted. `goes_on`, where there is one,
    looks at an answer that tells no usage: its work may go on.
    """

    __slots__ = (
        "_finished", "_generates", "_goes_on", "_key", "_parts", "_read", "_sight", "_sight_size", "_size",
        "_tail_size", "_words",
        "content_seen",
    )  # fmt: skip

    terminal = False

    def __init__(
        self,
        read: Callable[[Answer], Sight],
        *,
        key: bytes = b'"usage"',
        generates: bool = True,
        words: Words = BY_SIZE,
        goes_on: Callable[[bytes], Job | None] | None = None,
    ) -> None:
        self._read = read
        self._words = words
        self._goes_on = goes_on
        self._key = key
        self._generates = generates
        self._finished = False
        self._parts: list[bytes] = []  # beyond WHOLE_BYTES: the head, then the tail
        self._size = 0
        self._tail_size = 0
        self._sight: Sight | None = None
        self._sight_size = 0
        self.content_seen = False

    def feed(self, data: bytes) -> bytes:
        """Take bytes and return them."""
        self._parts.append(data)
        self._size += len(data)
        self.content_seen = True
        if self._size > WHOLE_BYTES:
            self._forget()
        return data

    def finish(self) -> bytes:
        """Return nothing: nothing is held back."""
        self._finished = True
        return b""

    @property
    def model(self) -> str | None:
        """The model as the answer names it."""
        return self.sight().model

    @property
    def error(self) -> str | None:
        """What the answer's error says."""
        return self.sight().error

    def usage(self) -> Usage | None:
        """Return what was consumed."""
        return self.sight().usage

    def complete(self, status: int) -> bool:
        """Say yes: a JSON answer ends where its body ends."""
        return True

    def estimate(self, request_bytes: int) -> Usage:
        """Guess: the request by its size, the answer by the text in it."""
        numbers = self._words.numbers
        return Usage(input_total=max(1, ceil(request_bytes / numbers.text_bytes)), output_total=self._output_tokens())

    def so_far(self) -> int:
        """Return what is in the answer, once it is whole: before, no one can tell."""
        if not self._finished:
            return 1 if self._size and self._generates else 0
        told = self.usage()
        return self._output_tokens() if told is None or told.is_spoiled else told.output_total

    def _output_tokens(self) -> int:
        if not self._size or not self._generates:
            return 0
        return answer_tokens(self._size, b"".join(self._parts), self._words)

    def sight(self) -> Sight:
        """Look at the answer as far as it came."""
        sight = self._sight
        if sight is None or self._sight_size != self._size:
            self._sight_size = self._size
            answer = self._answer()
            self._sight = sight = self._read(answer) if answer else Sight()
            if self._goes_on is not None and (sight.usage is None or not sight.usage.output_total):
                sight.job = self._goes_on(b"".join(self._parts))
                sight.usage = sight.usage if sight.job is None else None
        return sight

    def _answer(self) -> Answer | None:
        parts = self._parts
        if self._size > WHOLE_BYTES:
            return parse_far_ends(parts[0], b"".join(parts[1:]), self._key)
        whole = parts[0] if len(parts) == 1 else b"".join(parts)
        if self._size > TAIL_BYTES and not self._generates:  # vectors: long, and plain at the end
            return parse_ends(whole[:HEAD_BYTES], whole[-TAIL_BYTES:], self._key) or parse(whole)
        return parse(whole)

    def _forget(self) -> None:
        """Keep the head and the tail of an answer that is too long to keep."""
        parts = self._parts
        if not self._tail_size:
            whole = b"".join(parts)
            parts[:] = [whole[:HEAD_BYTES], whole[-TAIL_BYTES:]]
            self._tail_size = len(parts[1])
            return
        self._tail_size += len(parts[-1])
        while self._tail_size - len(parts[1]) >= TAIL_BYTES:
            self._tail_size -= len(parts.pop(1))
