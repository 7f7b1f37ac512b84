"""The tables of a day file, and how an exchange becomes rows of them."""

from operator import attrgetter
from typing import Any

from gateway.core.record import Record
from gateway.journal.reader import Finished
from gateway.store.bodies import pack

VERSION = 1
DAY_MS = 86_400_000

# What the day's exchanges were charged, by who held the money for them and of which balance. `amount`: all of it;
# `late`: the part of it that became known after the exchange.
CHARGES = """
CREATE TABLE IF NOT EXISTS charges (
    holder TEXT, series TEXT, start_s INTEGER, amount INTEGER NOT NULL, late INTEGER NOT NULL,
    PRIMARY KEY (holder, series, start_s)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS late_charges ON charges (late) WHERE late != 0;
"""

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
CREATE TABLE IF NOT EXISTS watermarks (segment TEXT PRIMARY KEY, offset INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS totals (
    metric TEXT NOT NULL, labels TEXT NOT NULL, part TEXT NOT NULL, value INTEGER NOT NULL,
    PRIMARY KEY (metric, labels, part)
) WITHOUT ROWID;
"""
    + CHARGES
)

COLUMNS = (
    "seq", "id", "team", "key", "user", "session", "provider", "model_requested", "model_served", "status", "outcome",
    "cost_nano_usd", "input_total", "output_total", "duration_us",
)  # fmt: skip
CONTENTS = ("record", "codec", "request_kept", "response_kept", "layout", "bodies")

INSERT_VERSION = "INSERT OR IGNORE INTO meta VALUES ('schema_version', ?)"
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
SPENT = "SELECT series, start_s, amount - late FROM charges WHERE holder = ?"
# Step by step from one holder to the next: there are few of them, and many balances of each.
HOLDERS = """WITH RECURSIVE each (holder) AS (
    SELECT min(holder) FROM charges
    UNION ALL SELECT (SELECT min(holder) FROM charges WHERE holder > each.holder) FROM each WHERE holder IS NOT NULL
) SELECT holder FROM each WHERE holder IS NOT NULL"""
LATE = "SELECT holder, series, start_s, late FROM charges WHERE late != 0"
ADD_TOTAL = """INSERT INTO totals VALUES (?,?,?,?)
    ON CONFLICT (metric, labels, part) DO UPDATE SET value = value + excluded.value"""


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


def day_number(key: bytes) -> int:
    """Return the day since the epoch to whose file an id belongs."""
    return int.from_bytes(key[:6]) // DAY_MS


def row_bytes(row: tuple[Any, ...]) -> int:
    """Say about how much a row of `contents` takes in the file, its row of `exchanges` included."""
    return 200 + len(row[1]) + len(row[-1] or b"")
