"""Of which exchanges does the journal hold nothing, because what was to be written could not be?"""

from collections.abc import Callable, Iterator

import msgspec

from gateway.journal.frame import BEGIN, END, Frame, FrameError, unpack


class _Told(msgspec.Struct):
    id: str
    attempts: list[msgspec.Raw] = []


_decode = msgspec.json.Decoder(_Told).decode


class Losses:
    """Counts them for `drop`, each once. What has a begin in the journal is not among them: it becomes a row."""

    def __init__(self, drop: Callable[[int], object]) -> None:
        self._drop = drop
        self._unbegun: set[str] = set()  # whose begin is lost, and the end has not come yet

    def note(self, data: bytes) -> None:
        """Look through frames that are lost."""
        for frame in _frames(data):
            if frame.kind == BEGIN:
                self._unbegun.add(_decode(frame.meta).id)
            elif frame.kind == END:
                told = _decode(frame.meta)
                # What was refused before it was sent has no begin.
                if told.id in self._unbegun or not told.attempts:
                    self._drop(1)
                self._unbegun.discard(told.id)


def _frames(data: bytes) -> Iterator[Frame]:
    at = 0
    while at < len(data):
        try:
            frame = unpack(data, at)
        except FrameError:  # one that is too long to be a frame
            return
        if frame is None:
            return
        at += frame.size
        yield frame
