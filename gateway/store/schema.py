"""The tables of a day file, and how an exchange becomes rows of them."""

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any

import msgspec

from gateway.core.record import Record
from gateway.journal.reader import Finished
from gateway.store.bodies import pack
from gateway.store.interface import TotalKey

VERSION = 1
DAY_MS = 86_400_000
# Bodies are blobs of some kilobytes: with fewer and larger pages than the default of 4096 bytes a row costs half as
# much to write, and wastes less of the file.
PAGE_BYTES = 32_768

# What the day's exchanges were charged, by who held the money for them and of which balance. `amount`: all of it;
# `late`: the part of it that became known after the exchange.
CHARGES = """
CREATE TABLE IF NOT EXISTS charges (
    holder TEXT, series TEXT, start_s INTEGER, amount INTEGER NOT NULL, late INTEGER NOT NULL,
    PRIMARY KEY (holder, series, start_s)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS late_charges ON charges (late) WHERE late != 0;
"""

WATERMARKS = """
CREATE TABLE IF NOT EXISTS watermarks (segment TEXT PRIMARY KEY, offset INTEGER NOT NULL) WITHOUT ROWID;
"""
TOTALS = """
CREATE TABLE IF NOT EXISTS totals (
    metric TEXT NOT NULL, labels TEXT NOT NULL, part TEXT NOT NULL, value INTEGER NOT NULL,
    PRIMARY KEY (metric, labels, part)
) WITHOUT ROWID;
"""

# How many exchanges retention has removed: a metric that no record moves. Its label says what of them.
REMOVED = "tollway_retention_removed"
# Names a file, whatever it is called: a day may get another one after its first was folded into the sums.
FILE = "file"

# `exchanges` is narrow, since filters and sums scan it; what is shown of one exchange stands in `contents`.
# seq grows over all files and restarts (it begins at the clock's microseconds), so that a follower needs one number.
SCHEMA = (
    """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS exchanges (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    team TEXT NOT NULL, key TEXT NOT NULL, user TEXT, session TEXT,
    provider TEXT, model_requested TEXT, model_served TEXT,
    status INTEGER, outcome TEXT,
    cost_nano_usd INTEGER NOT NULL, input_total INTEGER NOT NULL, output_total INTEGER NOT NULL,
    duration_us INTEGER
);
CREATE TABLE IF NOT EXISTS contents (
    seq INTEGER PRIMARY KEY,
    record BLOB NOT NULL,
    codec INTEGER, request_kept INTEGER, response_kept INTEGER, layout TEXT, bodies BLOB
);
CREATE TABLE IF NOT EXISTS removed (
    team TEXT PRIMARY KEY, rows INTEGER NOT NULL, bodies INTEGER NOT NULL
) WITHOUT ROWID;
"""
    + WATERMARKS
    + TOTALS
    + CHARGES
)

# With bodies, team and duration of each exchange, for whoever goes through them in the order in which they were stored.
WHOSE = "contents JOIN exchanges USING (seq)"

COLUMNS = (
    "seq", "id", "team", "key", "user", "session", "provider", "model_requested", "model_served", "status", "outcome",
    "cost_nano_usd", "input_total", "output_total", "duration_us",
)  # fmt: skip
# What stays of `contents` without the bodies.
BARE = ("seq", "record", "request_kept", "response_kept")
CONTENTS = ("record", "codec", "request_kept", "response_kept", "layout", "bodies")

INSERT_META = "INSERT OR IGNORE INTO meta VALUES (?, ?)"
SELECT_META = "SELECT value FROM meta WHERE name = ?"
REPLACE_META = "REPLACE INTO meta VALUES (?, ?)"
INSERT_EXCHANGE = "INSERT INTO exchanges VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
INSERT_CONTENTS = "INSERT INTO contents VALUES (?,?,?,?,?,?,?)"
UPDATE_EXCHANGE = """UPDATE exchanges SET id=?2, team=?3, key=?4, user=?5, session=?6, provider=?7, model_requested=?8,
    model_served=?9, status=?10, outcome=?11, cost_nano_usd=?12, input_total=?13, output_total=?14, duration_us=?15
    WHERE seq=?1"""
