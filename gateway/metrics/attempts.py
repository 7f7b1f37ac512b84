"""What do the tries at providers move: how they went, how long they took, what the providers' limits leave?"""

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from gateway.core.ids import started_ms
from gateway.core.record import Attempt, Record
from gateway.metrics import catalogue
from gateway.metrics.bounds import NONE, OTHER
from gateway.metrics.debts import TotalKey
from gateway.metrics.histogram import observe

# What a provider said longer ago says nothing of now: its limits are of minutes.
_NEWS_MS = 10 * 60 * 1000
_BATCH = "batch"


class _News(NamedTuple):
    id: str  # of the exchange; ids sort by time
    start_ms: float
    left: int


class Allowances:
    """What each provider's rate limits leave, as its newest answer said it."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str], _News] = {}

    def note(self, record: Record, attempt: Attempt) -> None:
        """Take what an answer told."""
        for kind, left in (("requests", attempt.left_requests), ("tokens", attempt.left_tokens)):
            if left is not None:
                news = _News(record.id, attempt.start_ms, left)
                key = attempt.provider, kind
                self._newest[key] = max(news, self._newest.get(key, news))

    def left(self, now_s: float) -> Iterator[tuple[tuple[str, str], int]]:
        """Give provider and kind with what is left, where there are news of the last minutes. From any thread."""
        for key, news in self._newest.copy().items():
            if now_s * 1000 - started_ms(news.id) - news.start_ms < _NEWS_MS:
                yield key, news.left


def count_tries(
    moved: Counter[TotalKey], group: Sequence[Record], own: str, models: Container[str], allowances: Allowances
) -> None:
    """Count the tries of records that are alike; `own`: the label of their model."""
    first = group[0]
    served = first.model_served if first.endpoint != _BATCH else None
    usual = (None, first.model_requested, served)
    took: dict[tuple[str, str | None, str], list[float]] = {}
    for record in group:
        attempts = record.attempts
        for one in attempts:
            took.setdefault((one.provider, one.model, one.result), []).append(one.duration_ms * 1000)
            if one.left_requests is not None or one.left_tokens is not None:
                allowances.note(record, one)
        if len(attempts) > 1:
            _count_turns(moved, attempts)
    for (provider, asked, result), durations in took.items():
        # A failed try has no price that proves its model, so a model unknown so far is not named by it.
        model = own if asked in usual else asked
        if model not in models and model != own:
            model = OTHER
        moved[catalogue.ATTEMPTS.name, (provider, model or NONE, result), ""] += len(durations)
        observe(moved, catalogue.ATTEMPT_DURATION, (provider, result), durations)


def _count_turns(moved: Counter[TotalKey], attempts: Sequence[Attempt]) -> None:
    """Count each try after the first: at the same provider it is a retry, at another one a fallback."""
    for before, one in pairwise(attempts):
        if one.provider == before.provider:
            moved[catalogue.RETRIES.name, (one.provider, before.result), ""] += 1
        else:
            went = "ok" if one.result == "ok" else "failed"
            moved[catalogue.FALLBACKS.name, (before.provider, one.provider, went), ""] += 1
