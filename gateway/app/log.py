"""The log of the gateway itself, on stderr of every process: one line per event, a flood of the same told once.

Modules log as usual, `logging.getLogger("tollway.…")`, with a fixed text as the message and what varies in `extra`.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from gateway.app.log_lines import FORMATS, MORE, Lines, kind
from gateway.app.log_throttle import Throttle
from gateway.policies.snapshot import Snapshot

# What goes well (a child is ready, a reload) comes no more often than what went wrong before it.
_NO_PROBLEM: Final = frozenset({logging.DEBUG, logging.INFO})
LEVELS: Final = {name: getattr(logging, name.upper()) for name in ("debug", "info", "warning", "error")}
# A library's chatter is of interest to nobody who asks for ours.
_QUIET: Final = ("watchfiles", "asyncio", "aiohttp", "aiosqlite")

log = logging.getLogger("tollway")


class Handler(logging.StreamHandler[IO[str]]):
    """Write to stderr, and hold a flood back. `clock`: seconds that never go back."""

    def __init__(self, lines: Lines, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(lines)
        self._clock = clock
        self._throttle: Throttle[logging.LogRecord] = Throttle()
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it."""
        self._tell(self._clock())
        if record.levelno in _NO_PROBLEM or self._throttle.admits(kind(record), record, self._clock()):
            super().emit(record)
        else:
            record.exc_info = None  # its frames would keep alive what the request held
            self._set_timer()

    def handleError(self, record: logging.LogRecord) -> None:
        """A line that cannot be made, or written, ends nothing; its arguments are not shown."""
        error = sys.exc_info()[1]
        try:
            self.stream.write(f"a line of the log was lost: {record.name} {type(error).__name__}{self.terminator}")
        except (OSError, ValueError):
            self.stream = sys.stderr  # closed under us: there is nobody to tell

    def close(self) -> None:
        """Tell what is still held back."""
        self.acquire()
        try:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._tell(float("inf"))
        finally:
            self.release()
        super().close()

    def _tell(self, now_s: float) -> None:
        """Write how many lines there were of each flood that is over."""
        for held in self._throttle.over(now_s):
            setattr(held.last, MORE, held.times - 1)
            super().emit(held.last)

    def _set_timer(self) -> None:
        """See to it that a flood is told even if nothing else ever happens."""
        ends_s = self._throttle.next_end_s
        if self._timer is None and ends_s is not None:
            self._timer = threading.Timer(max(0.0, ends_s - self._clock()), self._ring)
            self._timer.daemon = True
            self._timer.start()

    def _ring(self) -> None:
        self.acquire()
        try:
            self._timer = None
            self._tell(self._clock())
            self._set_timer()
        finally:
            self.release()


def configure(role: str, snapshot: Snapshot | None = None) -> None:
    """Send this process's log to stderr, as a config wants it; None: before there is any. May be called again."""
    form, level, secrets = "human", "info", set[str]()
    if snapshot is not None:
        form, level = snapshot.server.log_format, snapshot.server.log_level
        secrets = {key.decode() for provider in snapshot.routing.providers() for key in provider.api_keys}
        secrets |= {snapshot.server.admin_token} if snapshot.server.admin_token else set()
    logging.basicConfig(level=LEVELS[level], handlers=[Handler(FORMATS[form](role, secrets))], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def begin(role: str | None = None) -> None:
    """Begin a process's log; what nobody catches becomes a line of it, too.

    `role`: by default what the command line says ("worker 0", "recorder").
    """
    configure(role or " ".join([Path(sys.argv[0]).stem, *sys.argv[1:]]))
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _uncaught(_: type[BaseException], error: BaseException | None, __: TracebackType | None) -> None:
    if error is None or isinstance(error, KeyboardInterrupt | SystemExit):
        return
    log.critical("a defect of Tollway ended this process or a thread of it, please report it", exc_info=error)
