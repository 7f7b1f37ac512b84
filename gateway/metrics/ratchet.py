"""How do the counters of one process go on where those of the process before it ended?

Nothing is shown that does not stand in a small file first: so the next one begins at what any scrape has seen.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from gateway.metrics.debts import TotalKey

_log = logging.getLogger(__name__)
_decode = msgspec.json.Decoder(list[tuple[str, tuple[str, ...], str, int]]).decode
_encode = msgspec.json.Encoder().encode


class Ratchet:
    """The counters kept in `path`. One thread at a time uses it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = _read(path)
        self._written = dict(self._before)

    def shown(self, counted: Mapping[TotalKey, int]) -> dict[TotalKey, int]:
        """Add what this process has counted to what those before it had; return it once that is written down.

        Where it cannot be (a full disk) what was written last is returned: it stands still, and does not fall.
        """
        totals = dict(self._before)
        for key, count in counted.items():
            totals[key] = self._before.get(key, 0) + count
        if totals != self._written:
            try:
                _write(self._path, totals)
            except OSError as error:
                _log.warning("counters stand still until %s can be written again error=%r", self._path, str(error))
                return {**dict.fromkeys(totals, 0), **self._written}
            self._written = totals
        return totals


def _read(path: Path) -> dict[TotalKey, int]:
    try:
        return {(name, labels, part): value for name, labels, part, value in _decode(path.read_bytes())}
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        _log.error("%s cannot be read, so the counters in it begin at 0 error=%r", path, str(error))
        return {}


def _write(path: Path, totals: Mapping[TotalKey, int]) -> None:
    """Replace the file: who reads it finds the old one or the new one, never half of one."""
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(_encode([(*key, value) for key, value in totals.items()]))
    fresh.replace(path)
