"""Usage, model and end of an answer that is a JSON document on each line, as Ollama's own API writes them."""

from math import ceil
from typing import Final

import msgspec

from gateway.core.usage import Usage
from gateway.wire.counts import clamp, count
from gateway.wire.ending import word
from gateway.wire.meter import TAIL_BYTES, error_text
from gateway.wire.scan import UNREADABLE
from gateway.wire.shapes import LastLine, Sight

BYTES_PER_TOKEN: Final = 4
# Around a word of text stand the model's name and the time.
_FRAME_BYTES: Final = 110

_decode_line = msgspec.json.Decoder(LastLine).decode


class LinesMeter:
    """Watch the lines; the last one tells what was read and written. `ends`: it also says that it is the last."""

    __slots__ = ("_ends", "_lines", "_size", "_tail", "content_seen", "terminal")

    def __init__(self, *, ends: bool) -> None:
        self._ends = ends
        self._tail = b""
        self._size = 0
        self._lines = 0
        self.terminal = False
        self.content_seen = False

    def feed(self, data: bytes) -> bytes:
        """Take bytes and return them."""
        self._size += len(data)
        self._lines += data.count(b"\n")
        self.content_seen = True
        self._tail = (self._tail + data)[-TAIL_BYTES:]
        if self._ends and self._tail.rstrip().endswith(b"}"):
            self.terminal = self._last().done is True
        return data

    def finish(self) -> bytes:
        """Return nothing: nothing is held back."""
        return b""

    @property
    def model(self) -> str | None:
        """The model as the last line names it."""
        return self.sight().model

    @property
    def error(self) -> str | None:
        """What an error in the last line says."""
        return self.sight().error

    def usage(self) -> Usage | None:
        """Return what was consumed."""
        return self.sight().usage

    def sight(self) -> Sight:
        """Read the last line. Of a prompt that stands in its cache this server counts nothing."""
        last = self._last()
        told = last.eval_count is not None or last.prompt_eval_count is not None
        usage = Usage(input_total=count(last.prompt_eval_count), output_total=count(last.eval_count))
        return Sight(
            clamp(usage) if told else None,
            last.model if isinstance(last.model, str) else None,
            error_text(last.error) if last.error else None,
            finish_reason=word(last.done_reason),
        )

    def complete(self, status: int) -> bool:
        """Tell whether the answer came to its end."""
        return status >= 400 or self.terminal or not self._ends

    def estimate(self, request_bytes: int) -> Usage:
        """Guess: a line is a token, or a whole answer in one."""
        return Usage(input_total=max(1, ceil(request_bytes / BYTES_PER_TOKEN)), output_total=self._output_tokens())

    def so_far(self) -> int:
        """Return the output tokens until now: as told at the end, before that a line is one."""
        told = self.usage() if self.terminal else None
        return told.output_total if told is not None else self._output_tokens()

    def _output_tokens(self) -> int:
        if not self._size or not self._ends:
            return 0
        text_bytes = max(self._size - _FRAME_BYTES * max(self._lines, 1), 1)
        return max(self._lines - 1, ceil(text_bytes / BYTES_PER_TOKEN))

    def _last(self) -> LastLine:
        lines = self._tail.rstrip().rsplit(b"\n", 1)
        try:
            return _decode_line(lines[-1])
        except UNREADABLE:
            return LastLine()