REPLACE_CONTENTS = INSERT_CONTENTS.replace("INSERT", "REPLACE")
SELECT_CONTENTS = """SELECT seq, record, codec, request_kept, response_kept, layout, bodies
    FROM exchanges JOIN contents USING (seq) WHERE id = ?"""
SELECT_BETWEEN = SELECT_CONTENTS.replace("id = ?", "id BETWEEN ? AND ? LIMIT 2")
ADD_CHARGE = """INSERT INTO charges VALUES (?,?,?,?,?)
    ON CONFLICT (holder, series, start_s) DO UPDATE
    SET amount = amount + excluded.amount, late = late + excluded.late"""
ADD_REMOVED = """INSERT INTO removed {}
    ON CONFLICT (team) DO UPDATE SET rows = rows + excluded.rows, bodies = bodies + excluded.bodies"""
SPENT = "SELECT series, start_s, amount - late FROM charges WHERE holder = ?"
# Step by step from one holder to the next: there are few of them, and many balances of each.
HOLDERS = """WITH RECURSIVE each (holder) AS (
    SELECT min(holder) FROM charges
    UNION ALL SELECT (SELECT min(holder) FROM charges WHERE holder > each.holder) FROM each WHERE holder IS NOT NULL
) SELECT holder FROM each WHERE holder IS NOT NULL"""
LATE = "SELECT holder, series, start_s, late FROM charges WHERE late != 0"
ADD_TOTAL = """INSERT INTO totals VALUES (?,?,?,?)
    ON CONFLICT (metric, labels, part) DO UPDATE SET value = value + excluded.value"""
SELECT_TOTALS = "SELECT metric, labels, part, value FROM totals"
# Add the sums of a file that is attached as `day`.
FOLD = (
    """INSERT INTO main.totals SELECT * FROM day.totals WHERE true
    ON CONFLICT (metric, labels, part) DO UPDATE SET value = value + excluded.value""",
    """INSERT INTO main.charges SELECT * FROM day.charges WHERE true
    ON CONFLICT (holder, series, start_s) DO UPDATE
    SET amount = amount + excluded.amount, late = late + excluded.late""",
)


_labels = msgspec.json.Decoder(tuple[str, ...])
_columns = attrgetter(
    "team", "key", "user", "session", "provider", "model_requested", "model_served", "status", "outcome",
    "cost_nano_usd",
)  # fmt: skip


def exchange_row(seq: int, key: bytes, record: Record) -> tuple[object, ...]:
    """Lay out the row of `exchanges`."""
    usage = record.usage
    duration_ms = record.duration_ms
    return (
        seq,
        key,
        *_columns(record),
        usage.input_total if usage else 0,
        usage.output_total if usage else 0,
        None if duration_ms is None else round(duration_ms * 1000),
    )


def contents_row(seq: int, finished: Finished) -> tuple[object, ...]:
    """Lay out the row of `contents`."""
    return (seq, finished.meta, *pack(finished.request, finished.response))


def total_rows(totals: Mapping[TotalKey, int]) -> list[tuple[str, str, str, int]]:
    """Lay out rows of `totals`; what does not move needs none."""
    return [
        (metric, msgspec.json.encode(labels).decode(), part, value)
        for (metric, labels, part), value in totals.items()
        if value
    ]


def totals_of(rows: Iterable[tuple[Any, ...]]) -> dict[TotalKey, int]:
    """Read rows of `totals`."""
    decode = _labels.decode
    return {(metric, decode(labels), part): value for metric, labels, part, value in rows}


def day_number(key: bytes) -> int:
    """Return the day since the epoch to whose file an id belongs."""
    return int.from_bytes(key[:6]) // DAY_MS


def row_bytes(row: tuple[Any, ...]) -> int:
    """Say about how much a row of `contents` takes in the file, its row of `exchanges` included."""
    return 200 + len(row[1]) + len(row[-1] or b"")
