"""Where does the authority write down what it has granted? A small SQLite file; a commit has reached the disk.

Everything in it is absolute, so that a commit that is tried again changes nothing. The one exception is the trail of
what people did, whose rows are numbered by who writes them and can be neither changed nor, for a long time, removed.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateway.ledger.lease import MOST, Balance, Lease, Place

VERSION = 1
LOCK_WAIT_S = 0.25

# So long the trail of what people did stays; what was noted of itself, with every balance, not as long.
TRAIL_KEPT_S = 400 * 86_400
THRESHOLDS_KEPT_S = 30 * 86_400
_KEPT_S = f"(CASE what WHEN 'threshold' THEN {THRESHOLDS_KEPT_S} ELSE {TRAIL_KEPT_S} END)"

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS balances (
    series TEXT, start_s INTEGER, over_s INTEGER NOT NULL, spent INTEGER NOT NULL, corrected INTEGER NOT NULL,
    PRIMARY KEY (series, start_s)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases (
    series TEXT, start_s INTEGER, holder TEXT,
    granted INTEGER NOT NULL, number INTEGER NOT NULL, added INTEGER NOT NULL, settled INTEGER NOT NULL,
    PRIMARY KEY (series, start_s, holder)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS late (
    series TEXT, start_s INTEGER, holder TEXT, amount INTEGER NOT NULL,
    PRIMARY KEY (series, start_s, holder)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gone (holder TEXT PRIMARY KEY, at_s INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS thresholds (
    series TEXT, start_s INTEGER, percents TEXT NOT NULL, over_s INTEGER NOT NULL,
    PRIMARY KEY (series, start_s)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bars (
    model TEXT PRIMARY KEY, at_s INTEGER NOT NULL, exchange TEXT NOT NULL,
    cost_nano_usd INTEGER NOT NULL, bound_nano_usd INTEGER NOT NULL, acknowledged_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS raises (
    id INTEGER PRIMARY KEY, series TEXT NOT NULL, amount INTEGER NOT NULL, until_s INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS trail (
    id INTEGER PRIMARY KEY, at_s INTEGER NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL, what TEXT NOT NULL,
    series TEXT NOT NULL, start_s INTEGER, amount INTEGER NOT NULL, until_s INTEGER
);
CREATE TRIGGER IF NOT EXISTS trail_stays BEFORE DELETE ON trail
    WHEN old.at_s >= unixepoch() - {_KEPT_S.replace("what", "old.what")}
    BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END;
CREATE TRIGGER IF NOT EXISTS trail_stands BEFORE UPDATE ON trail
    BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END;
INSERT OR IGNORE INTO meta VALUES ('schema_version', '1');
COMMIT;
"""  # noqa: S608 numbers of ours


# What a commit does, in this order: the part of the batch, how many columns its rows have, and the statement. All rows
# of a part come as one JSON array: SQLite gives the interpreter's lock away with each step, and a commit would wait for
# it, and whatever else this process computes, as often as it has rows.
_WRITES = (
    ("places", 2, "DELETE FROM leases WHERE (series, start_s) IN ({})"),
    ("places", 2, "DELETE FROM late WHERE (series, start_s) IN ({})"),
    ("forgotten_places", 2, "DELETE FROM balances WHERE (series, start_s) IN ({})"),
    ("balances", 5, "REPLACE INTO balances {}"),
    ("leases", 7, "INSERT INTO leases {}"),
    ("late", 4, "INSERT INTO late {}"),
    ("gone", 2, "REPLACE INTO gone {}"),
    ("forgotten", 1, "DELETE FROM gone WHERE holder IN ({})"),
    ("raises", 4, "REPLACE INTO raises {}"),
    ("unpassed", 2, "DELETE FROM thresholds WHERE (series, start_s) IN ({})"),
    ("passed", 4, "REPLACE INTO thresholds {}"),
    ("bars", 6, "REPLACE INTO bars {}"),
    ("deeds", 9, "INSERT OR IGNORE INTO trail {}"),
    ("stale", 1, f"DELETE FROM raises WHERE until_s < ({{}}) - {TRAIL_KEPT_S}"),  # noqa: S608 numbers of ours
    # By the file's clock, too, as its trigger: what that refuses would hold up everything else.
    (
        "stale",
        1,
        f"DELETE FROM trail WHERE at_s < min(({{}}), unixepoch()) - {_KEPT_S} AND id NOT IN (SELECT id FROM raises)",  # noqa: S608
    ),
)
_TRAIL = """
SELECT * FROM trail
WHERE id < :before AND (
    :budget IN ('', series) OR substr(series, 1, length(:budget) + 1) IN (:budget || '#', :budget || '?')
)
ORDER BY id DESC LIMIT :most
"""
_DEEDS = "SELECT * FROM trail WHERE id IN (SELECT value FROM json_each(?))"
_LAST_ID = "SELECT max(coalesce((SELECT max(id) FROM raises), 0), coalesce((SELECT max(id) FROM trail), 0))"


