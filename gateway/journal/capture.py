"""What of a body is kept while it passes: the head up to the limit and always the last 16 KiB, in small memory."""

from gateway.journal.frame import Piece

PART_BYTES = 64 * 1024
TAIL_BYTES = 16 * 1024


class Capture:
    """Keep one body of one exchange within `limit_bytes` (0: only count).

    What stands beyond the head is held back until it is known whether the body ends within the limit: it is then
    complete, or only its last bytes are kept (usage stands there) and `cut` is true. At most 64 KiB of head and
    32 KiB of tail are held at any time; the rest is handed out to be written.
    """

    __slots__ = (
        "_direction",
        "_head_limit",
        "_held",
        "_held_bytes",
        "_limit",
        "_tail",
        "_tail_bytes",
        "_written",
        "total",
    )

    def __init__(self, direction: int, limit_bytes: int) -> None:
        self._direction = direction
        self._limit = limit_bytes
        self._head_limit = limit_bytes - min(TAIL_BYTES, (limit_bytes + 1) // 2)
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._written = 0  # bytes of the head that were handed out
        self._tail: list[bytes] = []
        self._tail_bytes = 0
        self.total = 0

    @property
    def cut(self) -> bool:
        """Whether bytes in the middle were left out."""
        return 0 < self._limit < self.total

    def start_at(self, written: int) -> None:
        """Go on behind a first piece of `written` bytes that is in the journal already."""
        self.total = self._written = written

    def add(self, data: bytes) -> list[Piece] | None:
        """Take the next bytes of the body; return what is due to be written now, each piece at most 64 KiB."""
        length = len(data)
        self.total += length
        if self.total > self._head_limit:
            return self._add_beyond_head(data)
        self._held.append(data)
        self._held_bytes += length
        if self._held_bytes < PART_BYTES:
            return None
        return self._hand_out()

    def rest(self) -> list[Piece]:
        """Return everything still held, and forget it; for the frame that ends the exchange."""
        if self._tail:
            tail = b"".join(self._tail)
            if self.cut:
                tail = tail[-(self._limit - self._head_limit) :]
                pieces = self._hand_out()
                pieces.append((self._direction, self.total - len(tail), tail))
            else:
                self._held.append(tail)
                pieces = self._hand_out()
            self._tail = []
            self._tail_bytes = 0
            return pieces
        return self._hand_out()

    def _hand_out(self) -> list[Piece]:
        head = b"".join(self._held)
        at = self._written
        self._held = []
        self._held_bytes = 0
        self._written += len(head)
        if len(head) <= PART_BYTES:
            return [(self._direction, at, head)] if head else []
        return [
            (self._direction, at + start, head[start : start + PART_BYTES]) for start in range(0, len(head), PART_BYTES)
        ]

    def _add_beyond_head(self, data: bytes) -> list[Piece] | None:
        """Split at the head's end; keep of the rest what may turn out to be the tail."""
        if not self._limit:
            return None
        before = self.total - len(data)
        if before < self._head_limit:
            within = self._head_limit - before
            self._held.append(data[:within])
            self._held_bytes += within
            data = data[within:]
        kept = self._limit - self._head_limit
        self._tail.append(data[-kept:] if len(data) > kept else data)
        self._tail_bytes += len(self._tail[-1])
        # Trim at twice the size, so that small chunks are joined once per `kept` bytes.
        if self._tail_bytes >= 2 * kept:
            self._tail = [b"".join(self._tail)[-kept:]]
            self._tail_bytes = kept
        return self._hand_out() if self._held_bytes >= PART_BYTES else None
