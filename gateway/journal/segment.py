"""One segment file as a reader sees it: sound frames in order, torn and growing ends told apart, damage skipped."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gateway.journal.frame import (
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    Frame,
    FrameError,
    NewerVersion,
    next_magic,
    unpack,
)
from gateway.journal.writer import SUFFIX

# A few of the largest usual frames. Larger chunks cost more: their frames have left the cache before they are used.
CHUNK_BYTES = 256 * 1024


class Damage(NamedTuple):
    """A stretch of a segment that holds no sound frame. `torn`: its writer died in the middle of the last write."""

    segment: "Segment"
    start: int
    end: int
    torn: bool


def writer_of(name: str) -> str:
    """Name the process that wrote a segment of this name."""
    return name.removesuffix(SUFFIX).rpartition("-")[0]


class Segment:
    """Read one segment by `pread` from a resume position. `writer` names the process that wrote it."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path = path
        self.name = path.name
        self.writer = writer_of(path.name)
        self.offset = offset
        self.ended = False  # nobody writes to it any more and all of it was read
        self.refused: str | None = None  # holds frames of a newer format: to be left alone
        # Exchanges that began here and are still needed, with the offset of their first frame, oldest first.
        self.open: dict[bytes, int] = {}
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._damaged_from: int | None = None
        self._may_be_torn = False

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)

    @property
    def low_watermark(self) -> int:
        """The position from which a restarted reader must read again."""
        for first in self.open.values():
            return first
        return self.offset

    @property
    def size(self) -> int:
        """How many bytes stand in the file now."""
        return os.fstat(self._fd).st_size

    def is_abandoned(self) -> bool:
        """Whether no process holds the writer's lock: the file will not grow."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        return True

    def is_read(self) -> bool:
        """Whether what is left is at most one cut frame."""
        return self.size - self.offset <= HEADER_BYTES + MAX_PAYLOAD_BYTES

    def frame_at(self, offset: int, size: int) -> Frame | None:
        """Read a frame once more; None: it is gone or no longer sound."""
        try:
            return unpack(os.pread(self._fd, size, offset))
        except (OSError, FrameError):
            return None

    def read(self, budget_bytes: int, *, final: bool = False) -> Iterator[tuple[int, Frame] | Damage]:
        """Give what is new, at most about `budget_bytes` of it: frames with their offsets.

        `final`: the file will not grow any more; an incomplete frame at its end is then torn, not growing.
        """
        wanted = CHUNK_BYTES
        while budget_bytes > 0 and self.refused is None:
            start = self.offset
            data = os.pread(self._fd, wanted, start)
            at_end = len(data) < wanted
            yield from self._frames_in(data, torn_end=final and at_end, at_end=at_end)
            budget_bytes -= self.offset - start
            if at_end:
                break
            # No step was made: the first frame is larger than that.
            wanted = CHUNK_BYTES if self.offset > start else 2 * wanted
        if final and self.refused is None:
            yield from self._end_of_damage(self.offset, torn=self._may_be_torn)

    def _frames_in(self, data: bytes, *, torn_end: bool, at_end: bool) -> Iterator[tuple[int, Frame] | Damage]:
        """Walk the frames of `data`, which was read at self.offset, and move the offset past what was used up."""
        base = self.offset
        at = 0
        while at < len(data):
            try:
                frame = unpack(data, at)
            except NewerVersion as newer:
                self.refused = f"{newer}: update tollway, or move {self.path} away"
                return
            except FrameError:
                if at_end and self._damaged_from is None and self._changed(base + at):
                    return
                at = self._skip(data, at, base)
                continue
            if frame is None:
                if not torn_end:
                    return
                at = self._skip(data, at, base, incomplete=True)
                continue
            if self._damaged_from is not None:
                yield from self._end_of_damage(base + at)
            start = base + at
            at += frame.size
            self.offset = base + at
            yield start, frame

    def _skip(self, data: bytes, at: int, base: int, *, incomplete: bool = False) -> int:
        """Note damage, and move to where the next frame could begin."""
        if self._damaged_from is None:
            self._damaged_from = base + at
            self._may_be_torn = incomplete
        at = next_magic(data, at + 1)
        self.offset = base + at
        return at

    def _changed(self, offset: int) -> bool:
        """Look again: whether the writer took back half a frame just now and wrote another in its place."""
        try:
            unpack(os.pread(self._fd, HEADER_BYTES + MAX_PAYLOAD_BYTES, offset))
        except NewerVersion:
            return True
        except FrameError:
            return False
        return True

    def _end_of_damage(self, end: int, *, torn: bool = False) -> Iterator[Damage]:
        if self._damaged_from is not None:
            yield Damage(self, self._damaged_from, end, torn)
        self._damaged_from = None

    def quarantine(self, damage: Damage, folder: Path) -> None:
        """Keep the damaged bytes for a person to look at; the segment itself will go."""
        folder.mkdir(exist_ok=True)
        kept = os.pread(self._fd, min(damage.end - damage.start, MAX_PAYLOAD_BYTES), damage.start)
        (folder / f"{self.name}-{damage.start}.bad").write_bytes(kept)
