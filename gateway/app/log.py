"""One line per event on stderr, the same shape from every process: time, level, role, message, key=value."""

import logging
import sys
import time
from pathlib import Path

_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s {role}: %(message)s"


class _OneLine(logging.Formatter):
    """Keep an event on one line, tracebacks included: what splits logs by line must not tear them."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", "\\n")


def configure(role: str | None = None, level: int = logging.INFO) -> None:
    """Send this process's log to stderr. `role`: by default what the command line says ("worker 0", "recorder")."""
    role = role or " ".join([Path(sys.argv[0]).stem, *sys.argv[1:]])
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine(_FORMAT.format(role=role.replace("%", "%%")), "%Y-%m-%dT%H:%M:%S"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # It reports every change in a watched folder; where our own log lies in one, each line would cause the next.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
