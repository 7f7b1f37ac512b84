"""May an evaluator run? One that keeps failing is left alone for a while, then tried with a single task."""

from typing import Final, Literal

import msgspec

# What took its process with it, or would have: each costs a fresh process and much time.
FATAL: Final = frozenset({"timeout", "crash", "oom"})
FATAL_IN_A_ROW: Final = 5
RECENT: Final = 50
MOST_ERRORS: Final = 10  # of RECENT, which is 20 %
FIRST_MS: Final = 5 * 60_000
LONGEST_MS: Final = 6 * 3_600_000
# Tasks wait for so long; then they are skipped.
PATIENCE_MS: Final = 24 * 3_600_000

# closed: it runs. open: it does not. probe: one task may be tried, and what comes of it decides.
Phase = Literal["closed", "open", "probe"]


class Quarantine(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What is remembered of one evaluator's failures.

    `series`: of which settings and code; others begin with a clean slate. `recent`: errors among the last runs, newest
    last. `openings`: how often in a row it was shut out. `since_ms`: when the first of them began; `until_ms`: when it
    may be tried. `reason`, `detail`: of the failure that did it, with its traceback.
    """

    series: str = ""
    fatal_in_a_row: int = 0
    recent: list[bool] = []
    openings: int = 0
    since_ms: int = 0
    until_ms: int = 0
    reason: str | None = None
    detail: str | None = None

    def phase(self, now_ms: int) -> Phase:
        """Say whether it may run."""
        if not self.openings:
            return "closed"
        return "open" if now_ms < self.until_ms else "probe"

    def concerns(self, series: str) -> bool:
        """Begin anew if settings or code are others than those that failed; tell whether that was so."""
        if series == self.series:
            return False
        self.series = series
        self._forget()
        return True

    def ran(self, result: str, reason: str | None, detail: str | None, now_ms: int) -> bool:
        """Note how a run went (result as in Told); tell whether that opened or closed it."""
        phase = self.phase(now_ms)
        if phase == "open":  # it was running when it was shut out
            return False
        if result == "retry":  # the world's fault, and no proof of anything
            return False
        if phase == "probe":
            return self._shut_out(reason, detail, now_ms) if result == "error" else self._forget()
        self._count(result, reason)
        errors = sum(self.recent)
        if self.fatal_in_a_row < FATAL_IN_A_ROW and errors <= MOST_ERRORS:
            return False
        return self._shut_out(reason, detail, now_ms)

    def could_not_load(self, problem: str, detail: str | None, now_ms: int) -> bool:
        """Note that there is nothing to run; tell whether that opened it."""
        return self.phase(now_ms) != "open" and self._shut_out(problem, detail, now_ms)

    def _count(self, result: str, reason: str | None) -> None:
        is_error = result == "error"
        self.fatal_in_a_row = self.fatal_in_a_row + 1 if is_error and reason in FATAL else 0
        self.recent.append(is_error)
        if len(self.recent) > RECENT:
            del self.recent[0]

    def _shut_out(self, reason: str | None, detail: str | None, now_ms: int) -> bool:
        """Each time in a row it takes twice as long."""
        if not self.openings:
            self.since_ms = now_ms
        self.until_ms = now_ms + min(FIRST_MS << self.openings, LONGEST_MS)
        self.openings += 1
        self.reason, self.detail = reason, detail
        self.fatal_in_a_row = 0
        self.recent = []
        return True

    def _forget(self) -> bool:
        self.fatal_in_a_row = self.openings = self.since_ms = self.until_ms = 0
        self.recent = []
        self.reason = self.detail = None
        return True


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Quarantine).decode
