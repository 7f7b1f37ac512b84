"""The cold side of the journal: tail all segments of a folder and put exchanges together from their frames."""

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateway.core.record import Record, decode, encode
from gateway.journal.frame import AMEND, BEGIN, END, KINDS, MAX_PAYLOAD_BYTES, REQUEST, Frame, Piece
from gateway.journal.segment import CHUNK_BYTES, Damage, Place, Segment
from gateway.journal.writer import SUFFIX

RELIST_S = 0.2
LOCK_CHECK_S = 0.05
# Larger frames of an exchange that still runs are read again at its end instead of being held in memory.
HELD_FRAME_BYTES = 8 * 1024
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

    frames: int = 0
    torn: int = 0
    corrupt: int = 0
    dead: int = 0


class _Open(msgspec.Struct):
    """An exchange between its first frame and its end."""

    places: list[Place]
    frames: list[Frame | None]  # None: too large to hold, stands at the place of the same index


class _IdOnly(msgspec.Struct):
    id: str


_decode_id = msgspec.json.Decoder(_IdOnly).decode


class Reader:
    """Tail a journal folder. `positions`: where to go on in each segment, by its file name."""

    def __init__(self, folder: Path, positions: Mapping[str, int] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.counts = Counts()
        self.moved = 0  # bytes that the last poll went through
        self._folder = folder
        self._positions = dict(positions or {})
        self._segments: dict[str, Segment] = {}
        self._exchanges: dict[str, _Open] = {}
        self._listed_at_s = float("-inf")
        self._checked_at_s = float("-inf")

    def poll(self, budget_bytes: int = 4 * CHUNK_BYTES, *, thorough: bool = False) -> list[Finished]:
        """Read what is new and return the exchanges that it finishes, in order; never waits.

        `thorough`: look for new segments and dead writers even if that was done a moment ago.
        """
        now = time.monotonic()
        if thorough or now - self._listed_at_s >= RELIST_S:
            self._listed_at_s = now
            self._list()
        finished: list[Finished] = []
        self.moved = 0
        for segment in self._segments.values():
            if not segment.ended and self.moved < budget_bytes:
                self._read(segment, finished, budget_bytes - self.moved)
        if thorough or now - self._checked_at_s >= LOCK_CHECK_S:
            self._checked_at_s = now
            self._end_abandoned(finished)
        return finished

    def watermarks(self) -> dict[str, int]:
        """Where a restarted reader must go on, once all that `poll` has returned is safe."""
        return {name: segment.low_watermark for name, segment in self._segments.items()}

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

    def _list(self) -> None:
        """Notice new segments. Names sort by time within a writer, so its segments are read in order."""
        for path in sorted(self._folder.glob("*" + SUFFIX)):
            if path.name not in self._segments:
                self._segments[path.name] = Segment(path, self._positions.get(path.name, 0))

    def _read(self, segment: Segment, finished: list[Finished], budget_bytes: int, *, final: bool = False) -> None:
        before = segment.offset
        for item in segment.read(budget_bytes, final=final):
            if isinstance(item, Damage):
                self._note_damage(item)
                continue
            place, frame = item
            self.counts.frames += 1
            try:
                self._take(place, frame, finished)
            except msgspec.MsgspecError:
                # The checksum is right, so this is what was written: keep it for a person, go on.
                self._note_damage(Damage(segment, place.offset, place.offset + place.size, torn=False))
        self.moved += segment.offset - before

    def _note_damage(self, damage: Damage) -> None:
        if damage.torn:
            self.counts.torn += 1
            return
        self.counts.corrupt += 1
        with contextlib.suppress(OSError):  # a full disk must not stop the reading
            damage.segment.quarantine(damage, self._folder / "quarantine")

    def _take(self, place: Place, frame: Frame, finished: list[Finished]) -> None:
        meta = frame.meta
        if meta.startswith(_ID_PREFIX) and meta[_ID_END : _ID_END + 1] == b'"':
            exchange_id = meta[len(_ID_PREFIX) : _ID_END].decode("ascii", "replace")
        else:
            exchange_id = _decode_id(meta).id
        if frame.kind in (END, AMEND):
            record = decode(meta)
            key = _key(record.id)
            pieces = self._pieces(self._close(exchange_id), frame)
            finished.append(_finished(key, record, meta, pieces, amends=frame.kind == AMEND))
            return
        if frame.kind not in KINDS:
            raise msgspec.ValidationError(f"unknown kind of frame: {frame.kind}")
        exchange = self._exchanges.get(exchange_id)
        if exchange is None:
            exchange = self._exchanges[exchange_id] = _Open([], [])
        place.segment.open.setdefault(exchange_id, place.offset)
        exchange.places.append(place)
        exchange.frames.append(frame if frame.size <= HELD_FRAME_BYTES else None)

    def _close(self, exchange_id: str) -> _Open | None:
        exchange = self._exchanges.pop(exchange_id, None)
        if exchange is not None:
            for place in exchange.places:
                place.segment.open.pop(exchange_id, None)
        return exchange

    def _pieces(self, exchange: _Open | None, last: Frame | None) -> list[Piece]:
        frames = [] if exchange is None else _frames(exchange)
        if last is not None:
            frames.append(last)
        return [piece for frame in frames for piece in frame.pieces]

    def _end_abandoned(self, finished: list[Finished]) -> None:
        """Close the books of writers that are gone: segments that will not grow, exchanges that will not end."""
        abandoned = [one for one in self._segments.values() if not one.ended and one.is_abandoned() and one.is_read()]
        if not abandoned:
            return
        # A writer opens its next segment before it lets go of the last one: look for it before calling it dead.
        self._list()
        for segment in abandoned:
            self._read(segment, finished, 2 * MAX_PAYLOAD_BYTES, final=True)
            segment.ended = segment.refused is None
        alive = {segment.writer for segment in self._segments.values() if not segment.ended}
        for exchange_id, exchange in list(self._exchanges.items()):
            if exchange.places[0].segment.writer not in alive:
                self._bury(exchange_id, exchange, finished)

    def _bury(self, exchange_id: str, exchange: _Open, finished: list[Finished]) -> None:
        """Make a row of an exchange whose worker died: it was begun, so the provider may bill it."""
        self._close(exchange_id)
        frames = _frames(exchange)
        begin = next((frame for frame in frames if frame.kind == BEGIN), None)
        try:
            record = decode(begin.meta if begin else b"")
            key = _key(record.id)
        except msgspec.MsgspecError:
            self.counts.corrupt += 1
            return
        self.counts.dead += 1
        record.outcome = "gateway_error"
        record.error = "worker died"
        record.usage_source = "estimated"
        pieces = [piece for frame in frames for piece in frame.pieces]
        finished.append(_finished(key, record, encode(record), pieces)._replace(died=True))


def _frames(exchange: _Open) -> list[Frame]:
    """All frames of an exchange that can still be read."""
    found = [
        held or place.segment.frame_at(place) for place, held in zip(exchange.places, exchange.frames, strict=True)
    ]
    return [frame for frame in found if frame is not None]


def _finished(key: bytes, record: Record, meta: bytes, pieces: list[Piece], *, amends: bool = False) -> Finished:
    request = [piece for piece in pieces if piece[0] == REQUEST]
    response = [piece for piece in pieces if piece[0] != REQUEST]
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
