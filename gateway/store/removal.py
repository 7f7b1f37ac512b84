"""Taking what is due out of a day file, and giving its room back: step by step, each a short transaction."""

import time
from typing import NamedTuple

import msgspec

from gateway.policies.retention import Due
from gateway.store import schema, texts
from gateway.store.bodies import REMOVED, unpack
from gateway.store.dayfile import DayFile
from gateway.store.interface import TotalKey

# A step is made as large as fits into this: nothing else is recorded meanwhile.
STEP_S = 0.01
ROWS_FIRST, ROWS_MOST = 100, 1_000
BYTES_MOST = 4 * 1024 * 1024
PAGES_FIRST, PAGES_MOST = 8, 256
AT_ONCE = 10_000
# Of an exchange that nobody ended it is not known how long it took.
_UNENDED_US = schema.DAY_MS * 1000

# What is looked at in this step. `gone`: the whole exchange is removed; `bare`: only its bodies. `total`: bytes so far.
_PREPARE = (
    "PRAGMA temp_store=MEMORY",
    "PRAGMA secure_delete=FAST",  # what was removed cannot be read in the file any more
    """CREATE TEMP TABLE IF NOT EXISTS stretch (
        seq INTEGER PRIMARY KEY, id BLOB NOT NULL, team TEXT NOT NULL,
        due INTEGER NOT NULL, gone INTEGER NOT NULL, bare INTEGER NOT NULL, total INTEGER NOT NULL
    )""",
    f"CREATE TEMP TABLE IF NOT EXISTS kept AS SELECT {', '.join(schema.BARE)} FROM contents WHERE 0",  # noqa: S608
    "DELETE FROM stretch",
    "DELETE FROM kept",
)
_IS_OF = "((team IN (SELECT value FROM json_each(:{0}))) != :{0}_others)"
_LOOK = f"""WITH some AS (
    SELECT contents.seq AS seq, id, team, duration_us, codec, coalesce(length(contents.bodies), 0) AS bytes
    FROM {schema.WHOSE}
    WHERE contents.seq > :after AND contents.seq < :below ORDER BY contents.seq LIMIT :most
), judged AS (
    SELECT *, {_IS_OF.format("rows")} AS due,
        coalesce(duration_us, {_UNENDED_US}) > :duration_us
        OR hex(id) IN (SELECT value FROM json_each(:spared)) AS stays
    FROM some
)
INSERT INTO stretch SELECT seq, id, team, due, due AND NOT stays,
    {_IS_OF.format("bodies")} AND NOT (due AND NOT stays) AND coalesce(codec, {REMOVED}) != {REMOVED},
    sum(bytes) OVER (ORDER BY seq)
FROM judged"""  # noqa: S608 words of ours
_CUT = "DELETE FROM stretch WHERE total > ? AND seq > (SELECT min(seq) FROM stretch)"
_SEEN = "SELECT max(seq), max(total), min(CASE WHEN due AND NOT gone THEN seq END), sum(gone), sum(bare) FROM stretch"
_REMOVE = (
    schema.ADD_REMOVED.format("SELECT team, sum(gone), sum(bare) FROM stretch WHERE gone OR bare GROUP BY team"),
    "DELETE FROM exchanges WHERE id IN (SELECT id FROM stretch WHERE gone)",
    # Taken out and put back: an update would leave every page as empty as the body has left it.
    f"""INSERT INTO kept SELECT {", ".join(schema.BARE)} FROM contents
    WHERE seq IN (SELECT seq FROM stretch WHERE bare) ORDER BY seq""",  # noqa: S608 names of ours
    "DELETE FROM contents WHERE seq IN (SELECT seq FROM stretch WHERE gone OR bare)",
    f"""INSERT INTO contents ({", ".join(schema.BARE)}, codec)
    SELECT {", ".join(schema.BARE)}, {REMOVED} FROM kept ORDER BY seq""",  # noqa: S608
)
_LONGEST = f"""SELECT max(id), max(seq), max(coalesce(duration_us, {_UNENDED_US}))
    FROM (SELECT id, seq, duration_us FROM exchanges WHERE id > ? ORDER BY id LIMIT ?)"""  # noqa: S608 a number
_INDEXED = """SELECT seq, codec, request_kept, response_kept, layout, bodies
    FROM contents WHERE seq IN (SELECT seq FROM stretch WHERE gone OR bare)"""
# What was removed already, so that it is not looked for again: JSON of what was due, and up to which row.
_SWEPT = "swept"


class Stay(NamedTuple):
    """What stays, whatever is due, since it may come again from the journal, or be amended.

    Rows from number `below` on, those of exchanges that took longer than `duration_us`, the ids that are `spared`; of
    evaluations those that were made from `before_us` on.
    """

    below: int
    duration_us: int
    spared: tuple[bytes, ...] = ()
    before_us: int = 0


