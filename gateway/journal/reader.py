"""The cold side of the journal: tail all segments of a folder and put exchanges together from their frames."""

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateway.core.ids import started_ms
from gateway.core.record import Record, decode, encode
from gateway.journal.evaluated import Evaluated, read
from gateway.journal.frame import AMEND, BEGIN, END, KINDS, MAX_PAYLOAD_BYTES, REQUEST, SCORE, Frame, Piece
from gateway.journal.segment import CHUNK_BYTES, Damage, Segment, writer_of
from gateway.journal.writer import SUFFIX

QUARANTINE = "quarantine"  # below the journal's folder: damaged bytes, for a person to look at
RELIST_S = 0.2
LOCK_CHECK_S = 0.05
# Frames of exchanges that still run are held in memory up to this sum; beyond it they are read again at the end.
HELD_BYTES = 16 * 1024 * 1024
WORKER_DIED = "worker died"  # the error of an exchange that nobody ended
_ID_PREFIX = b'{"id":"'
_ID_END = len(_ID_PREFIX) + 36
_LAST_INSTANT = (253_402_300_799_999).to_bytes(6)  # milliseconds, end of the year 9999


class Finished(NamedTuple):
    """An exchange that came to its end, or was amended after it.

    `key`: the id's 16 bytes. `meta`: the record as it stands in the journal. `died`: the worker did, before the end.
    """

    key: bytes
    record: Record
    meta: bytes
    request: list[Piece]
    response: list[Piece]
    amends: bool = False
    died: bool = False


class Counts(msgspec.Struct):
    """What the reader met. `torn`: last writes of killed processes. `corrupt`: damage elsewhere. `dead`: exchanges
    whose worker died before their end."""

    torn: int = 0
    corrupt: int = 0
    dead: int = 0


# A frame of an exchange that still runs: segment, offset, size; itself, if it is held in memory.
_Place = tuple[Segment, int, int, Frame | None]


class _IdOnly(msgspec.Struct):
    id: str


_decode_id = msgspec.json.Decoder(_IdOnly).decode


