"""The tables of a day file, and how an exchange becomes rows of them. docs/store.md explains them."""

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from gateway.core.record import Record
from gateway.journal.reader import Finished
from gateway.store import score_schema
from gateway.store.bodies import pack
from gateway.store.interface import TotalKey

VERSION = 4
HOUR_S = 3_600
DAY_S = 86_400
DAY_MS = 86_400_000
# Bodies are blobs of some kilobytes: with fewer and larger pages than the default of 4096 bytes a row costs half as
# much to write, and wastes less of the file.
PAGE_BYTES = 32_768

# Beside the day files: the sums of days whose files are gone, in the same tables, and which files these were.
ROLLUPS_FILE = "rollups.db"

# What sums count, in the order in which they stand in every table of them. `timed`: of how many the duration is known.
MEASURES = (
    "requests", "failures", "input_tokens", "output_tokens", "cached_tokens", "cost_nano_usd", "duration_us", "timed",
)  # fmt: skip
# Upper edges of the durations' histogram, those of tollway_request_duration_seconds; None: without an end.
EDGES_MS: tuple[int | None, ...] = (
    50, 100, 250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, None,
)  # fmt: skip
BUCKETS = tuple("ms_more" if edge is None else f"ms_{edge}" for edge in EDGES_MS)

# What many exchanges have in common stands once, under a number: rows stay narrow, filters compare numbers.
# None of it is ever NULL, so that a unique index works; "" is what was not said.
KIND = (
    "team", "key", "provider", "model_requested", "model_served", "route", "endpoint", "outcome", "status",
    "usage_source",
)  # fmt: skip
CLAIM = (
    "team", "key", "user", "session", "agent", "client", "user_source", "session_source", "agent_source",
)  # fmt: skip
TAG = ("tag", "team", "key")
# Of names that callers make up, so many have numbers and sums of their own in a day; all others share this one.
OTHER = "other"


def _columns(names: Iterable[str], kind: str) -> str:
    return ", ".join(f"{name} {'INTEGER NOT NULL' if name == 'status' else kind}" for name in names)


META = "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
# Sums over the rows, moved in the same transaction. `rollups`: by hour and by day (step_s: 3600, 86400) and kind.
# `claims` and `tags`: by day. The same tables hold the sums of days whose rows are gone, in rollups.db.
SUMS = f"""
CREATE TABLE IF NOT EXISTS kinds (
    kind INTEGER PRIMARY KEY, {_columns(KIND, "TEXT NOT NULL")},
    UNIQUE ({", ".join(KIND)})
);
CREATE TABLE IF NOT EXISTS rollups (
    step_s INTEGER NOT NULL, start_s INTEGER NOT NULL, kind INTEGER NOT NULL,
    {_columns(MEASURES + BUCKETS, "INTEGER NOT NULL")},
    PRIMARY KEY (step_s, start_s, kind)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (
    claim INTEGER PRIMARY KEY, start_s INTEGER NOT NULL, {_columns(CLAIM, "TEXT NOT NULL")},
    first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, {_columns(MEASURES, "INTEGER NOT NULL")},
    UNIQUE (session, user, agent, client, team, key, user_source, session_source, agent_source, start_s)
);
CREATE TABLE IF NOT EXISTS tags (
    start_s INTEGER NOT NULL, {_columns(TAG, "TEXT NOT NULL")},
    first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, {_columns(MEASURES, "INTEGER NOT NULL")},
    PRIMARY KEY (tag, team, key, start_s)
) WITHOUT ROWID;
"""

# What the day's exchanges were charged, by who held the money for them and of which balance. `amount`: all of it;
# `late`: the part of it that became known after the exchange.
CHARGES = """
CREATE TABLE IF NOT EXISTS charges (
    holder TEXT, series TEXT, start_s INTEGER, amount INTEGER NOT NULL, late INTEGER NOT NULL,
    PRIMARY KEY (holder, series, start_s)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS late_charges ON charges (late) WHERE late != 0;
"""

