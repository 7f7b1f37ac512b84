"""The way to one provider: its pool, and everything of a request to it that can be prepared once."""

from collections.abc import Iterable

from gateway.http.headers import FRAMING, HOP_BY_HOP, Header, Passing, named_in_connection, write_block
from gateway.http.pool import Origin, Pool, Pools
from gateway.http.reader import Request
from gateway.policies.routing import Provider
from gateway.policies.snapshot import Server
from gateway.wire.credentials import ACCOUNT, CREDENTIALS, GATEWAY_KEY, PRIVATE, PRIVATE_PREFIXES
from gateway.wire.dialect import DIALECTS
from gateway.wire.paths import join

_MAX_PATHS = 1_000  # remembered per provider

_ALWAYS = HOP_BY_HOP | FRAMING | PRIVATE
# With our key the client's credentials and account stay here; with its own they go along, and only ours stays.
_EXCHANGED = _ALWAYS | CREDENTIALS | ACCOUNT
_IDENTITY = frozenset((b"accept-encoding",))
_PASSING = {
    # (own key, metered)
    (False, False): Passing(_EXCHANGED, PRIVATE_PREFIXES),
    (False, True): Passing(_EXCHANGED | _IDENTITY, PRIVATE_PREFIXES),
    (True, False): Passing(_ALWAYS, PRIVATE_PREFIXES),
    (True, True): Passing(_ALWAYS | _IDENTITY, PRIVATE_PREFIXES),
}


class Lane:
    """The way to one provider."""

    __slots__ = ("_base_path", "_credentials", "_host", "_paths", "_turn", "pool", "provider")

    def __init__(self, provider: Provider, pool: Pool) -> None:
        self.provider = provider
        self.pool = pool
        default_port = 443 if provider.tls else 80
        host = f"[{provider.host}]" if ":" in provider.host else provider.host
        port = "" if provider.port == default_port else f":{provider.port}"
        self._host = f" HTTP/1.1\r\nhost: {host}{port}\r\n".encode()
        credential = DIALECTS[provider.dialect].credential
        self._credentials = [b"%b: %b\r\n" % credential(key) for key in provider.api_keys] or [b""]
        self._turn = 0
        self._base_path = provider.base_path
        self._paths: dict[str, bytes] = {}

    def head(self, request: Request, path: str, query: bytes, *, metered: bool, own_key: bool) -> bytes:
        """Write the head of the request to the provider, up to where the framing headers follow.

        `own_key`: the client brought its provider credential and is allowed to use it.
        """
        passing = _PASSING[own_key, metered]
        connection = request.index.get(b"connection")
        if connection is not None and (named := named_in_connection(connection)):
            passing = passing.without(named)
        return b"".join(
            (
                request.method,
                b" ",
                self._paths.get(path) or self._joined(path),
                b"?" + query if query else b"",
                self._host,
                b"" if own_key else self._credential(),
                b"accept-encoding: identity\r\n" if metered else b"",
                write_block(request.headers, passing),
            )
        )

    def _credential(self) -> bytes:
        """Take the provider's keys in turns."""
        self._turn = (self._turn + 1) % len(self._credentials)
        return self._credentials[self._turn]

    def _joined(self, path: str) -> bytes:
        joined = join(self._base_path, path).encode("ascii")
        if len(self._paths) < _MAX_PATHS:
            self._paths[path] = joined
        return joined


def origin_of(provider: Provider) -> Origin:
    """Return where a provider listens."""
    return Origin(provider.host, provider.port, provider.tls, provider.ca_file, provider.http_leniency)


async def open_lanes(pools: Pools, providers: Iterable[Provider], server: Server) -> dict[str, Lane]:
    """Prepare the way to every provider of a snapshot. Raises OSError for an unreadable CA file."""
    every = list(providers)
    origins = [origin_of(provider) for provider in every]
    await pools.prepare(origins)
    pools.keep(origins, idle_timeout_s=server.idle_timeout_s, connect_timeout_s=server.connect_timeout_s)
    return {provider.name: Lane(provider, pools[origin]) for provider, origin in zip(every, origins, strict=True)}


def brings_own_credential(headers: list[Header]) -> bool:
    """Tell whether a request carries a provider credential beside its gateway key."""
    names = {lower for lower, _, _ in headers}
    return GATEWAY_KEY in names and bool(names & CREDENTIALS)