class LedgerRefused(Exception):
    """The file cannot be used, and trying again changes nothing: the text says what to do."""


class Raise(NamedTuple):
    """So much more than the config says may be spent of a series, before `until_s`.

    The series may be that of all balances which a budget is parted into (`search/loop?`): of each of them, then.
    """

    id: int
    series: str
    amount: int
    until_s: int


class Passed(NamedTuple):
    """The thresholds that a balance has passed, in per cent of its limit; told no more once it is over."""

    percents: tuple[int, ...]
    over_s: int


class Bar(NamedTuple):
    """A model (`provider/model`) that strict budgets refuse, since when, and what cost more than its bound.

    `acknowledged_ms`: when somebody has seen to it; 0: nobody has yet.
    """

    model: str
    at_s: int
    exchange: str
    cost_nano_usd: int
    bound_nano_usd: int
    acknowledged_ms: int


class By(NamedTuple):
    """Who does something to a budget, and why."""

    who: str
    why: str


class Deed(msgspec.Struct, array_like=True, frozen=True):
    """What somebody did to a budget. `what`: raise | end | reset | correct, or threshold: so much of it is spent.

    Or to a model, bar | acknowledge: `series` then is `model:` and its name, `amount` what it cost beyond its bound.

    `start_s`: of which balance, None: of all. A raise has the id of its deed. `end` is the end of a raise before its
    time.
    """

    id: int
    at_s: int
    who: str
    why: str
    what: str
    series: str
    start_s: int | None
    amount: int
    until_s: int | None = None


class Batch:
    """What the next commit writes, as rows: it is filled by one thread and written by another."""

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.forgotten_places: list[Place] = []
        self.balances: list[tuple[object, ...]] = []
        self.leases: list[tuple[object, ...]] = []
        self.late: list[tuple[object, ...]] = []
        self.gone: list[tuple[str, int]] = []
        self.forgotten: list[tuple[str]] = []
        self.raises: list[Raise] = []
        self.unpassed: list[Place] = []
        self.passed: list[tuple[str, int, str, int]] = []
        self.bars: list[Bar] = []
        self.deeds: list[Deed] = []
        self.stale: list[tuple[int]] = []  # the time that it is

    def __bool__(self) -> bool:
        return any(getattr(self, part) for part, _, _ in _WRITES)

    def add(self, place: Place, balance: Balance | None) -> None:
        """Write a balance as it is now; None: it is gone."""
        self.places.append(place)
        if balance is None:
            self.forgotten_places.append(place)
        else:
            self.balances.append((*place, balance.over_s, balance.spent, balance.corrected))
            for holder, lease in balance.leases.items():
                self.leases.append((*place, holder, lease.granted, lease.number, lease.added, lease.settled))
            self.late += [(*place, holder, amount) for holder, amount in balance.late.items()]


class Kept(NamedTuple):
    """What a file holds when it is opened. `free_id`: above that of every raise and deed. `passed`: thresholds.

    `bars`: those that are acknowledged, too.
    """

    balances: list[tuple[Place, Balance]]
    gone: dict[str, int]
    raises: list[Raise]
    free_id: int
    passed: dict[Place, Passed]
    bars: tuple[Bar, ...] = ()


