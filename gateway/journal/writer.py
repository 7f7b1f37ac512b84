"""The hot side of the journal: append a frame to this process's segment before anything is handed to a socket."""

import errno
import fcntl
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from gateway.journal.frame import END, MAX_PAYLOAD_BYTES, PART, Piece, pack

SEGMENT_BYTES = 64 * 1024 * 1024
SYNC_INTERVAL_S = 1.0
REOPEN_INTERVAL_S = 1.0
SUFFIX = ".seg"

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class Journal:
    """Append frames to segment files `<owner>-<start ns>-<number>.seg`; one thread (the loop's) calls `append`.

    A segment is locked (flock) as long as its writer lives and may write to it, and is visible only once locked:
    a reader that finds an unlocked segment knows that it will not grow. A process never goes on with an old segment.
    """

    def __init__(
        self, folder: Path, owner: str, *, segment_bytes: int = SEGMENT_BYTES, durability: str = "process"
    ) -> None:
        if durability not in ("process", "power"):
            raise ValueError(f"durability must be process or power, not {durability!r}")
        folder.mkdir(parents=True, exist_ok=True)
        self.lost = 0
        self.failing = False
        self._folder = folder
        self._name = f"{owner}-{time.time_ns():020d}"
        self._segment_bytes = segment_bytes
        self._sync_each_end = durability == "power"
        self._number = 0
        self._fd = -1
        self._end = 0
        self._reopen_at_s = 0.0
        self._retired: list[int] = []
        self._wake = threading.Event()
        self._closed = False
        self._open_segment()
        self._syncer = threading.Thread(target=self._sync_until_closed, name=f"journal-sync-{owner}", daemon=True)
        self._syncer.start()

    def append(self, kind: int, meta: bytes, pieces: Sequence[Piece] = ()) -> bool:
        """Write one frame; True: it survives the death of this process. False: it is lost, and counted."""
        if len(pieces) > 1 and kind == PART:
            return self._append_each(meta, pieces)
        frame = pack(kind, meta, pieces)
        if len(frame) > MAX_PAYLOAD_BYTES:
            return self._lose()
        try:
            written = os.write(self._fd, frame)
        except OSError as error:
            # Without room nothing was written and the segment is sound: try again with the next frame.
            return self._lose() if error.errno in _NO_ROOM else self._write_again(frame, 0)
        if written != len(frame):
            return self._write_again(frame, written)
        self._end += written
        if kind == END and self._sync_each_end and not self._synced():
            return self._lose()
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
        self._closed = True
        self._wake.set()
        self._syncer.join()
        self._retire()
        self._sync_retired()

    def _append_each(self, meta: bytes, pieces: Sequence[Piece]) -> bool:
        """One frame for each piece: a part never makes a frame larger than a piece can be."""
        return all([self.append(PART, meta, (piece,)) for piece in pieces])

    def _lose(self) -> bool:
        self.lost += 1
        self.failing = True
        return False

    def _write_again(self, frame: bytes, written: int) -> bool:
        """Take back half a frame, which would make what follows unreadable, and try once more.

        Where that fails too, the segment ends there (its reader skips the damage) and a fresh one is opened, at most
        each second: a disk that fails must not fill the folder with empty files.
        """
        if not written or not self._truncate():
            self._retire()
            if not self._reopen():
                return self._lose()
        try:
            written = os.write(self._fd, frame)
        except OSError:
            return self._lose()
        if written != len(frame):
            if not self._truncate():
                self._retire()
            return self._lose()
        self._end += written
        self.failing = False
        return True

    def _truncate(self) -> bool:
        try:
            os.ftruncate(self._fd, self._end)
        except OSError:
            return False
        return True

    def _synced(self) -> bool:
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
        name = f"{self._name}-{self._number:06d}"
        hidden = self._folder / f".{name}.new"
        fd = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            hidden.rename(self._folder / (name + SUFFIX))
        except OSError:
            os.close(fd)
            raise
        self._number += 1
        self._fd = fd
        self._end = 0
        if self._sync_each_end:
            _sync_folder(self._folder)

    def _retire(self) -> None:
        """Stop writing to the open segment; the sync thread closes it, since only it may be using the descriptor."""
        if self._fd >= 0:
            self._retired.append(self._fd)
            self._fd = -1
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


def _sync_folder(folder: Path) -> None:
    """Make the names in the folder durable too."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
