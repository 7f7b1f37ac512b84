"""Which budgets and limits hold for a request, and whose balance of them counts? Scopes, and what parts them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Generic, NamedTuple, Protocol, TypeVar
from urllib.parse import quote

from gateway.policies.patterns import Patterns

# What a scope can name and a balance can be parted by. `user` and `session` are what the caller claims.
DIMENSIONS: Final = ("team", "key", "user", "session", "model", "provider")
_AT: Final = {name: at for at, name in enumerate(DIMENSIONS)}
CACHED_MOST: Final = 4096  # model names are the callers' to invent
_LONGEST: Final = 200
_DIGEST_CHARS: Final = 24
SHARED: Final = "*"  # no value is written so: quote() writes it as %2A


class Caller(NamedTuple):
    """Who asks. What is not claimed is None."""

    team: str
    key: str
    user: str | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """Patterns that must all match; None: anything does. Who claims no user or session has an empty one."""

    team: Patterns | None = None
    key: Patterns | None = None
    user: Patterns | None = None
    session: Patterns | None = None
    model: Patterns | None = None
    provider: Patterns | None = None

    @property
    def is_personal(self) -> bool:
        """Whether it looks at what changes from one request of a key to the next."""
        return self.user is not None or self.session is not None

    def covers(self, team: str, key: str, models: Sequence[str], provider: str) -> bool:
        """Tell whether a key's requests for a model fall under it, whoever they are for.

        `models`: every name that the model goes by here, such as a route's and the provider's own: one is enough.
        """
        return (
            _matches(self.team, team)
            and _matches(self.key, key)
            and _matches(self.provider, provider)
            and (self.model is None or any(self.model.matches(name) for name in models))
        )

    def covers_person(self, user: str | None, session: str | None) -> bool:
        """Tell whether it covers whom a request is for."""
        return _matches(self.user, user or "") and _matches(self.session, session or "")


ANYTHING: Final = Scope()


class Scoped(Protocol):
    """Something that holds for what its scope covers."""

    @property
    def scope(self) -> Scope:
        """What it holds for."""
        ...


T = TypeVar("T", bound=Scoped)


class Finder(Generic[T]):
    """Find what applies, in the order of the files. One look-up where nothing depends on the single request."""

    __slots__ = ("_all", "_found")

    def __init__(self, everything: Iterable[T]) -> None:
        self._all = tuple(everything)
        self._found: dict[tuple[str, str, tuple[str, ...], str], tuple[bool, tuple[T, ...]]] = {}

    def applying(self, caller: Caller, models: tuple[str, ...], provider: str) -> tuple[T, ...]:
        """Return everything that holds for this request. `models`: as for `Scope.covers`."""
        place = (caller.team, caller.key, models, provider)
        found = self._found.get(place)
        if found is None:
            found = self._find(caller, models, provider)
            if len(self._found) >= CACHED_MOST:
                self._found.clear()
            self._found[place] = found
        personal, all_of_key = found
        if not personal:
            return all_of_key
        return tuple(each for each in all_of_key if each.scope.covers_person(caller.user, caller.session))

    def _find(self, caller: Caller, models: tuple[str, ...], provider: str) -> tuple[bool, tuple[T, ...]]:
        covering = tuple(each for each in self._all if each.scope.covers(caller.team, caller.key, models, provider))
        return any(each.scope.is_personal for each in covering), covering


def values(per: Sequence[str], caller: Caller, model: str, provider: str) -> tuple[str, ...]:
    """Return a request's value of each dimension; what is not claimed is the empty one, with a balance of its own."""
    known = (*caller, model, provider)  # in the order of DIMENSIONS
    return tuple([known[_AT[name]] or "" for name in per])


def part_name(per: Sequence[str], values: Sequence[str]) -> str:
    """Write what a balance is parted by, e.g. `?user=ann&model=gpt-4o`; nothing where it is not."""
    if not per:
        return ""
    return "?" + "&".join(f"{name}={_written(value)}" for name, value in zip(per, values, strict=True))


def shared_name(per: Sequence[str]) -> str:
    """Write the name of the balance that all share for whom there is none of their own."""
    return "?" + "&".join(f"{name}={SHARED}" for name in per)


class Seen:
    """Which values have a balance of their own, here. Bounded: callers invent users and sessions.

    They are counted anew in each period, so that those of yesterday take nobody's place.
    """

    __slots__ = ("_most", "_parts", "_period")

    def __init__(self, most: int) -> None:
        self._most = most
        self._period = 0.0
        self._parts: dict[tuple[str, ...], str] = {}

    def name(self, per: Sequence[str], values: tuple[str, ...], period: float) -> str:
        """Return the part's name, the shared one's where there are too many. `period`: which it is."""
        if period != self._period:
            self._parts.clear()
            self._period = period
        name = self._parts.get(values)
        if name is None:
            if len(self._parts) >= self._most:
                return shared_name(per)
            name = self._parts[values] = part_name(per, values)
        return name


def _matches(patterns: Patterns | None, value: str) -> bool:
    return patterns is None or patterns.matches(value)


def _written(value: str) -> str:
    """Percent-encode a value. Of a very long one the head and a digest: two of them are still two."""
    text = quote(value, safe="")
    if len(text) <= _LONGEST:
        return text
    digest = sha256(value.encode()).hexdigest()[:_DIGEST_CHARS]
    head = text[: _LONGEST - _DIGEST_CHARS - 1]
    cut = head.rfind("%", len(head) - 2)
    return f"{head[:cut] if cut >= 0 else head}~{digest}"
