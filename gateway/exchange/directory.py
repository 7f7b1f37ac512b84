"""Which place does a request's path name? Worked out once for each path of a snapshot, then remembered."""

from typing import NamedTuple

from gateway.core.errors import Refusal
from gateway.policies.routing import Choice, Routing, Target
from gateway.wire.endpoint import Place
from gateway.wire.paths import at_root, doubled_hint, forbidden, suspicious, under_provider

_REMEMBERED = 2_000  # paths with ids in them come once each


class Found(NamedTuple):
    """`choice`: the path itself names the provider. `closed`: the path administers an account."""

    place: Place | None
    choice: Choice | None
    closed: bool


class Directory:
    """The places of one snapshot."""

    __slots__ = ("_found", "_routing")

    def __init__(self, routing: Routing) -> None:
        self._routing = routing
        self._found: dict[tuple[bytes, bytes, bool, bool], Found] = {}

    def find(self, method: bytes, path: bytes, *, anthropic: bool, google: bool) -> Found:
        """Tell by path, method and two telling headers whose API is meant. Raises Refusal for a doubtful path."""
        key = (method, path, anthropic, google)
        found = self._found.get(key)
        if found is None:
            found = self._look(method.decode("ascii"), path.decode("ascii"), anthropic=anthropic, google=google)
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            self._found[key] = found
        return found

    def _look(self, method: str, path: str, *, anthropic: bool, google: bool) -> Found:
        if suspicious(path):
            raise Refusal("bad_request", "Write the path plainly: without '..', '//', '\\' or an encoded slash.")
        provider = self._routing.provider(path[1:].partition("/")[0])
        choice = None
        if provider is not None:
            choice = Choice(None, (Target(provider, None),))
            place: Place | None = under_provider(provider.dialect, method, path[1 + len(provider.name) :] or "/")
        elif doubled_hint(path):
            place = None  # a mistake in a base URL; the answer says which
        else:
            place = at_root(method, path, anthropic=anthropic, google=google)
        return Found(place, choice, place is not None and forbidden(place.dialect, place.path))