# The most that any exchange of a minute came to: where nothing is so dear, large or slow as is asked for, no row is
# looked at. It is never lowered; what is removed or amended leaves it too high, which only costs a look.
PEAK = ("cost_nano_usd", "tokens", "duration_us")
PEAK_S = 60
PEAKS = f"""
CREATE TABLE IF NOT EXISTS peaks (start_s INTEGER PRIMARY KEY, {_columns(PEAK, "INTEGER NOT NULL")});
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

# Names that callers make up: where they stand as `other` in a kind or a claim, the row has them under `more`.
MADE_UP = ("model_requested", "model_served", *CLAIM[2:])
# Facts that few exchanges have stand under `more`, too: JSON, null where there are none of them.
RARE = ("tags", "metadata", "bodies", "error", "trace_id")
ROW = (
    "id", "seq", "kind", "claim", "stream", "finish_reason", "tool_calls", "response_id", "cost_nano_usd",
    "input_total", "output_total", "cached_total", "duration_us", "first_token_us", "more",
)  # fmt: skip

# `exchanges` is narrow and lies in the order of ids, which is that of time: filters and sums scan stretches of it.
# What is shown of one exchange stands in `contents`, in the order in which it was stored.
# seq grows over all files and restarts (it begins at the clock's microseconds), so that a follower needs one number.
SCHEMA = (
    """
