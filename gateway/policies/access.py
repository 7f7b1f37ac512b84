"""Who is calling? A key's SHA-256 leads to a principal: the team, the key and what they may do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from gateway.core.record import BODIES
from gateway.policies.patterns import Patterns
from gateway.policies.redaction import DEFAULT, Redaction

_STRICTNESS = {name.encode(): number for number, name in enumerate(BODIES)}
_STRICTEST = len(BODIES) - 1
CACHED_MOST = 1024  # model names are the callers' to invent


@dataclass(frozen=True, slots=True)
class Principal:
    """One key of one team, and its rights.

    `allow_models`: patterns of the team (None: every model). `company_models`: patterns of the whole company, which
    apply in addition. `forward_credentials`: with `x-tollway-key`, the client's own provider credential goes upstream.
    `bodies`: full | redacted | none; `redaction`: what is taken out of them where it is redacted.
    """

    team: str
    key: str
    allow_models: tuple[str, ...] | None = None
    forward_credentials: bool = False
    bodies: str = "full"
    max_body_bytes: int = 1 << 20
    company_models: tuple[str, ...] | None = None
    redaction: Redaction = DEFAULT
    _rules: tuple[Patterns, ...] = field(init=False, repr=False, compare=False)
    _verdicts: dict[str, bool] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        lists = (self.allow_models, self.company_models)
        object.__setattr__(self, "_rules", tuple(Patterns(texts) for texts in lists if texts is not None))

    def bodies_of(self, wishes: Iterable[bytes]) -> str:
        """Return what may be kept of a request's bodies: what the team says, or less where the request wishes for less.

        What is no wish that we know is taken for the strictest one: whoever misspells it wants something kept back.
        """
        asked = (_STRICTNESS.get(wish.strip().lower(), _STRICTEST) for wish in wishes)
        return BODIES[max(_STRICTNESS[self.bodies.encode()], *asked, 0)]

    @property
    def is_limited(self) -> bool:
        """Whether the key may not use every model."""
        return bool(self._rules)

    def allows(self, model: str) -> bool:
        """Tell whether the key may ask for `model` under this very name (see Routing.allowed for `provider/model`)."""
        verdict = self._verdicts.get(model)
        if verdict is None:
            if len(self._verdicts) >= CACHED_MOST:
                self._verdicts.clear()
            verdict = self._verdicts[model] = all(rule.matches(model) for rule in self._rules)
        return verdict

    def company_allows(self, model: str) -> bool:
        """Tell whether the company lets this team use `model`, whatever the team's own list says."""
        return self.company_models is None or Patterns(self.company_models).matches(model)


class Access:
    """Every key that is valid now, by the SHA-256 digest of its text."""

    __slots__ = ("_by_hash",)

    def __init__(self, by_hash: Mapping[bytes, Principal]) -> None:
        self._by_hash = dict(by_hash)

    def identify(self, candidates: Iterable[bytes]) -> Principal | None:
        """Return whom the first valid credential of a request belongs to; None: nobody we know.

        A look-up by digest tells an attacker's clock nothing about the key.
        """
        for credential in candidates:
            principal = self._by_hash.get(sha256(credential).digest())
            if principal is not None:
                return principal
        return None

    def principals(self) -> tuple[Principal, ...]:
        """Return everybody who may call."""
        return tuple(self._by_hash.values())
