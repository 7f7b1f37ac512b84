"""Who is in quarantine now? Known over restarts, and told when it changes."""

import logging
from collections.abc import Iterable
from hashlib import sha256

import msgspec

from gateway.evaluation import quarantine
from gateway.evaluation.outcome import Maker
from gateway.evaluation.quarantine import PATIENCE_MS, Phase, Quarantine
from gateway.evaluation.queue import Queue
from gateway.policies.evaluating import Plugin

log = logging.getLogger("tollway.evaluator")


class Ward:
    """The quarantines of all evaluators; those that are shut out are kept in the queue's file."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._all = {name: quarantine.decode(state) for name, state in queue.quarantines().items()}

    def phase(self, evaluator: str, now_ms: int) -> Phase:
        """Say whether an evaluator may run."""
        known = self._all.get(evaluator)
        return known.phase(now_ms) if known else "closed"

    def ran(self, evaluator: str, result: str, reason: str | None, detail: str | None, now_ms: int) -> None:
        """Note how a run went."""
        if self._of(evaluator).ran(result, reason, detail, now_ms):
            self._changed(evaluator, now_ms)

    def loaded(self, plugin: Plugin, maker: Maker, now_ms: int) -> None:
        """Note that an evaluator is there; with other settings or code than those that failed it begins anew."""
        series = maker.fingerprint or ""
        self._queue.define(series, maker.loaded, maker.judge, now_ms)
        one = self._of(plugin.name)
        was_out = one.openings > 0
        if one.concerns(_series(plugin, series)) and was_out:
            self._changed(plugin.name, now_ms)

    def could_not_load(self, plugin: Plugin, problem: str, detail: str | None, now_ms: int) -> None:
        """Note that an evaluator is not there, and why."""
        one = self._of(plugin.name)
        # What was shut out for its runs and cannot even be loaded now is the same evaluator still.
        if not one.series.startswith(_settings(plugin)):
            one.concerns(_series(plugin, ""))
        if one.could_not_load(problem, detail, now_ms):
            self._changed(plugin.name, now_ms)

    def given_up(self, names: Iterable[str], now_ms: int) -> list[str]:
        """Name those of which nothing has come for so long that what waits may be too old."""
        return [name for name in names if self._is_hopeless(name, now_ms)]

    def keep_only(self, names: Iterable[str]) -> None:
        """Forget those that config does not name any more."""
        for name in self._all.keys() - set(names):
            if self._all.pop(name).openings:
                self._queue.set_quarantine(name, None)

    def _is_hopeless(self, name: str, now_ms: int) -> bool:
        known = self._all.get(name)
        return known is not None and known.openings > 0 and now_ms - known.since_ms > PATIENCE_MS

    def _of(self, evaluator: str) -> Quarantine:
        return self._all.setdefault(evaluator, Quarantine())

    def _changed(self, evaluator: str, now_ms: int) -> None:
        one = self._all[evaluator]
        if not one.openings:
            self._queue.set_quarantine(evaluator, None)
            log.info("an evaluator is back from quarantine", extra={"evaluator": evaluator})
            return
        self._queue.set_quarantine(evaluator, quarantine.encode(one))
        log.error(
            "an evaluator keeps failing and is in quarantine; what it shall look at waits, 24 hours at most",
            extra={"evaluator": evaluator, "reason": one.reason, "for_s": (one.until_ms - now_ms) // 1000},
        )


def _settings(plugin: Plugin) -> str:
    return sha256(msgspec.json.encode(plugin)).hexdigest()[:16]


def _series(plugin: Plugin, fingerprint: str) -> str:
    return f"{_settings(plugin)} {fingerprint}"
