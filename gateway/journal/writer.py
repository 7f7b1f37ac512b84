"""The hot side of the journal: append a frame to this process's segment before anything is handed to a socket."""

import contextlib
import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from gateway.journal.frame import END, MAX_PAYLOAD_BYTES, PART, Piece, lay_out

SEGMENT_BYTES = 64 * 1024 * 1024
SYNC_INTERVAL_S = 1.0
REOPEN_INTERVAL_S = 1.0
SUFFIX = ".seg"
# One append of so many is timed, less one; a power of two, less one.
_UNTIMED: Final = 15
# More is not held until the end of a turn.
MOST_HELD_BYTES: Final = 256 * 1024

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class Journal:
    """Append frames to segment files `<owner>-<start ns>-<number>.seg`; one thread (the loop's) calls.

    A write costs hardly more for a dozen frames than for one, so those of one turn of the loop are flushed together:
    `due` is called when there is something to flush, and does it at once unless somebody has set it otherwise.
    `losing` is told what could not be written, `timing` now and then how long a flush took, in nanoseconds. `failing`:
    the last flush lost something. `name`: of this writer, unique for ever; its segments' names begin so.

    A segment is locked (flock) as long as its writer lives and may write to it, and is visible only once locked:
    a reader that finds an unlocked segment knows that it will not grow. A process never goes on with an old segment,
    and lets go of one only when it has the next: so a writer without any locked segment is gone.
    """

    def __init__(
        self, folder: Path, owner: str, *, segment_bytes: int = SEGMENT_BYTES, durability: str = "process"
    ) -> None:
        if durability not in ("process", "power"):
            raise ValueError(f"durability must be process or power, not {durability!r}")
        folder.mkdir(parents=True, exist_ok=True)
        self.lost = 0
        self.failing = False
        self.name = f"{owner}-{time.time_ns():020d}"
        self.due: Callable[[], object] = self.flush
        self.losing: Callable[[bytes], object] = _nobody
        self.timing: Callable[[int], object] = _nobody
        self._flushes = 0
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._sync_each_end = durability == "power"
        self._number = 0
        self._fd = -1
        self._end = 0
        self._reopen_at_s = 0.0
        self._held: list[bytes] = []  # frames of this turn, in parts
        self._held_frames = 0
        self._held_bytes = 0
        self._sync_due = False
        self._retired: list[int] = []
        self._given_up: list[int] = []  # damaged, and there is no next one yet
        self._wake = threading.Event()
        self._closed = False
        self._open_segment()
        self._syncer = threading.Thread(target=self._sync_until_closed, name=f"journal-sync-{owner}", daemon=True)
        self._syncer.start()

    def append(self, kind: int, meta: bytes, pieces: Sequence[Piece] = ()) -> bool:
        """Write one frame now; True: it survives the death of this process. False: it is lost, and counted."""
        self.add(kind, meta, pieces)
        return self.flush()

    def add(self, kind: int, meta: bytes, pieces: Sequence[Piece] = ()) -> None:
        """Hold one frame until `flush`: before that nothing may leave that it tells of."""
        if len(pieces) > 1 and kind == PART:
            for piece in pieces:  # a part never makes a frame larger than a piece can be
                self.add(PART, meta, (piece,))
            return
        size, frame = lay_out(kind, meta, pieces)
        if size > MAX_PAYLOAD_BYTES:
            self.losing(b"".join(frame))
            self._lose(1)
            return
        self._held += frame
        self._held_frames += 1
        self._held_bytes += size
        if kind == END and self._sync_each_end:
            self._sync_due = True
        if self._held_bytes >= MOST_HELD_BYTES:
            self.flush()
        elif self._held_frames == 1:
            self.due()

    def flush(self) -> bool:
        """Write what is held, in one piece; False: something was lost since the last flush."""
        count = self._held_frames
        if not count:
            return not self.failing
        data = b"".join(self._held)
        self._held.clear()
        self._held_frames = self._held_bytes = 0
        self._flushes += 1
        began_ns = 0 if self._flushes & _UNTIMED else time.perf_counter_ns()
        if not self._written(data):
            self.losing(data)
            return self._lose(count)
        if self._sync_due and not self._synced():
            return self._lose(count)
        if began_ns:
            self.timing(time.perf_counter_ns() - began_ns)
        self.failing = False
        if self._end >= self._segment_bytes:
            self._rotate()
        return True

    def sync(self) -> None:
        """Bring everything appended so far to the disk (blocks)."""
        self._sync_retired()
        if self._fd >= 0:
            os.fdatasync(self._fd)

    def close(self) -> None:
        """Sync and let go of the segment; nothing may be appended after."""
        if self._closed:
            return
        self.flush()
        self._closed = True
        self._wake.set()
        self._syncer.join()
        self._retire()
        self._sync_retired()

    def _lose(self, frames: int) -> bool:
        self.lost += frames
        self.failing = True
        return False

    def _written(self, data: bytes) -> bool:
        """Append whole frames to the segment, all or none of them."""
        try:
            written = os.write(self._fd, data)
        except OSError as error:
            # Without room nothing was written and the segment is sound: try again with the next frames.
            return error.errno not in _NO_ROOM and self._write_again(data, 0)
        if written != len(data):
            return self._write_again(data, written)
        self._end += written
        return True

    def _write_again(self, data: bytes, written: int) -> bool:
        """Take back half a frame, which would make what follows unreadable, and try once more.

        Where that fails too, the segment ends there (its reader skips the damage) and a fresh one is opened, at most
        each second: a disk that fails must not fill the folder with empty files.
        """
        if not written or not self._truncate():
            self._give_up()
            if not self._reopen():
                return False
        try:
            written = os.write(self._fd, data)
        except OSError:
            return False
        if written != len(data):
            if not self._truncate():
                self._give_up()
            return False
        self._end += written
        return True

    def _truncate(self) -> bool:
        try:
            os.ftruncate(self._fd, self._end)
        except OSError:
            return False
        return True

    def _synced(self) -> bool:
        self._sync_due = False
        try:
            os.fdatasync(self._fd)
        except OSError:
            return False
        return True

    def _reopen(self) -> bool:
        now = time.monotonic()
        if now < self._reopen_at_s:
            return False
        self._reopen_at_s = now + REOPEN_INTERVAL_S
        try:
            self._open_segment()
        except OSError:
            return False
        return True

    def _rotate(self) -> None:
        try:
            old, self._fd = self._fd, -1
            self._open_segment()
        except OSError:
            # No new segment (folder gone, no descriptors): the old one goes on growing, which loses nothing.
            self._fd = old
            return
        self._retired.append(old)
        self._wake.set()

    def _open_segment(self) -> None:
        """Create the next segment: locked before it becomes visible, so that no reader takes it for a dead one's."""
        name = f"{self.name}-{self._number:06d}"
        hidden = self._folder / f".{name}.new"
        fd = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            hidden.rename(self._folder / (name + SUFFIX))
        except OSError:
            os.close(fd)
            with contextlib.suppress(OSError):
                hidden.unlink()  # else the next try would find it in its way
            raise
        self._number += 1
        self._fd = fd
        self._end = 0
        self._retired += self._given_up
        self._given_up.clear()
        if self._sync_each_end:
            _sync_folder(self._folder)

    def _give_up(self) -> None:
        """Stop writing to the open segment, and keep its lock until there is a next one."""
        if self._fd >= 0:
            self._given_up.append(self._fd)
            self._fd = -1

    def _retire(self) -> None:
        """Let go of every segment; the sync thread closes them, since only it may be using the descriptors."""
        self._give_up()
        self._retired += self._given_up
        self._given_up.clear()
        self._wake.set()

    def _sync_until_closed(self) -> None:
        while not self._closed:
            self._wake.wait(SYNC_INTERVAL_S)
            self._wake.clear()
            fd = self._fd
            try:
                self._sync_retired()
                # A descriptor that is retired meanwhile stays open until this thread closes it.
                if fd >= 0:
                    os.fdatasync(fd)
                    _sync_folder(self._folder)
            except OSError:
                # The disk says no: the next append meets the same trouble and counts it.
                continue

    def _sync_retired(self) -> None:
        while self._retired:
            fd = self._retired.pop(0)
            try:
                os.fdatasync(fd)
            finally:
                os.close(fd)


def _nobody(_: object) -> None: ...


def _sync_folder(folder: Path) -> None:
    """Make the names in the folder durable too."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
