"""Is this exchange taken by this rule? One keyed hash of each unit decides, so that every host decides the same."""

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import NamedTuple

from gateway.core.record import Record
from gateway.policies.evaluating import Always, Rule, Stratum
from gateway.policies.patterns import Patterns

# The reason of what was taken by its rate; what always-rules took has their kind.
BY_RATE = "rate"
# The reason of what somebody found bad, later: its probability is not known.
TRIAGE = "negative_feedback"
CHOSEN = "chosen"  # by a person, a pair
# Why an answer ended too early, or was held back, in the words of all providers.
TRUNCATED = frozenset(
    ("length", "max_tokens", "MAX_TOKENS", "max_output_tokens", "model_length", "model_context_window_exceeded")
)
FILTERED = frozenset(
    [
        *("content_filter", "content_filtered", "refusal", "guardrail_intervened"),
        *("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"),
        *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
    ]
)
_REMEMBERED = 4096  # model names are the callers' to invent


def draw(salt: str, unit: str) -> float:
    """Return the number in [0, 1) that belongs to a unit: an exchange's id, or a session."""
    digest = blake2b(unit.encode("utf-8", "surrogatepass"), key=salt.encode(), digest_size=8).digest()
    return float((int.from_bytes(digest) >> 11) / (1 << 53))


class Kind(NamedTuple):
    """What patterns are compared with. `models`: as asked for here, as the provider was asked, as it answered."""

    models: tuple[str, ...]
    route: str
    endpoint: str
    outcome: str


def kind_of(record: Record) -> Kind:
    """Return the kind of an exchange; few exchanges have one of their own."""
    asked, served = record.model_asked, record.model_served
    models = (record.model_requested or "", asked or "", served or "")
    return Kind(models, record.route or "", record.endpoint or "", record.outcome or "")


class Decision(NamedTuple):
    """What a rule says of a unit. `rate`: of its stratum; `always`: the kinds of always-rules that take it.

    No cap is in it yet: those are of whole minutes (`evaluation/windows.py`).
    """

    draw: float
    rate: float
    always: tuple[str, ...]

    @property
    def by_rate(self) -> bool:
        """Whether the rate alone takes it."""
        return self.draw < self.rate

    @property
    def is_taken(self) -> bool:
        """Whether anything takes it."""
        return self.draw < self.rate or bool(self.always)

    @property
    def probability(self) -> float:
        """With which probability it is taken. All reasons share one hash, so that the highest rate says it."""
        return 1.0 if self.always else self.rate

    @property
    def reasons(self) -> list[str]:
        """Everything that takes it."""
        return [BY_RATE, *self.always] if self.draw < self.rate else [*self.always]


class Sieve:
    """One rule, compiled."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.policy = rule.version
        self._only = None if rule.only is None else _Match(rule.only)
        self._strata = [_Match(stratum) for stratum in rule.strata]
        self._always = [(each.kind, test) for each in rule.always if (test := _test(each)) is not None]
        self._rates: dict[Kind, float | None] = {}

    @property
    def has_rate(self) -> bool:
        """Whether a rate takes any at all."""
        return self.rule.sample > 0 or any(stratum.sample > 0 for stratum in self.rule.strata)

    @property
    def wants_negative_feedback(self) -> bool:
        """Whether it also takes what somebody found bad, later."""
        return any(each.kind == TRIAGE for each in self.rule.always)

    def rate(self, kind: Kind) -> float | None:
        """Return the rate of a kind of exchange; None: this rule does not look at it."""
        try:
            return self._rates[kind]
        except KeyError:
            pass
        if len(self._rates) >= _REMEMBERED:
            self._rates.clear()
        rate = self._rates[kind] = self._find(kind)
        return rate

    def always(self, record: Record) -> tuple[str, ...]:
        """Return the kinds of always-rules that an exchange fulfils."""
        return tuple([kind for kind, test in self._always if test(record)]) if self._always else ()

    def decide(self, record: Record, kind: Kind, drawn: float) -> Decision | None:
        """Decide about one exchange; None: this rule does not look at it."""
        rate = self.rate(kind)
        return None if rate is None else Decision(drawn, rate, self.always(record))

    def _find(self, kind: Kind) -> float | None:
        if self._only is not None and not self._only.matches(kind):
            return None
        return next((match.sample for match in self._strata if match.matches(kind)), self.rule.sample)


class _Match:
    """The patterns of a stratum, compiled."""

    def __init__(self, stratum: Stratum) -> None:
        self.sample = stratum.sample
        self._model = _patterns(stratum.model)
        self._others = [
            (name, patterns)
            for name in ("route", "endpoint", "outcome")
            if (patterns := _patterns(getattr(stratum, name))) is not None
        ]

    def matches(self, kind: Kind) -> bool:
        if self._model is not None and not any(self._model.matches(model) for model in kind.models):
            return False
        return all(patterns.matches(getattr(kind, name)) for name, patterns in self._others)


def _patterns(texts: Iterable[str] | None) -> Patterns | None:
    return None if texts is None else Patterns(texts)


Test = Callable[[Record], bool]


def _test(always: Always) -> Test | None:
    """Make the test of an always-rule; None: it is not asked about an exchange as it is."""
    if (plain := _PLAIN.get(always.kind)) is not None:
        return plain
    if (bounded := _BOUNDED.get(always.kind)) is not None and always.above is not None:
        return bounded(always.above)
    return None


def _above(name: str) -> Callable[[float], Test]:
    def bounded(bound: float) -> Test:
        return lambda record: (getattr(record, name) or 0) > bound

    return bounded


_PLAIN: dict[str, Test] = {
    "error": lambda record: record.outcome != "ok",
    "truncated": lambda record: record.finish_reason in TRUNCATED,
    "content_filter": lambda record: record.finish_reason in FILTERED,
}
_BOUNDED: dict[str, Callable[[float], Test]] = {
    "cost_usd": _above("cost_nano_usd"),
    "duration_ms": _above("duration_ms"),
    "first_token_ms": _above("first_token_ms"),
}
