"""What does the evaluator do, again and again, to find work? One look at the log; each of its steps is one commit."""

from typing import Final, NamedTuple

from gateway.core.ids import day_of
from gateway.evaluation.feedback import Word, Words
from gateway.evaluation.follow import PORTION, Batch, Follow, Row
from gateway.evaluation.queue import Queue
from gateway.evaluation.runs import Run
from gateway.evaluation.sampler import Sampler
from gateway.evaluation.windows import MINUTE_MS
from gateway.policies.evaluating import Evaluating

CONVERSATIONS_AT_ONCE: Final = 500
COMPACT_MS: Final = 3_600_000
LISTEN_MS: Final = 5_000


class Looked(NamedTuple):
    """What one look found. `is_behind`: there is more. `unreadable`: rows of the log that are damaged."""

    rows: int
    is_behind: bool
    unreadable: int


class Watch:
    """Reads on in the log with the rules of one config; after a change of config, or an error, make a new one: what is
    not in the queue was not decided."""

    def __init__(
        self,
        follow: Follow,
        queue: Queue,
        sampler: Sampler,
        evaluating: Evaluating,
        *,
        words: Words | None = None,
        since_ms: int | None = None,
    ) -> None:
        """`since_ms`: since when the config is in force: there a new queue begins. None: behind all that is stored."""
        self._follow = follow
        self._words = words or Words(follow.folder)
        self._queue = queue
        self._sampler = sampler
        self._backlog = evaluating.backlog
        self._idle_ms = int(evaluating.idle_s * 1000)
        self._since_ms = since_ms
        self._compacted_ms = 0
        self._listened_ms = 0

    def look(self, now_ms: int, most: int = PORTION) -> Looked:
        """Close the minutes that are over, take a portion of new exchanges, end conversations, go on with backfills."""
        if not self._queue.has_begun:
            cursors = self._follow.end() if self._since_ms is None else self._follow.end(self._since_ms)
            self._queue.begin(cursors, self._words.end(), self._since_ms or now_ms)
        self._close_windows(now_ms)
        batch = self._follow.read(self._queue.cursors(), most)
        if batch.cursors:
            self._queue.admit(self._sampler.look(batch, now_ms), backlog=self._backlog)
        if not batch.is_behind:  # else the log may hold more of a session that seems to rest
            self._end_conversations(now_ms)
            self._listen(now_ms)
            self._backfill(most)
        if now_ms - self._compacted_ms >= COMPACT_MS:
            self._compacted_ms = now_ms
            self._queue.compact(now_ms)
        return Looked(len(batch.rows), batch.is_behind, batch.unreadable)

    def _close_windows(self, now_ms: int) -> None:
        minute = now_ms // MINUTE_MS
        # Another minute, not a later one: a clock that was set back must not hold anybody up.
        over = [name for name, since_ms in self._queue.opened().items() if since_ms // MINUTE_MS != minute]
        if not over:
            return
        held = {name: self._queue.held(name) for name in over}
        purses = {name: self._queue.purse(name) for name in over}
        admitted = self._sampler.close(held, purses, now_ms)
        if admitted.closed:
            self._queue.admit(admitted, backlog=self._backlog)

    def _end_conversations(self, now_ms: int) -> None:
        over = self._queue.conversations(now_ms - self._idle_ms, CONVERSATIONS_AT_ONCE)
        if over:
            self._queue.admit(self._sampler.conversations(over, now_ms), backlog=self._backlog)

    def _listen(self, now_ms: int) -> None:
        """Take what somebody found bad since the last time."""
        if 0 <= now_ms - self._listened_ms < LISTEN_MS:
            return
        self._listened_ms = now_ms
        words, heard = self._words.read(self._queue.heard(), now_ms)
        if heard:
            bad = [(row, word.session is not None) for word in words if (row := self._meant(word)) is not None]
            self._queue.admit(self._sampler.triage(bad, heard, now_ms), backlog=self._backlog)

    def _meant(self, word: Word) -> Row | None:
        """Find what a word is about, of the team that said it."""
        if word.session is not None:
            return self._follow.last_of(word.team, word.session, word.day)
        row = self._follow.find(word.exchange, word.day)
        return row if row is not None and row.record.team == word.team else None

    def _backfill(self, most: int) -> None:
        """Take a portion of what was ordered, where there is room: nothing of that is dropped."""
        for run in self._queue.runs():
            unit = self._sampler.unit(run.rule.evaluator)
            waiting = self._queue.waiting().get(run.rule.evaluator, 0)
            if run.state != "open" or unit is None or waiting > self._backlog // 2:
                continue
            if unit != ("pair" if run.pair else "exchange"):
                self._queue.refuse_run(run.id)
            elif run.pair:
                self._take_pair(run)
            else:
                self._take_past(run, min(most, self._backlog - waiting))

    def _take_past(self, run: Run, portion: int) -> None:
        past = self._follow.past(run.since_ms, run.until_ms, run.day, run.seq, portion)
        batch = next(past, Batch([], {run.day: run.seq}, is_behind=False))
        admitted = self._sampler.backfill(run.id, run.rule, batch, is_done=not batch.is_behind)
        self._queue.admit(admitted, backlog=self._backlog)

    def _take_pair(self, run: Run) -> None:
        first, _, _ = run.pair.partition("|")
        row = self._follow.find(first, day_of(first))
        if row is None:
            self._queue.refuse_run(run.id)
        else:
            self._queue.admit(self._sampler.pair(run, row), backlog=self._backlog)
