"""The tables of the evaluator's own file. docs/evaluation.md says what each is for."""

VERSION = 1
FILE = "queue.db"

# `cursors`: how far the log was looked at; `heard`: how far what people said. `tasks`: what waits or runs, in the order
# of numbers; `not_before_ms` is 0 as long as it need not wait. `funnel`: `last_ms` is when it rose last. `held`: who
# waits for the end of a minute; `grp`: the version of the rule. `strata`: `minute` is the first one of `span` minutes.
# `conversations`: sessions that may go on. `purses`, `costs`: money of judges, and what one evaluation cost so far.
# `runs`: backfills, and pairs that were ordered.
TABLES = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursors (day TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS heard (day TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tasks (
    evaluator TEXT NOT NULL, number INTEGER NOT NULL, sampled BLOB NOT NULL, queued_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, not_before_ms INTEGER NOT NULL DEFAULT 0, reason TEXT,
    PRIMARY KEY (evaluator, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held (
    number INTEGER PRIMARY KEY, evaluator TEXT NOT NULL, grp TEXT NOT NULL, draw REAL NOT NULL, rate REAL NOT NULL,
    is_always INTEGER NOT NULL, cap INTEGER, always_cap INTEGER NOT NULL, since_ms INTEGER NOT NULL,
    sampled BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS held_of ON held (evaluator, since_ms);
CREATE TABLE IF NOT EXISTS funnel (
    evaluator TEXT NOT NULL, step TEXT NOT NULL, reason TEXT NOT NULL, count INTEGER NOT NULL,
    last_ms INTEGER NOT NULL, PRIMARY KEY (evaluator, step, reason)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS strata (
    evaluator TEXT NOT NULL, team TEXT NOT NULL, minute INTEGER NOT NULL, model TEXT NOT NULL, route TEXT NOT NULL,
    outcome TEXT NOT NULL, span INTEGER NOT NULL,
    seen INTEGER NOT NULL, sampled INTEGER NOT NULL, dropped INTEGER NOT NULL,
    PRIMARY KEY (evaluator, team, minute, model, route, outcome, span)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS conversations (
    evaluator TEXT NOT NULL, team TEXT NOT NULL, session TEXT NOT NULL, day TEXT NOT NULL, seq INTEGER NOT NULL,
    exchange TEXT NOT NULL, last_ms INTEGER NOT NULL, kind BLOB NOT NULL, always INTEGER NOT NULL,
    PRIMARY KEY (evaluator, team, session)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS conversations_by_end ON conversations (last_ms);
CREATE TABLE IF NOT EXISTS purses (
    evaluator TEXT PRIMARY KEY, left_nano_usd INTEGER NOT NULL, at_ms INTEGER NOT NULL, cost_nano_usd INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS costs (
    evaluator TEXT PRIMARY KEY, mean_nano_usd INTEGER NOT NULL, counted INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS definitions (
    fingerprint TEXT PRIMARY KEY, evaluator TEXT NOT NULL, loaded BLOB NOT NULL, judge TEXT, first_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quarantines (evaluator TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, rule BLOB NOT NULL, since_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL,
    day TEXT NOT NULL, seq INTEGER NOT NULL, state TEXT NOT NULL, created_ms INTEGER NOT NULL, sampled INTEGER NOT NULL,
    pair TEXT NOT NULL
) WITHOUT ROWID;
INSERT OR IGNORE INTO meta VALUES ('schema_version', '1');
COMMIT;
"""

SELECT_META = "SELECT value FROM meta WHERE name = ?"
INSERT_META = "INSERT OR IGNORE INTO meta VALUES (?, ?)"

SELECT_CURSORS = "SELECT day, seq FROM cursors"
MOVE_CURSOR = "INSERT INTO cursors VALUES (?, ?) ON CONFLICT (day) DO UPDATE SET seq = max(seq, excluded.seq)"
SELECT_HEARD = SELECT_CURSORS.replace("cursors", "heard")
MOVE_HEARD = MOVE_CURSOR.replace("cursors", "heard")

LAST_NUMBER = "SELECT max((SELECT coalesce(max(number), 0) FROM tasks), (SELECT coalesce(max(number), 0) FROM held))"
COUNT_TASKS = "SELECT evaluator, count(*) FROM tasks GROUP BY evaluator"
INSERT_TASK = "INSERT INTO tasks (evaluator, number, sampled, queued_ms) VALUES (?, ?, ?, ?)"
SELECT_FRESH = """SELECT number, sampled, attempts, queued_ms FROM tasks
    WHERE evaluator = ? AND number > ? AND not_before_ms = 0 ORDER BY number LIMIT ?"""
SELECT_TRIED = """SELECT evaluator, not_before_ms, number, sampled, attempts, queued_ms FROM tasks
    WHERE not_before_ms > 0"""
DELETE_TASK = "DELETE FROM tasks WHERE evaluator = ? AND number = ?"
POSTPONE_TASK = "UPDATE tasks SET attempts = ?, not_before_ms = ?, reason = ? WHERE evaluator = ? AND number = ?"
TASKS_OF = "SELECT sampled, attempts, not_before_ms, reason FROM tasks WHERE evaluator = ? AND instr(sampled, ?)"

INSERT_HELD = "INSERT INTO held VALUES (?,?,?,?,?,?,?,?,?,?)"
OPENED = "SELECT evaluator, min(since_ms) FROM held GROUP BY evaluator"
SELECT_HELD = """SELECT number, grp, draw, rate, is_always, cap, always_cap, since_ms, sampled FROM held
    WHERE evaluator = ? ORDER BY number"""
DELETE_HELD = "DELETE FROM held WHERE evaluator = ?"
HELD_OF = "SELECT since_ms FROM held WHERE evaluator = ? AND instr(sampled, ?)"

ADD_FUNNEL = """INSERT INTO funnel VALUES (?,?,?,?,?)
    ON CONFLICT (evaluator, step, reason) DO UPDATE SET count = count + excluded.count, last_ms = excluded.last_ms"""
SELECT_FUNNEL = "SELECT evaluator, step, reason, count FROM funnel"
SELECT_LAST_OK = "SELECT evaluator, last_ms FROM funnel WHERE step = 'ok'"

_ADDED = "seen = seen + excluded.seen, sampled = sampled + excluded.sampled, dropped = dropped + excluded.dropped"
ADD_STRATUM = f"""INSERT INTO strata VALUES (?,?,?,?,?,?,1,?,?,?)
    ON CONFLICT (evaluator, team, minute, model, route, outcome, span) DO UPDATE SET {_ADDED}"""  # noqa: S608 ours
# Span before, span after, and which: older than a minute.
COARSEN = f"""INSERT INTO strata
    SELECT evaluator, team, minute - minute % :after AS minute, model, route, outcome, :after,
        sum(seen), sum(sampled), sum(dropped)
    FROM strata WHERE span = :before AND minute < :older
    GROUP BY evaluator, team, 3, model, route, outcome
    ON CONFLICT (evaluator, team, minute, model, route, outcome, span) DO UPDATE SET {_ADDED}"""  # noqa: S608 ours
DELETE_FINE = "DELETE FROM strata WHERE span = :before AND minute < :older"
DELETE_STRATA = "DELETE FROM strata WHERE minute < ?"

# Bits of always-rules add up; all else is what the last exchange says.
KEEP_CONVERSATION = """INSERT INTO conversations VALUES (?,?,?,?,?,?,?,?,?)
    ON CONFLICT (evaluator, team, session) DO UPDATE SET day = excluded.day, seq = excluded.seq,
    exchange = excluded.exchange, last_ms = max(last_ms, excluded.last_ms), kind = excluded.kind,
    always = always | excluded.always"""
IDLE_CONVERSATIONS = "SELECT * FROM conversations WHERE last_ms < ? ORDER BY last_ms LIMIT ?"
END_CONVERSATION = "DELETE FROM conversations WHERE (evaluator, team, session) = (?,?,?)"
CONVERSATION_OF = "SELECT last_ms FROM conversations WHERE (evaluator, team, session) = (?,?,?)"

SELECT_PURSE = "SELECT left_nano_usd, at_ms, cost_nano_usd FROM purses WHERE evaluator = ?"
REPLACE_PURSE = "REPLACE INTO purses VALUES (?,?,?,?)"
SELECT_COSTS = "SELECT evaluator, mean_nano_usd, counted FROM costs"
REPLACE_COST = "REPLACE INTO costs VALUES (?,?,?)"

INSERT_DEFINITION = "INSERT OR IGNORE INTO definitions VALUES (?,?,?,?,?)"
SELECT_DEFINITIONS = "SELECT fingerprint, evaluator, loaded, judge, first_ms FROM definitions"
REPLACE_QUARANTINE = "REPLACE INTO quarantines VALUES (?,?)"
DELETE_QUARANTINE = "DELETE FROM quarantines WHERE evaluator = ?"
SELECT_QUARANTINES = "SELECT evaluator, state FROM quarantines"

INSERT_RUN = "INSERT INTO runs VALUES (?,?,?,?,'',0,'open',?,0,?)"
SELECT_RUNS = """SELECT id, rule, since_ms, until_ms, day, seq, state, created_ms, sampled, pair FROM runs
    ORDER BY created_ms"""
MOVE_RUN = "UPDATE runs SET day = ?, seq = ?, sampled = sampled + ?, state = iif(? AND state = 'open', 'done', state) WHERE id = ?"  # noqa: E501
END_RUN = "UPDATE runs SET state = ? WHERE id = ? AND state = 'open'"