CREATE TABLE IF NOT EXISTS exchanges (
    id BLOB PRIMARY KEY, seq INTEGER NOT NULL, kind INTEGER NOT NULL, claim INTEGER NOT NULL,
    stream INTEGER NOT NULL, finish_reason TEXT, tool_calls INTEGER NOT NULL, response_id TEXT,
    cost_nano_usd INTEGER NOT NULL, input_total INTEGER NOT NULL, output_total INTEGER NOT NULL,
    cached_total INTEGER NOT NULL, duration_us INTEGER, first_token_us INTEGER, more TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contents (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL, record BLOB NOT NULL,
    codec INTEGER, request_kept INTEGER, response_kept INTEGER, layout TEXT, bodies BLOB
);
CREATE TABLE IF NOT EXISTS removed (
    team TEXT PRIMARY KEY, rows INTEGER NOT NULL, bodies INTEGER NOT NULL
) WITHOUT ROWID;
"""
    + META
    + WATERMARKS
    + TOTALS
    + SUMS
    + PEAKS
    + CHARGES
    + score_schema.TABLES
)

# With bodies, team and duration of each exchange, for whoever goes through them in the order in which they were stored.
WHOSE = "contents JOIN exchanges USING (id) JOIN kinds USING (kind)"

# Where a fact of an exchange stands, by the name that it has in the record.
EXPRESSIONS = {
    **{name: f"exchanges.{name}" for name in ROW if name != "more"},
    **{name: f"json_extract(exchanges.more, '$.{name}')" for name in RARE},
    **{name: f"nullif(kinds.{name}, '')" for name in KIND if name not in MADE_UP},
    **{
        name: f"coalesce(json_extract(exchanges.more, '$.{name}'), "
        f"nullif({'kinds' if name in KIND else 'claims'}.{name}, ''))"
        for name in MADE_UP
    },
}
COLUMNS = tuple(EXPRESSIONS)
# What stays of `contents` without the bodies.
BARE = ("seq", "id", "record", "request_kept", "response_kept")
CONTENTS = ("record", "codec", "request_kept", "response_kept", "layout", "bodies")
# CROSS: rows first, in their order, never the names.
NAMED_ROWS = "exchanges CROSS JOIN kinds USING (kind) CROSS JOIN claims USING (claim)"
# For people who open a file by hand.
VIEW = f"CREATE VIEW IF NOT EXISTS log AS SELECT {', '.join(f'{sql} AS {name}' for name, sql in EXPRESSIONS.items())} FROM {NAMED_ROWS};"  # noqa: E501, S608 names of ours


def _marks(count: int) -> str:
    return ",".join("?" * count)


def _adding(names: Iterable[str]) -> str:
    return ", ".join(f"{name} = {name} + excluded.{name}" for name in names)


SELECT_VERSION = "SELECT value FROM meta WHERE name = 'schema_version'"
INSERT_META = "INSERT OR IGNORE INTO meta VALUES (?, ?)"
SELECT_META = "SELECT value FROM meta WHERE name = ?"
REPLACE_META = "REPLACE INTO meta VALUES (?, ?)"
SELECT_FOLDED = "SELECT file FROM folded"
INSERT_EXCHANGE = f"INSERT INTO exchanges VALUES ({_marks(len(ROW))})"  # noqa: S608 names of ours
REPLACE_EXCHANGE = INSERT_EXCHANGE.replace("INSERT", "REPLACE")
INSERT_CONTENTS = "INSERT INTO contents VALUES (?,?,?,?,?,?,?,?)"
REPLACE_CONTENTS = INSERT_CONTENTS.replace("INSERT", "REPLACE")
SELECT_CONTENTS = """SELECT seq, record, codec, request_kept, response_kept, layout, contents.bodies
    FROM exchanges JOIN contents USING (seq) WHERE exchanges.id = ?"""
SELECT_BETWEEN = SELECT_CONTENTS.replace("id = ?", "id BETWEEN ? AND ? LIMIT 2")
SELECT_AMENDED = SELECT_CONTENTS.replace("SELECT seq", "SELECT kind, claim, seq")
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
# Totals and charges of a file attached as `day`, added to those of this one.
FOLD_BOOKS = (
    """INSERT INTO main.totals SELECT * FROM day.totals WHERE true
    ON CONFLICT (metric, labels, part) DO UPDATE SET value = value + excluded.value""",
    """INSERT INTO main.charges SELECT * FROM day.charges WHERE true
    ON CONFLICT (holder, series, start_s) DO UPDATE
    SET amount = amount + excluded.amount, late = late + excluded.late""",
)

# How sums move: values in the order of the tables' columns.
INSERT_KIND = f"INSERT INTO kinds VALUES ({_marks(1 + len(KIND))})"  # noqa: S608 names of ours
ADD_ROLLUP = f"""INSERT INTO rollups VALUES ({_marks(3 + len(MEASURES) + len(BUCKETS))})
    ON CONFLICT (step_s, start_s, kind) DO UPDATE SET {_adding(MEASURES + BUCKETS)}"""  # noqa: S608 names of ours
RAISE_PEAK = f"""INSERT INTO peaks VALUES ({_marks(1 + len(PEAK))})
    ON CONFLICT (start_s) DO UPDATE SET {", ".join(f"{name} = max({name}, excluded.{name})" for name in PEAK)}"""  # noqa: S608 names of ours
_SPAN = "first_ms = min(first_ms, excluded.first_ms), last_ms = max(last_ms, excluded.last_ms)"
INSERT_CLAIM = f"INSERT INTO claims VALUES ({_marks(4 + len(CLAIM) + len(MEASURES))})"  # noqa: S608 names of ours
SELECT_CLAIMS = f"SELECT {', '.join(CLAIM)} FROM claims"  # noqa: S608 names of ours
FIND_CLAIM = f"SELECT claim FROM claims WHERE ({', '.join(CLAIM)}) = ({_marks(len(CLAIM))})"  # noqa: S608 names of ours
# First and last instant, the measures, which claim.
MOVE_CLAIM = f"""UPDATE claims SET first_ms = min(first_ms, ?), last_ms = max(last_ms, ?),
    {", ".join(f"{name} = {name} + ?" for name in MEASURES)} WHERE claim = ?"""  # noqa: S608 names of ours
FIND_TAG = "SELECT 1 FROM tags WHERE (tag, team, key) = (?,?,?)"
ADD_TAG = f"""INSERT INTO tags VALUES ({_marks(3 + len(TAG) + len(MEASURES))})
    ON CONFLICT (tag, team, key, start_s) DO UPDATE SET {_SPAN}, {_adding(MEASURES)}"""  # noqa: S608 names of ours

_labels = msgspec.json.Decoder(tuple[str, ...])
# The sums of a file attached as `day`, added to those of this one: its kinds and claims get numbers of this one.
FOLD = (
    f"""INSERT OR IGNORE INTO main.kinds ({", ".join(KIND)}) SELECT {", ".join(KIND)} FROM day.kinds""",  # noqa: S608 names of ours
    f"""INSERT INTO main.rollups
    SELECT step_s, start_s, own.kind, {", ".join(MEASURES + BUCKETS)} FROM day.rollups
    JOIN day.kinds AS theirs ON theirs.kind = day.rollups.kind
    JOIN main.kinds AS own ON ({", ".join(f"own.{name}" for name in KIND)}) = ({", ".join(f"theirs.{name}" for name in KIND)})
    WHERE true ON CONFLICT (step_s, start_s, kind) DO UPDATE SET {_adding(MEASURES + BUCKETS)}""",  # noqa: E501, S608 names of ours
    f"""INSERT INTO main.claims (start_s, {", ".join(CLAIM)}, first_ms, last_ms, {", ".join(MEASURES)})
    SELECT start_s, {", ".join(CLAIM)}, first_ms, last_ms, {", ".join(MEASURES)} FROM day.claims
    WHERE true ON CONFLICT DO UPDATE SET {_SPAN}, {_adding(MEASURES)}""",  # noqa: S608 names of ours
    f"""INSERT INTO main.tags SELECT * FROM day.tags
    WHERE true ON CONFLICT (tag, team, key, start_s) DO UPDATE SET {_SPAN}, {_adding(MEASURES)}""",  # noqa: S608 names of ours
)


class Named(NamedTuple):
    """The numbers of an exchange's kind and claim, and those of its names that they do not tell."""

    kind: int
    claim: int
    made_up: Mapping[str, str] = {}


kind_of = attrgetter(*KIND)
claim_of = attrgetter(*CLAIM)
rare_of = attrgetter(*RARE)
_NOTHING_RARE: tuple[object, ...] = ([], {}, "full", None, None)
_encode = msgspec.json.Encoder().encode


def exchange_row(key: bytes, seq: int, named: Named, record: Record) -> tuple[object, ...]:
    """Lay out the row of `exchanges`."""
    usage = record.usage
    duration_ms, first_token_ms = record.duration_ms, record.first_token_ms
    return (
        key,
        seq,
        named.kind,
        named.claim,
        record.stream,
        record.finish_reason,
        record.tool_calls,
        record.response_id,
        record.cost_nano_usd,
        usage.input_total if usage else 0,
        usage.output_total if usage else 0,
        usage.input_cached_read if usage else 0,
        None if duration_ms is None else round(duration_ms * 1000),
        None if first_token_ms is None else round(first_token_ms * 1000),
        _more(record, named.made_up) if named.made_up or rare_of(record) != _NOTHING_RARE else None,
    )


def facts(key: bytes, record: Record) -> dict[str, object]:
    """Return what the columns of `log` must say of an exchange, without its numbers in this file."""
    row = dict(zip(ROW, exchange_row(key, 0, Named(0, 0), record), strict=True))
    for name in ("seq", "kind", "claim", "more"):
        del row[name]
    rare = _rare(record)
    shown = {name: rare.get(name) for name in RARE}
    for name in ("tags", "metadata"):
        if shown[name]:
            shown[name] = _encode(shown[name]).decode()
    return {**row, **shown, **{name: getattr(record, name) for name in (*KIND, *CLAIM)}}


def _more(record: Record, made_up: Mapping[str, str]) -> str:
    return _encode({**_rare(record), **made_up}).decode()


def _rare(record: Record) -> dict[str, object]:
    rare = {name: value for name, value in zip(RARE, rare_of(record), strict=True) if value and value != "full"}
    return rare | {"tags": list(dict.fromkeys(record.tags))} if record.tags else rare


def contents_row(seq: int, finished: Finished) -> tuple[object, ...]:
    """Lay out the row of `contents`."""
    return (seq, finished.key, finished.meta, *pack(finished.request, finished.response))


def ms_of(key: bytes) -> int:
    """Return the millisecond in which an exchange began, as its id tells."""
    return int.from_bytes(key[:6])


def first_key(instant_ms: int) -> bytes:
    """Return the lowest id of a millisecond."""
    return min(max(instant_ms, 0), (1 << 48) - 1).to_bytes(6) + bytes(10)


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
    return ms_of(key) // DAY_MS


def row_bytes(row: tuple[Any, ...]) -> int:
    """Say about how much a row of `contents` takes in the file, its row of `exchanges` included."""
    return 200 + len(row[2]) + len(row[-1] or b"")
