"""The ledger as an audit compares it with the log: read before the log and after it, since a gateway may run."""

import sqlite3
import time
from pathlib import Path

from gateway.audit.charges import Ledgers, Sums, compare
from gateway.audit.findings import Findings
from gateway.cli.options import load
from gateway.config import compile
from gateway.ledger.file import Kept
from gateway.ledger.lease import Place, unasked_over_s
from gateway.ledger.view import look
from gateway.policies.standing import owner_of, owners
from gateway.store.interface import Query


class LedgerBooks:
    """Made before the log is read. A ledger that cannot be read is a difference."""

    def __init__(self, config: Path | None, wanted: Query) -> None:
        found = load(config)
        self._path = found.data_dir / "ledger.db"
        self._owners = owners(compile.budgets(found))
        self._wanted = wanted
        self._failed = ""
        self._before = self._look()

    def compare(self, sums: Sums, found: Findings, gone_until_s: int = 0) -> None:
        """Compare it with what the log has charged. `gone_until_s`: up to then rows of it may have been removed."""
        wanted = self._wanted
        if wanted.since_ms is not None or wanted.until_ms is not None:
            if self._before is None or self._before.balances:
                found.skip("ledger", "of the log only a part was asked for (--since, --until)")
            return
        found.look_at("ledger")
        before, after = self._before, self._look()
        if before is None or after is None:
            found.expect("file", "readable", self._failed, None)
            return
        compare(sums, Ledgers(before, after, self._is_over, gone_until_s), found, wanted.team)

    def _look(self) -> Kept | None:
        try:
            return look(self._path)
        except sqlite3.Error as error:
            self._failed = str(error)
            return None

    def _is_over(self, place: Place) -> bool:
        owner = owner_of(self._owners, place.series)
        return (unasked_over_s(place) if owner is None else owner.over_s(place.start_s)) <= time.time()
