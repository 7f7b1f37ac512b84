"""Under which number does a day file know what many exchanges have in common? What callers make up is bounded."""

import sqlite3
from collections.abc import Sequence

from gateway.core.record import Record
from gateway.store import schema
from gateway.store.schema import Named

# Of one day. So many models have sums of their own whatever became of their requests, and so many if they answered:
# an outage is seen by model, and a client that invents models fills no table.
MODELS_TRIED = 200
MODELS_ANSWERED = 1_000
KINDS_MOST = 10_000
# Who was named: sessions with their users, agents and clients; and tags.
CLAIMS_MOST = 100_000
TAGS_MOST = 100_000
# What is remembered of what was looked up already; then it begins again.
REMEMBERED = 20_000

_MODELS = slice(schema.KIND.index("model_requested"), schema.KIND.index("model_served") + 1)
_WHOSE = 2  # team and key, of a claim

Names = tuple[str | int, ...]
Tag = tuple[str, str, str]


class Naming:
    """The numbers of one day file, for its only writer, within transactions; after one that failed it is of no use."""

    def __init__(self, sql: sqlite3.Connection) -> None:
        self._sql = sql
        self._kinds: dict[Names, int] = {}
        self._models: set[str] = set()
        for number, *names in sql.execute("SELECT * FROM kinds"):
            self._know(tuple(names), number)
        ((self._last_claim,),) = sql.execute("SELECT coalesce(max(claim), 0) FROM claims")
        # Hashes alone, a few megabytes at most: who is surely new need not be looked for.
        self._hashes = {hash(names) for names in sql.execute(schema.SELECT_CLAIMS)}
        ((self._tags,),) = sql.execute("SELECT count(*) FROM tags")
        self._seen_kinds: dict[tuple[object, ...], tuple[int, bool]] = {}
        self._seen_claims: dict[tuple[object, ...], tuple[int, bool]] = {}
        self._seen_tags: set[Tag] = set()
        self._new_claims: dict[Names, int] = {}

    def of(self, record: Record) -> Named:
        """Name an exchange; what is new gets a number."""
        kind, claim = schema.kind_of(record), schema.claim_of(record)
        number, other_models = self._seen_kinds.get(kind) or self._number_kind(kind)
        caller, other_callers = self._seen_claims.get(claim) or self._number_claim(claim)
        if not other_models and not other_callers:
            return Named(number, caller)
        models = zip(schema.KIND[_MODELS], kind[_MODELS], strict=True) if other_models else ()
        callers = zip(schema.CLAIM[_WHOSE:], claim[_WHOSE:], strict=True) if other_callers else ()
        return Named(number, caller, {name: said for name, said in (*models, *callers) if said is not None})

    def tag(self, tag: str, team: str, key: str) -> Tag:
        """Return under which tag, team and key it is counted; "": no tag."""
        names = tag, team, key
        if names in self._seen_tags:
            return names
        if self._sql.execute(schema.FIND_TAG, names).fetchone() is None:
            if tag and self._tags >= TAGS_MOST:
                return schema.OTHER, team, key
            self._tags += 1
        self._seen_tags.add(names)
        return names

    def take_new_claims(self) -> dict[int, Names]:
        """Return the claims that are not in the file yet: the caller writes them in this transaction."""
        new = {number: names for names, number in self._new_claims.items()}
        self._new_claims.clear()
        for seen in (self._seen_kinds, self._seen_claims, self._seen_tags):
            if len(seen) > REMEMBERED:
                seen.clear()
        return new

    def _number_kind(self, kind: tuple[object, ...]) -> tuple[int, bool]:
        names = _told(kind)
        folded = not self._admits(names)
        if folded:
            models = tuple(name and schema.OTHER for name in names[_MODELS])
            names = (*names[: _MODELS.start], *models, *names[_MODELS.stop :])
        number = self._kinds.get(names)
        if number is None:
            number = len(self._kinds) + 1
            self._sql.execute(schema.INSERT_KIND, (number, *names))
            self._know(names, number)
        if not folded:  # what is unknown now may answer later
            self._seen_kinds[kind] = number, False
        return number, folded

    def _admits(self, names: Names) -> bool:
        """Whether a kind has sums of its own: its models are known, or there is room for them."""
        if names in self._kinds:
            return True
        status = names[schema.KIND.index("status")]
        answered = isinstance(status, int) and 200 <= status < 300
        if len(self._kinds) >= KINDS_MOST:
            return False
        new = {name for name in names[_MODELS] if name and name not in self._models}
        return not new or len(self._models) + len(new) <= (MODELS_ANSWERED if answered else MODELS_TRIED)

    def _know(self, names: Names, number: int) -> None:
        self._kinds[names] = number
        self._models.update(str(name) for name in names[_MODELS] if name not in ("", schema.OTHER))

    def _number_claim(self, claim: tuple[object, ...]) -> tuple[int, bool]:
        names = _told(claim)
        number = self._find_claim(names)
        folded = number is None and self._last_claim >= CLAIMS_MOST and any(names[_WHOSE:])
        if folded:
            names = (*names[:_WHOSE], *(name and schema.OTHER for name in names[_WHOSE:]))
            number = self._find_claim(names)
        if number is None:
            self._last_claim += 1
            number = self._new_claims[names] = self._last_claim
            self._hashes.add(hash(names))
        self._seen_claims[claim] = number, folded
        return number, folded

    def _find_claim(self, names: Names) -> int | None:
        if hash(names) not in self._hashes:
            return None
        new = self._new_claims.get(names)
        if new is not None:
            return new
        found = self._sql.execute(schema.FIND_CLAIM, names).fetchone()
        return None if found is None else int(found[0])


def _told(names: Sequence[object]) -> Names:
    return tuple(["" if name is None else name for name in names])  # type: ignore[misc]
