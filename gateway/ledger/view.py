"""What stands in a ledger's file now? For whoever only looks, beside the authority that writes it."""

import contextlib
import sqlite3
from pathlib import Path
from urllib.parse import quote

from gateway.ledger.file import Kept, kept_in

LOCK_WAIT_S = 5.0


def look(path: Path) -> Kept:
    """Read it as it is at one instant; where there is none, nothing was ever granted. Raises sqlite3.Error."""
    if not path.exists():
        return Kept([], {}, [], 1, {})
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None, timeout=LOCK_WAIT_S
    )
    with contextlib.closing(connection) as sql:
        sql.execute("BEGIN")
        return kept_in(sql)
