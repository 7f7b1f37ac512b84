"""The default store: one SQLite file for each UTC day, written by one thread of the recorder."""

import logging
import sqlite3
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.core.record import decode
from gateway.journal.evaluated import Evaluated
from gateway.journal.frame import REQUEST, RESPONSE, Piece
from gateway.journal.reader import Finished
from gateway.store import schema, texts
from gateway.store.batch import Part, Parted, by_day, by_key
from gateway.store.bodies import Packed, Stretches, unpack
from gateway.store.charges import Balance, ChargeKey, Charges, Lateness
from gateway.store.dayfile import DayFile, PutAside, is_broken, put_aside, unlink
from gateway.store.interface import Committed, Count, Owe, StoreBusy, TotalKey
from gateway.store.judging import ROW_BYTES, CountScores, Judging, lost
from gateway.store.moves import Moves
from gateway.store.rollups_file import Asked, Past, RollupsFile
from gateway.store.score_schema import FEEDBACK

CHECKPOINT_BYTES = 16 * 1024 * 1024
OPEN_FILES = 4
LOOK_UP_AT_ONCE = 500

_log = logging.getLogger("tollway.store")


class SqliteStore:
    """Commit exchanges to day files `folder/YYYY-MM-DD.db`. `count` says how records move the totals; `owe` what is
    added where that takes back what was counted.

    `full_text`: whether files that are made from now on get an index over the bodies. `count_scores`: as `count`, of
    evaluations.
    """

    def __init__(
        self,
        folder: Path,
        count: Count,
        owe: Owe = lambda *_: {},
        *,
        full_text: bool = False,
        count_scores: CountScores = lambda _: {},
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._count = count
        self._owe = owe
        self._count_scores = count_scores
        self._rollups = RollupsFile(folder)
        self._full_text = full_text
        self._files: dict[Path, DayFile] = {}
        self._totals: Counter[TotalKey] = Counter()
        self._totals_lock = threading.Lock()
        self._watermarks: dict[str, int] = {}
        self._late = Lateness()
        self._charged: defaultdict[str, set[Path]] = defaultdict(set)  # in which files a holder was
        self._next_seq = 0
        try:
            self._load()
        except BaseException:
            self.close()
            raise

    def watermarks(self) -> dict[str, int]:
        """Return the furthest committed position of each segment."""
        return dict(self._watermarks)

    def totals(self) -> dict[TotalKey, int]:
        """Return a copy of the committed totals."""
        with self._totals_lock:
            return dict(self._totals)

    def total(self, key: TotalKey) -> int:
        """Return one of them."""
        with self._totals_lock:
            return self._totals[key]

    def commit(
        self, finished: Sequence[Finished], watermarks: Mapping[str, int], evaluated: Sequence[Evaluated] = ()
    ) -> Committed:
        """Write a batch: a transaction for each day, oldest first, the watermarks with the last one."""
        days = by_day(finished, evaluated, lambda day: self._path(day).exists())
        done = Committed(0, 0, 0)
        for day in sorted(days):
            part = self._commit_day(day, days[day], watermarks if day == max(days) else {})
            done = Committed(*(sum(pair) for pair in zip(done, part, strict=True)))
        if days and watermarks:
            self._watermarks = dict(watermarks)
        return done

    def spent(self, holder: str) -> dict[Balance, int]:
        """Return what a holder's exchanges were charged when they ended, by balance."""
        with self._translated(self._rollups.path):
            spent = Counter(self._rollups.spent(holder))
        for path in self._charged.get(holder, ()):
            if path.exists():
                with self._translated(path):
                    for series, start_s, amount in self._file(path).sql.execute(schema.SPENT, (holder,)):
                        spent[series, start_s] += amount
        return dict(spent)

    def late(self) -> dict[ChargeKey, int]:
        """Return what was charged after exchanges had ended, by holder and balance, where it is not as last told."""
        return self._late.take()

    def sync(self) -> bool:
        """Checkpoint every file with new commits."""
        for path, file in self._files.items():
            with self._translated(path):
                if file.unsynced and not file.checkpoint():
                    return False
        return True

    @property
    def next_seq(self) -> int:
        """The number that the next exchange gets."""
        return self._next_seq

    def days(self) -> list[Path]:
        """List the day files, oldest first."""
        return sorted(self._folder.glob("????-??-??.db"))

    @contextmanager
    def open_day(self, path: Path) -> Iterator[DayFile]:
        """Open a day file; what goes wrong inside is StoreBusy."""
        with self._translated(path):
            yield self._file(path)

    def count_in(self, totals: Mapping[TotalKey, int]) -> None:
        """Note what somebody has added to the totals of a day file, and committed."""
        with self._totals_lock:
            self._totals.update(totals)

    def fold(self, path: Path, holders: Collection[str], is_over: Callable[[Balance], bool]) -> bool:
        """Keep only the sums of a day: exactly once, whenever we are killed. False: not now.

        All that was read from the journal must be committed. `holders`, `is_over`: see Asked.
        """
        if not self.sync():
            return False
        self._release(path)
        try:
            rows = self._rollups.fold(path, Asked(holders, is_over, self._watermarks))
        except sqlite3.DatabaseError as error:
            # Whichever of the two files is to blame, neither gets out of the way here: nothing is lost.
            raise StoreBusy(f"{path}: {error}") from error
        self.count_in({(schema.REMOVED, ("rows",), ""): rows})
        self._unlink(path)
        return True

    def close(self) -> None:
        """Close all files."""
        self._rollups.close()
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _load(self) -> None:
        """Read what all files sum up to, and put broken ones aside."""
        past = Past({}, {}, {}, frozenset(), 0)
        with suppress(PutAside), self._translated(self._rollups.path):
            past = self._rollups.load()
        self._totals.update(past.totals)
        self._watermarks.update(past.watermarks)
        self._late.update(past.late)
        highest = past.seq
        paths = self.days()
        for path in paths:
            with suppress(PutAside), self._translated(path):
                file = self._file(path)
                if file.name in past.folded:
                    self._unlink(path)
                    continue
                if file.was_left_open and path == paths[-1]:
                    file.check()
                highest = max(highest, self._load_file(path, file.sql))
        self._next_seq = max(highest + 1, time.time_ns() // 1000)

    def _load_file(self, path: Path, sql: sqlite3.Connection) -> int:
        totals = schema.totals_of(sql.execute(schema.SELECT_TOTALS))
        watermarks = sql.execute("SELECT segment, offset FROM watermarks").fetchall()
        (highest,) = sql.execute("SELECT coalesce(max(seq), 0) FROM contents").fetchone()
        late = sql.execute(schema.LATE).fetchall()
        self._totals.update(totals)
        for segment, offset in watermarks:
            self._watermarks[segment] = max(offset, self._watermarks.get(segment, 0))
        for holder, series, start_s, amount in late:
            self._late.update({(holder, series, start_s): amount})
        for (holder,) in sql.execute(schema.HOLDERS):
            self._charged[holder].add(path)
        return int(highest)

    def _path(self, day: int) -> Path:
        return self._folder / f"{_day_name(day)}.db"

    def _commit_day(self, day: int, part: Part, watermarks: Mapping[str, int]) -> Committed:
        path = self._path(day)
        with self._translated(path):
            file = self._file(path)
            parted = rows, amendments, _ = by_key(part)
            try:
                done = self._transact(file, day, parted, watermarks)
            except sqlite3.IntegrityError:
                # A replay: some are there already. Rare, so looking for them first is not the usual path.
                for key in _known(file.sql, list(rows)):
                    there = rows.pop(key)
                    if there.amends:
                        amendments[key] = there
                done = self._transact(file, day, parted, watermarks)
            if file.written_bytes >= CHECKPOINT_BYTES:
                file.checkpoint()
        return done._replace(duplicates=len(part.finished) - done.inserted - done.amended)

    def _transact(self, file: DayFile, day: int, parted: Parted, watermarks: Mapping[str, int]) -> Committed:
        rows, amendments, part = parted
        changes: Counter[TotalKey] = Counter()
        charges = Charges()
        fresh = list(rows.values())
        with file.transaction():
            moves = Moves(file.naming)
            for one in amendments.values():
                if not self._amend(file, one, changes, charges, moves):
                    fresh.append(one)  # its end was lost, but what amends it is a whole record
            file.written_bytes += self._insert(file, fresh, moves)
            changes.update(self._count([one.record for one in fresh]))
            changes.update(self._judge(file, fresh, part))
            changes.update(self._owe(self._totals, changes))
            for one in fresh:
                charges.add(one.record)
            moves.write(file.sql, day)
            file.sql.executemany(schema.ADD_TOTAL, schema.total_rows(changes))
            file.sql.executemany(schema.ADD_CHARGE, charges.rows())
            if watermarks:
                file.sql.execute("DELETE FROM watermarks")
                file.sql.executemany("INSERT INTO watermarks VALUES (?,?)", watermarks.items())
        # Only now: what a scrape has seen must be there after a crash.
        with self._totals_lock:
            self._totals.update(changes)
        self._late.update(charges.late)
        for holder in charges.holders():
            self._charged[holder].add(file.path)
        return Committed(len(fresh), len(rows) + len(amendments) - len(fresh), 0)

    def _judge(self, file: DayFile, fresh: Sequence[Finished], part: Part) -> Counter[TotalKey]:
        """Keep the evaluations of a batch; return how the totals move."""
        judging = Judging(file.sql, file.strata, self._next_seq)
        judging.settle((one.key, one.record) for one in fresh)
        for one in part.evaluated:
            judging.add(one)
        file.written_bytes += (judging.seq - self._next_seq) * ROW_BYTES
        self._next_seq = judging.seq
        changes = lost(part.gone)
        changes.update({(FEEDBACK, (result,), ""): count for result, count in judging.results.items()})
        changes.update(self._count_scores(judging.added))
        changes.subtract(self._count_scores(judging.taken))
        return changes

    def _insert(self, file: DayFile, fresh: Sequence[Finished], moves: Moves) -> int:
        """Insert rows; return about how many bytes that writes."""
        rows, contents = [], []
        for seq, one in enumerate(fresh, self._next_seq):
            named = file.naming.of(one.record)
            rows.append(schema.exchange_row(one.key, seq, named, one.record))
            contents.append(schema.contents_row(seq, one))
            moves.add(one.key, one.record, named.kind, named.claim)
        self._next_seq += len(fresh)
        file.sql.executemany(schema.INSERT_EXCHANGE, rows)
        file.sql.executemany(schema.INSERT_CONTENTS, contents)
        if file.has_index:
            said = [
                (row[0], texts.said_by(one.request, one.response)) for row, one in zip(contents, fresh, strict=True)
            ]
            file.sql.executemany(texts.INSERT, said)
        return sum(schema.row_bytes(row) for row in contents)

    def _amend(self, file: DayFile, one: Finished, changes: Counter[TotalKey], charges: Charges, moves: Moves) -> bool:
        """Replace the record of an exchange that is there, add to its bodies; False: it is not there."""
        found = file.sql.execute(schema.SELECT_AMENDED, (one.key,)).fetchone()
        if found is None:
            return False
        kind, claim, seq, meta, *packed = found
        # The new one first: the model that it names is known from then on, and the old one counts under it, too.
        before, after = decode(meta), self._count([one.record])
        changes.subtract(self._count([before]))
        changes.update(after)
        charges.add(before, -1)
        charges.add(one.record)
        named = file.naming.of(one.record)
        moves.add(one.key, before, kind, claim, -1)
        moves.add(one.key, one.record, named.kind, named.claim)
        file.sql.execute(schema.REPLACE_EXCHANGE, schema.exchange_row(one.key, seq, named, one.record))
        file.sql.execute(schema.REPLACE_CONTENTS, _added(seq, one, tuple(packed)))
        if file.has_index:
            request, response = unpack(tuple(packed))
            file.sql.execute(texts.FORGET, (seq, texts.said(request, response)))
            whole = [*_pieces(REQUEST, request), *one.request], [*_pieces(RESPONSE, response), *one.response]
            file.sql.execute(texts.INSERT, (seq, texts.said_by(*whole)))
        return True

    def _file(self, path: Path) -> DayFile:
        """Return the open file; a file that was deleted meanwhile is begun anew."""
        file = self._files.pop(path, None)
        if file is not None and not path.exists():
            file.close()
            file = None
        self._files[path] = file = file or DayFile(path, full_text=self._full_text)
        for surplus in list(self._files)[:-OPEN_FILES]:
            self._files.pop(surplus).close()
        return file

    def _release(self, path: Path) -> None:
        file = self._files.pop(path, None)
        if file is not None:
            file.close()

    def _unlink(self, path: Path) -> None:
        self._release(path)
        unlink(path)
        for files in self._charged.values():
            files.discard(path)

    @contextmanager
    def _translated(self, path: Path) -> Iterator[None]:
        """Turn SQLite's errors into StoreBusy: the caller keeps its batch and comes again."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if not is_broken(error):
                raise StoreBusy(f"{path}: {error}") from error
            self._release(path)
            if path == self._rollups.path:
                self._rollups.close()
            aside = put_aside(path)
            _log.error("%s is damaged (%s): moved to %s, a new file is begun", path, error, aside)
            raise PutAside(f"{path}: {error}") from error


def _known(sql: sqlite3.Connection, keys: list[bytes]) -> list[bytes]:
    found: list[bytes] = []
    for start in range(0, len(keys), LOOK_UP_AT_ONCE):
        some = keys[start : start + LOOK_UP_AT_ONCE]
        marks = ",".join("?" * len(some))
        found += [key for (key,) in sql.execute(f"SELECT id FROM exchanges WHERE id IN ({marks})", some)]  # noqa: S608 only question marks
    return found


def _added(seq: int, one: Finished, packed: Packed) -> tuple[object, ...]:
    """Lay out the row of `contents` for an amendment, with the bodies that were there before."""
    if not one.request and not one.response:
        return (seq, one.key, one.meta, *packed)
    request, response = unpack(packed)
    return schema.contents_row(
        seq,
        one._replace(
            request=[*_pieces(REQUEST, request), *one.request], response=[*_pieces(RESPONSE, response), *one.response]
        ),
    )


def _pieces(direction: int, stretches: Stretches | None) -> list[Piece]:
    return [(direction, offset, data) for offset, data in stretches or ()]


def _day_name(day: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date().isoformat()