class Removed(NamedTuple):
    """What a step has removed: whole exchanges, and bodies of exchanges that stay."""

    rows: int = 0
    bodies: int = 0


class Pace:
    """How much a step takes on: what fits into STEP_S, going by the last one."""

    def __init__(self, first: int, most: int) -> None:
        self.amount = first
        self.longest_s = 0.0
        self._most = most
        self._began_s = 0.0

    def begin(self) -> None:
        """A step begins."""
        self._began_s = time.perf_counter()

    def end(self) -> None:
        """It is over."""
        took_s = max(time.perf_counter() - self._began_s, 1e-6)
        self.longest_s = max(self.longest_s, took_s)
        self.amount = max(1, min(self._most, 2 * self.amount, int(self.amount * STEP_S / took_s)))


class Sweep:
    """Removes what is due of one day, from where the last sweep for the same ended."""

    def __init__(self, due: Due, stay: Stay) -> None:
        self._due = due
        self._asked = _asked(due, stay)
        self._after: int | None = None
        self._left: int | None = None

    def step(self, file: DayFile, rows: Pace) -> Removed | None:
        """Look at the next rows, in one transaction, and say what was removed; None: that was all."""
        sql = file.sql
        if self._after is None:
            self._after = swept_to(file, self._due)
        rows.begin()
        for prepare in _PREPARE:
            sql.execute(prepare)
        # Before the transaction: what is read from the disk here holds up nobody who writes.
        sql.execute(_LOOK, self._asked | {"after": self._after, "most": rows.amount})
        sql.execute(_CUT, (BYTES_MOST,))
        last, freed_bytes, left, gone, bare = sql.execute(_SEEN).fetchone()
        if last is None:
            return None
        removed = Removed(gone, bare)
        with file.transaction():
            if any(removed):
                _remove(file, removed)
                file.written_bytes += freed_bytes
            self._after = last
            self._left = left if self._left is None else self._left
            marked = (self._due, last if self._left is None else self._left - 1)
            sql.execute(schema.REPLACE_META, (_SWEPT, msgspec.json.encode(marked).decode()))
        rows.end()
        return removed


def swept_to(file: DayFile, due: Due) -> int:
    """Return up to which row nothing is left of what is due now."""
    for (text,) in file.sql.execute(schema.SELECT_META, (_SWEPT,)):
        was_due, to = msgspec.json.decode(text, type=tuple[Due, int])
        if was_due == due:
            return to
    return 0


def shrink(file: DayFile, pages: Pace) -> bool:
    """Give some free pages back to the disk; False: there are none."""
    if not file.sql.execute("PRAGMA freelist_count").fetchone()[0]:
        return False
    pages.begin()
    # A script runs to its end; otherwise it stops behind each page, with a row of nothing.
    file.sql.executescript(f"PRAGMA incremental_vacuum({pages.amount})")
    pages.end()
    file.unsynced = True
    file.written_bytes += pages.amount * schema.PAGE_BYTES
    return True


def last_of(file: DayFile, after: bytes) -> tuple[bytes | None, int, int]:
    """Look at the next exchanges by id: the last id (None: there are no more), the highest number, the longest time."""
    found = file.sql.execute(_LONGEST, (after, AT_ONCE)).fetchone()
    return found[0], found[1] or 0, found[2] or 0


def is_empty(file: DayFile) -> bool:
    """Whether no exchange is left, and no evaluation."""
    tables = ("exchanges", "evaluations")
    return all(file.sql.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is None for table in tables)  # noqa: S608 ours


def _asked(due: Due, stay: Stay) -> dict[str, object]:
    asked: dict[str, object] = {
        "below": stay.below,
        "duration_us": stay.duration_us,
        "spared": msgspec.json.encode([key.hex().upper() for key in stay.spared]).decode(),
    }
    for name, teams in zip(Due._fields, due, strict=True):
        asked[name] = msgspec.json.encode(teams.names).decode()
        asked[f"{name}_others"] = teams.others
    return asked


def _remove(file: DayFile, removed: Removed) -> None:
    if file.has_index:
        said = [(seq, texts.said(*unpack(tuple(packed)))) for seq, *packed in file.sql.execute(_INDEXED)]
        file.sql.executemany(texts.FORGET, said)
    for statement in _REMOVE:
        file.sql.execute(statement)
    file.sql.executemany(schema.ADD_TOTAL, schema.total_rows(counted(removed)))


def counted(removed: Removed) -> dict[TotalKey, int]:
    """Return how the totals move by what was removed."""
    return {(schema.REMOVED, (what,), ""): count for what, count in removed._asdict().items() if count}
