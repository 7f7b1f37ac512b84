"""What a request's head says about it: whose API it means, who calls, and what of the head goes to the provider.

All of it follows from the head and the config alone. An agent repeats its head with every request of a connection,
so it is worked out once and found again in the head's notes.
"""

from collections.abc import Mapping

from gateway.core.errors import Refusal
from gateway.core.record import Record
from gateway.exchange.directory import Directory, Found
from gateway.exchange.intake import Taking, taking
from gateway.exchange.lanes import Passed
from gateway.exchange.redacted_entry import Keeping
from gateway.exchange.way import Way
from gateway.http.headers import FRAMING, HOP_BY_HOP, Passing, named_in_connection, write_block
from gateway.http.reader import Head
from gateway.policies.access import Access, Principal
from gateway.policies.snapshot import Snapshot
from gateway.wire.claims import note_claims
from gateway.wire.credentials import ACCOUNT, CREDENTIALS, GATEWAY_KEY, PRIVATE, PRIVATE_PREFIXES, candidates
from gateway.wire.endpoint import Place
from gateway.wire.paths import strip_key

_ALWAYS = HOP_BY_HOP | FRAMING | PRIVATE
# With our key the client's credentials and account stay here; with its own they go along.
_EXCHANGED = _ALWAYS | CREDENTIALS | ACCOUNT
_BODIES = b"x-tollway-bodies"
_METERED = frozenset((b"accept-encoding",))  # what we want to read is asked for in clear
_PASSING = {
    # (own key, metered)
    (False, False): Passing(_EXCHANGED, PRIVATE_PREFIXES),
    (False, True): Passing(_EXCHANGED | _METERED, PRIVATE_PREFIXES),
    (True, False): Passing(_ALWAYS, PRIVATE_PREFIXES),
    (True, True): Passing(_ALWAYS | _METERED, PRIVATE_PREFIXES),
}


class Introduction:
    """`choice`: the path itself names the provider. `closed`: the path administers an account.

    `passed`: what of it goes on. `taking`: how its body is taken. `keeping`: what may be kept of bodies.
    `record`: everything of the record that is known by now, to be copied.
    `ways`: to models that have been asked for, where the config alone decides that.
    """

    __slots__ = (
        "choice", "closed", "dialect", "keeping", "passed", "place", "principal", "record", "snapshot", "taking",
        "ways",
    )  # fmt: skip

    def __init__(
        self, head: Head, snapshot: Snapshot, principal: Principal, found: Found, passed: Passed, record: Record
    ) -> None:
        self.snapshot = snapshot
        self.principal = principal
        self.place = place = found.place
        self.dialect = "openai"
        self.taking = Taking.THROUGH
        if place is not None:
            self.dialect = place.dialect
            self.taking = taking(head, place.endpoint, listed=principal.is_limited)
        self.choice = found.choice
        self.closed = found.closed
        self.passed = passed
        self.record = record
        most_bytes = 0 if record.bodies == "none" else principal.max_body_bytes
        self.keeping = Keeping(principal.redaction, most_bytes, _text(head.index.get(b"content-encoding")))
        self.ways: dict[str | None, Way] = {}


def introduce(head: Head, snapshot: Snapshot, directory: Directory) -> Introduction:
    """Work it out. Raises Refusal; of a caller that we do not know nothing is kept."""
    path, _, query = head.target.partition(b"?")
    stripped, query_key = strip_key(query)
    index = head.index
    google = query_key is not None or b"x-goog-api-key" in index
    found = directory.find(head.method, path, anthropic=b"anthropic-version" in index, google=google)
    place = found.place
    principal = snapshot.access.identify(candidates(index, query_key))
    if principal is None:
        refusal = Refusal("invalid_key", "No valid gateway key: send one made by `tollway key new` as the API key.")
        refusal.dialect = place.dialect if place is not None else None
        raise refusal
    own_key = principal.forward_credentials and _brings_own(index, query_key, snapshot.access)
    metered = place is not None and place.endpoint.meters
    return Introduction(
        head,
        snapshot,
        principal,
        found,
        Passed(query if own_key else stripped, _passing_block(head, own_key=own_key, metered=metered), own_key),
        _record(head, principal, place, path.decode("ascii")),
    )


def _brings_own(index: Mapping[bytes, bytes], query_key: bytes | None, access: Access) -> bool:
    """Tell whether the client's own provider credential stands beside our key. Where one of ours does, none goes on."""
    if GATEWAY_KEY not in index or (query_key is None and CREDENTIALS.isdisjoint(index)):
        return False
    _, *beside = candidates(index, query_key)
    return access.identify(beside) is None


def _passing_block(head: Head, *, own_key: bool, metered: bool) -> bytes:
    passing = _PASSING[own_key, metered]
    connection = head.index.get(b"connection")
    if connection is not None and (named := named_in_connection(connection)):
        passing = passing.without(named)
    return (b"accept-encoding: identity\r\n" if metered else b"") + write_block(head.headers, passing)


def _record(head: Head, principal: Principal, place: Place | None, path: str) -> Record:
    record = Record(
        id="",
        started_at="",
        team=principal.team,
        key=principal.key,
        method=head.method.decode("ascii"),
        path=path,
        dialect=place.dialect if place is not None else None,
        endpoint=place.endpoint.name if place is not None else None,
        request_content_type=_text(head.index.get(b"content-type")),
        bodies=principal.bodies,
    )
    if _BODIES in head.index:
        record.bodies = principal.bodies_of(value for name, _, value in head.headers if name == _BODIES)
    note_claims(record, head.index)
    return record


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