class Reader:
    """Tail a journal folder. `positions`: where to go on in each segment, by its file name."""

    def __init__(self, folder: Path, positions: Mapping[str, int] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.counts = Counts()
        self.moved = 0  # bytes that the last poll went through
        self.evaluations: list[Evaluated] = []  # those that it met, in order
        self._folder = folder
        self._positions = dict(positions or {})
        self._segments: dict[str, Segment] = {}
        self._exchanges: dict[bytes, list[_Place]] = {}  # those that run, by id as it stands in the frames
        self._held_bytes = 0
        self._listed_at_s = float("-inf")
        self._checked_at_s = float("-inf")
        self._failures: list[OSError] = []  # of this poll

    def poll(self, budget_bytes: int = 4 * CHUNK_BYTES, *, thorough: bool = False) -> list[Finished]:
        """Read what is new and return the exchanges that it finishes, in order; never waits. `evaluations` are beside.

        `thorough`: look for new segments and dead writers even if that was done a moment ago. A segment that cannot
        be read holds up no other: its OSError is raised only when there is nothing to return instead.
        """
        now = time.monotonic()
        self._failures.clear()
        if thorough or now - self._listed_at_s >= RELIST_S:
            self._listed_at_s = now
            self._list()
        finished: list[Finished] = []
        self.moved = 0
        self.evaluations = []
        for segment in self._segments.values():
            if not segment.ended and self.moved < budget_bytes:
                self._read(segment, finished, budget_bytes - self.moved)
        if thorough or now - self._checked_at_s >= LOCK_CHECK_S:
            self._checked_at_s = now
            self._end_abandoned(finished)
        if self._failures and not finished and not self.evaluations:
            raise self._failures[0]
        return finished

    def writers(self) -> set[str]:
        """Name the writers of whom more may come than `poll` has returned so far, as the folder is now. Raise OSError.

        Everybody who writes is among them, and so is who left something that cannot be read.
        """
        known = self._segments
        names = {path.name for path in self._folder.iterdir() if path.suffix == SUFFIX}
        unread = {segment.writer for segment in known.values() if not segment.ended}
        return unread | {writer_of(name) for name in names if name not in known}

    @property
    def open_count(self) -> int:
        """How many exchanges have begun, and not ended."""
        return len(self._exchanges)

    def watermarks(self) -> dict[str, int]:
        """Where a restarted reader must go on, once all that `poll` has returned is safe."""
        return {name: segment.low_watermark for name, segment in self._segments.items()}

    def oldest_open_ms(self) -> int | None:
        """Return when the oldest exchange began that still runs: a restarted reader may return all that ended since."""
        return started_ms(min(self._exchanges).decode()) if self._exchanges else None

    def pending_bytes(self) -> int:
        """How much stands in the journal that was not read yet."""
        return sum(segment.size - segment.offset for segment in self._segments.values())

    def refusals(self) -> list[str]:
        """Segments that are left alone, each with what to do about it."""
        return [segment.refused for segment in self._segments.values() if segment.refused]

    def removable(self) -> list[str]:
        """Segments that nobody needs once the store has synced what `poll` has returned so far."""
        return [name for name, segment in self._segments.items() if segment.ended and not segment.open]

    def remove(self, name: str) -> None:
        """Delete a segment for good."""
        segment = self._segments.pop(name)
        segment.close()
        segment.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of all files."""
        for segment in self._segments.values():
            segment.close()
        self._segments.clear()

    def _list(self) -> bool:
        """Notice new segments. Names sort by time within a writer, so its segments are read in order.

        False: not all could be opened.
        """
        complete = True
        for path in sorted(self._folder.glob("*" + SUFFIX)):
            if path.name not in self._segments:
                try:
                    self._segments[path.name] = Segment(path, self._positions.get(path.name, 0))
                except OSError as error:
                    self._failures.append(error)
                    complete = False
        return complete

    def _read(self, segment: Segment, finished: list[Finished], budget_bytes: int, *, final: bool = False) -> bool:
        """Read on in a segment; False: it cannot be read."""
        before = segment.offset
        try:
            for item in segment.read(budget_bytes, final=final):
                if isinstance(item, Damage):
                    self._note_damage(item)
                    continue
                offset, frame = item
                try:
                    self._take(segment, offset, frame, finished)
                except msgspec.MsgspecError:
                    # The checksum is right, so this is what was written: keep it for a person, go on.
                    self._note_damage(Damage(segment, offset, offset + frame.size, torn=False))
        except OSError as error:
            self._failures.append(error)
            return False
        self.moved += segment.offset - before
        return True

    def _note_damage(self, damage: Damage) -> None:
        if damage.torn:
            self.counts.torn += 1
            return
        self.counts.corrupt += 1
        with contextlib.suppress(OSError):  # a full disk must not stop the reading
            damage.segment.quarantine(damage, self._folder / QUARANTINE)

    def _take(self, segment: Segment, offset: int, frame: Frame, finished: list[Finished]) -> None:
        kind, meta, _, size = frame
        if kind == SCORE:
            self.evaluations.append(read(meta, _key))
            return
        if meta.startswith(_ID_PREFIX) and meta[_ID_END : _ID_END + 1] == b'"':
            exchange_id = meta[len(_ID_PREFIX) : _ID_END]
        else:
            exchange_id = _decode_id(meta).id.encode()
        if kind in (END, AMEND):
            record = decode(meta)
            key = _key(record.id)
            frames = [*self._close(exchange_id), frame]
            finished.append(_finished(key, record, meta, frames, amends=kind == AMEND))
            return
        if kind not in KINDS:
            raise msgspec.ValidationError(f"unknown kind of frame: {kind}")
        held = self._held_bytes + size <= HELD_BYTES
        if held:
            self._held_bytes += size
        segment.open.setdefault(exchange_id, offset)
        self._exchanges.setdefault(exchange_id, []).append((segment, offset, size, frame if held else None))

    def _close(self, exchange_id: bytes) -> list[Frame]:
        """Forget a running exchange; return its frames, all that can still be read."""
        frames = []
        for segment, offset, size, frame in self._exchanges.pop(exchange_id, ()):
            segment.open.pop(exchange_id, None)
            if frame is None:
                frame = segment.frame_at(offset, size)  # noqa: PLW2901
            else:
                self._held_bytes -= size
            if frame is not None:
                frames.append(frame)
        return frames

    def _end_abandoned(self, finished: list[Finished]) -> None:
        """Close the books of writers that are gone: segments that will not grow, exchanges that will not end."""
        abandoned = [one for one in self._segments.values() if not one.ended and one.is_abandoned() and one.is_read()]
        if not abandoned:
            return
        # A writer opens its next segment before it lets go of the last one: look for it before calling it dead.
        if not self._list():
            return
        for segment in abandoned:
            is_read = self._read(segment, finished, 2 * MAX_PAYLOAD_BYTES, final=True)
            segment.ended = is_read and segment.refused is None
        alive = {segment.writer for segment in self._segments.values() if not segment.ended}
        for exchange_id, places in list(self._exchanges.items()):
            if places[0][0].writer not in alive:
                self._bury(exchange_id, finished)

    def _bury(self, exchange_id: bytes, finished: list[Finished]) -> None:
        """Make a row of an exchange whose worker died: it was begun, so the provider may bill it."""
        frames = self._close(exchange_id)
        begin = next((frame for frame in frames if frame.kind == BEGIN), None)
        try:
            record = decode(begin.meta if begin else b"")
            key = _key(record.id)
        except msgspec.MsgspecError:
            self.counts.corrupt += 1
            return
        self.counts.dead += 1
        record.outcome = "gateway_error"
        record.error = WORKER_DIED
        record.usage_source = "estimated"
        finished.append(_finished(key, record, encode(record), frames)._replace(died=True))


def _finished(key: bytes, record: Record, meta: bytes, frames: list[Frame], *, amends: bool = False) -> Finished:
    request: list[Piece] = []
    response: list[Piece] = []
    for frame in frames:
        for piece in frame.pieces:
            (request if piece[0] == REQUEST else response).append(piece)
    return Finished(key, record, meta, request, response, amends)


def _key(exchange_id: str) -> bytes:
    """Turn an id into its 16 bytes; anything that is no id of ours was not written by us."""
    try:
        key = bytes.fromhex(exchange_id.replace("-", ""))
    except ValueError:
        key = b""
    if len(key) != 16 or key[:6] > _LAST_INSTANT:
        raise msgspec.ValidationError(f"not an exchange id: {exchange_id!r}")
    return key
