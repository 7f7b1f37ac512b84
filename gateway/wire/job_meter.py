"""What does an answer tell of work that goes on after it, or of work that was asked for earlier?

Such answers are rare and must be understood whole: they are kept until they end, or read line by line. What each
dialect says in them is read by `openai_jobs.py`, `anthropic_jobs.py` and `gemini_jobs.py`.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from math import ceil
from typing import Any, Final

from gateway.core.record import Job
from gateway.core.usage import Usage
from gateway.wire.adding import Sum
from gateway.wire.shapes import Sight
from gateway.wire.sse import HELD_MOST_BYTES

BYTES_PER_TOKEN: Final = 4
# Names of jobs come from outside, go into tables and onto terminals, and are compared.
_NAME: Final = re.compile(r"[!-~]{1,256}")


def job(name: Any, state: str, usage: Usage | None = None) -> Job | None:
    """Make a job of what a provider calls it; None: that is no name."""
    if isinstance(name, str) and _NAME.fullmatch(name):
        return Job(id=name, state=state, usage=usage)
    return None


def polled(name: Any, usage: Usage | None = None, model: Any = None) -> Sight:
    """Say what an answer tells of work that another exchange asked for."""
    return Sight(model=model if isinstance(model, str) else None, job=job(name, "seen", believed(usage)), polled=True)


def asked(name: Any, usage: Usage | None = None, model: Any = None) -> Sight:
    """Say what an answer tells of the work that was asked for with it: it goes on, unless its usage is there."""
    named = model if isinstance(model, str) else None
    if believed(usage) is not None:
        return Sight(usage, named)
    return Sight(model=named, job=job(name, "open"))


def believed(usage: Usage | None) -> Usage | None:
    """Return a usage; of one that cannot be believed nothing: the work's cost is then not known yet."""
    return None if usage is None or usage.is_spoiled else usage


class _Meter(ABC):
    """What both have in common: nothing is stripped, and there is no terminal event."""

    terminal = False
    error: str | None = None

    def __init__(self) -> None:
        self.content_seen = False

    @property
    def model(self) -> str | None:
        """The model as the answer names it."""
        return self.sight().model

    def usage(self) -> Usage | None:
        """Return what was consumed."""
        return self.sight().usage

    @abstractmethod
    def sight(self) -> Sight:
        """Return what the answer tells."""

    def estimate(self, request_bytes: int) -> Usage:
        """Guess from what was asked; nobody knows what will be answered."""
        return Usage(input_total=ceil(request_bytes / BYTES_PER_TOKEN), processing="batch")

    def so_far(self) -> int:
        """Say nothing: an answer about work consumes nothing."""
        return 0


class DocumentMeter(_Meter):
    """Keep a JSON answer and let `read` look at it. One of more than HELD_MOST_BYTES is not read."""

    def __init__(self, read: Callable[[bytes], Sight]) -> None:
        super().__init__()
        self._read = read
        self._parts: list[bytes] = []
        self._size = 0
        self._seen: tuple[int, Sight] = (-1, Sight())

    def feed(self, data: bytes) -> bytes:
        """Take bytes and return them."""
        self.content_seen = True
        self._size += len(data)
        if self._size <= HELD_MOST_BYTES:
            self._parts.append(data)
        else:
            self._parts.clear()
        return data

    def finish(self) -> bytes:
        """Return nothing: nothing is held back."""
        return b""

    def sight(self) -> Sight:
        """Look at the answer as far as it came."""
        if self._seen[0] != self._size:
            self._seen = self._size, self._read(b"".join(self._parts))
        return self._seen[1]

    def complete(self, status: int) -> bool:
        """Say yes: a JSON answer ends where its body ends."""
        return True


class LinesMeter(_Meter):
    """Read results line by line as they pass; `read` adds one line to the sum, or raises ValueError.

    They tell no name: the path does. Of a line longer than HELD_MOST_BYTES nothing is read.
    """

    def __init__(self, read: Callable[[bytes, Sum], None]) -> None:
        super().__init__()
        self._read = read
        self._sum = Sum()
        self._lines = 0
        self._is_cut = False
        self._held: list[bytes] = []
        self._held_bytes = 0

    def feed(self, data: bytes) -> bytes:
        """Take bytes and return them."""
        self.content_seen = True
        *ends, rest = data.split(b"\n")
        for end in ends:
            self._hold(end)
            self._line()
        self._hold(rest)
        return data

    def finish(self) -> bytes:
        """Read a last line that lacks its end."""
        self._is_cut = not self._line()
        return b""

    def sight(self) -> Sight:
        """Return what all lines tell so far."""
        model, usage = self._sum.result()
        told = believed(usage) if self._lines else None
        return Sight(model=model, job=Job(id="", state="seen", usage=told), polled=True)

    def complete(self, status: int) -> bool:
        """Tell whether the last line came whole."""
        return not self._is_cut

    def _line(self) -> bool:
        """Read the line that is held; tell whether that could be done."""
        is_read = self._held_bytes <= HELD_MOST_BYTES
        line = b"".join(self._held).strip()
        self._held.clear()
        self._held_bytes = 0
        self._lines += bool(line)
        try:
            if line:
                self._read(line, self._sum)
        except ValueError:
            is_read = False
        if not is_read:
            self._sum.spoil()
        return is_read

    def _hold(self, data: bytes) -> None:
        self._held_bytes += len(data)
        if self._held_bytes <= HELD_MOST_BYTES:
            if data:
                self._held.append(data)
        else:
            self._held.clear()
