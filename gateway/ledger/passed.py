"""Which thresholds has each balance passed, so that each is told once? As it stands in the ledger's file."""

from collections.abc import Callable, Mapping

import msgspec

from gateway.ledger.file import Batch, Passed
from gateway.ledger.lease import Place


class Passing:
    """The thresholds that were passed. `batch`: what goes into the next commit."""

    def __init__(self, kept: Mapping[Place, Passed], batch: Callable[[], Batch]) -> None:
        self._passed = dict(kept)
        self._batch = batch

    def percents(self, place: Place) -> tuple[int, ...]:
        """Return what a balance has passed, as last noted."""
        passed = self._passed.get(place)
        return () if passed is None else passed.percents

    def note(self, place: Place, passed: Passed) -> None:
        """Note what it has passed by now; nothing is noted by being forgotten."""
        if not passed.percents:
            self._forget(place)
            return
        self._passed[place] = passed
        self._batch().passed.append((*place, msgspec.json.encode(passed.percents).decode(), passed.over_s))

    def tidy(self, now_s: int) -> None:
        """Forget balances that are over."""
        for place in [place for place, passed in self._passed.items() if passed.over_s <= now_s]:
            self._forget(place)

    def _forget(self, place: Place) -> None:
        if self._passed.pop(place, None) is not None:
            batch = self._batch()
            batch.passed = [row for row in batch.passed if row[:2] != place]
            batch.unpassed.append(place)