class LedgerFile:
    """The file, open for its only writer, used by one thread at a time.

    Raises LedgerRefused; sqlite3.OperationalError where trying again may help (locked, disk full, no such folder).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sql = sqlite3.connect(path, isolation_level=None, timeout=LOCK_WAIT_S, check_same_thread=False)
        try:
            self._prepare()
        except BaseException as error:
            self._sql.close()
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
                raise LedgerRefused(_damaged(path, str(error))) from error
            raise

    def load(self) -> Kept:
        """Read everything that the authority goes on from."""
        return kept_in(self._sql)

    def write(self, batch: Batch) -> None:
        """Write a batch; when this returns, it is on the disk. Again: nothing changes."""
        sql = self._sql
        sql.execute("BEGIN IMMEDIATE")
        try:
            for part, columns, statement in _WRITES:
                if rows := getattr(batch, part):
                    sql.execute(statement.format(_select(columns)), (msgspec.json.encode(rows).decode(),))
            sql.execute("COMMIT")
        except BaseException:
            if sql.in_transaction:
                sql.execute("ROLLBACK")
            raise

    def trail(self, most: int, budget: str = "", before: int = MOST) -> list[Deed]:
        """Return the latest deeds with an id below `before`, newest first; of one budget where it is named."""
        asked = {"most": most, "budget": budget, "before": before}
        return [Deed(*row) for row in self._sql.execute(_TRAIL, asked)]

    def deeds(self, ids: Sequence[int]) -> dict[int, Deed]:
        """Return these deeds, by id."""
        rows = self._sql.execute(_DEEDS, (msgspec.json.encode(ids).decode(),))
        return {row[0]: Deed(*row) for row in rows}

    def close(self) -> None:
        """Close the file."""
        self._sql.close()

    def _prepare(self) -> None:
        sql = self._sql
        sql.execute("PRAGMA journal_mode=WAL")
        sql.execute("PRAGMA synchronous=FULL")
        is_new = not sql.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'meta'").fetchone()[0]
        (found,) = sql.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise LedgerRefused(_damaged(self._path, found))
        if not is_new:
            self._refuse_newer()
        sql.executescript(_SCHEMA)

    def _refuse_newer(self) -> None:
        (version,) = self._sql.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchone()
        if int(version) > VERSION:
            raise LedgerRefused(
                f"{self._path} was written by a newer release (schema {version}, this one reads up to {VERSION}): "
                "run `pip install --upgrade tollway`, or move the file away to begin with empty books"
            )


def kept_in(sql: sqlite3.Connection) -> Kept:
    """Read everything that stands in a ledger's file."""
    leases: defaultdict[Place, dict[str, Lease]] = defaultdict(dict)
    for series, start_s, holder, *lease in sql.execute("SELECT * FROM leases"):
        leases[Place(series, start_s)][holder] = Lease(*lease)
    late: defaultdict[Place, dict[str, int]] = defaultdict(dict)
    for series, start_s, holder, amount in sql.execute("SELECT * FROM late"):
        late[Place(series, start_s)][holder] = amount
    balances = []
    for series, start_s, over_s, spent, corrected in sql.execute("SELECT * FROM balances"):
        place = Place(series, start_s)
        balances.append((place, Balance(spent, corrected, over_s, leases[place], late[place])))
    (last,) = sql.execute(_LAST_ID).fetchone()
    gone = dict(sql.execute("SELECT holder, at_s FROM gone").fetchall())
    raises = [Raise(*row) for row in sql.execute("SELECT * FROM raises")]
    passed = {
        Place(series, start_s): Passed(tuple(msgspec.json.decode(percents)), over_s)
        for series, start_s, percents, over_s in sql.execute("SELECT * FROM thresholds")
    }
    bars = tuple(Bar(*row) for row in sql.execute("SELECT * FROM bars"))
    return Kept(balances, gone, raises, last + 1, passed, bars)


def _select(columns: int) -> str:
    values = ", ".join(f"json_extract(value, '$[{at}]')" for at in range(columns))
    return f"SELECT {values} FROM json_each(?)"  # noqa: S608 only numbers


def _damaged(path: Path, error: str) -> str:
    error = " ".join(error.split())
    return (
        f"{path} is damaged ({error}): put back a copy, or move it away together with {path.name}-wal to begin with "
        "empty books"
    )
