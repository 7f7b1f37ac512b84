"""What would a rule take, and what would it cost? Tried on past traffic, with its caps, and nothing is changed."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.core.ids import started_ms
from gateway.evaluation.follow import Follow, Row
from gateway.evaluation.windows import MINUTE_MS, Candidate, close
from gateway.policies.evaluating import Rule
from gateway.policies.sampling import BY_RATE, Decision, Sieve, draw, kind_of


@dataclass(slots=True)
class Preview:
    """How many exchanges came how far. `reasons`: of those that were sampled, each of its reasons; `capped`: that its
    caps kept out."""

    seen: int = 0
    matched: int = 0
    sampled: int = 0
    capped: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def cost_nano_usd(self, each_nano_usd: int) -> int:
        """Return what its judge is expected to cost for them, where one evaluation costs so much."""
        return self.sampled * each_nano_usd


def preview(follow: Follow, rule: Rule, salt: str, since_ms: int, until_ms: int, *, caps: bool = True) -> Preview:
    """Try a rule on what began from `since_ms` until before `until_ms`.

    Money's bound is left out: how much there is depends on when it is looked. `caps`: of minutes, by when exchanges
    began; a backfill has none.
    """
    found = Preview()
    sieve = Sieve(rule)
    minute = -1
    window: list[tuple[Decision, Candidate]] = []
    rows = (row for batch in follow.past(since_ms, until_ms) for row in batch.rows)
    for row in _in_order_of_minutes(rows):
        if row.record.team != rule.team:
            continue
        found.seen += 1
        decision = sieve.decide(row.record, kind_of(row.record), draw(salt, row.record.id))
        if decision is None:
            continue
        found.matched += 1
        if not decision.is_taken:
            continue
        if (now := _minute(row)) != minute:
            _close(found, window, caps=caps)
            minute, window = now, []
        window.append((decision, _candidate(len(window), rule, decision)))
    _close(found, window, caps=caps)
    return found


def _in_order_of_minutes(rows: Iterable[Row]) -> Iterable[Row]:
    """Sort stretches of rows: they come in the order in which they ended, which is nearly that in which they began."""
    stretch: list[Row] = []
    for row in rows:
        stretch.append(row)
        if len(stretch) >= _SORTED:
            stretch.sort(key=_minute)
            yield from stretch[: _SORTED // 2]
            del stretch[: _SORTED // 2]
    stretch.sort(key=_minute)
    yield from stretch


_SORTED = 20_000


def _minute(row: Row) -> int:
    return started_ms(row.record.id) // MINUTE_MS


def _candidate(number: int, rule: Rule, decision: Decision) -> Candidate:
    always = bool(decision.always)
    return Candidate(number, "", decision.draw, decision.rate, always, rule.per_minute, rule.always_per_minute)


def _close(found: Preview, window: list[tuple[Decision, Candidate]], *, caps: bool) -> None:
    if not caps:
        found.sampled += len(window)
        for decision, _ in window:
            found.reasons.update(decision.reasons)
        return
    taken = close([candidate for _, candidate in window], None)
    found.sampled += len(taken)
    found.capped += len(window) - len(taken)
    for one in taken:
        found.reasons.update([BY_RATE] if one.by_rate else [])
        found.reasons.update(window[one.number][0].always if one.by_always else [])
