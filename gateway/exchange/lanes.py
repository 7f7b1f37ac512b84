"""What leads to one provider: its pool, and everything of a request to it that can be prepared once."""

from collections.abc import Iterable

from gateway.http.pool import Origin, Pool, Pools
from gateway.policies.routing import Provider
from gateway.policies.snapshot import Server
from gateway.wire.dialect import DIALECTS
from gateway.wire.paths import join

_MAX_PATHS = 1_000  # remembered per provider
_WITH_BODY = frozenset((b"POST", b"PUT", b"PATCH"))  # their length is told even when it is 0


class Passed:
    """What of a request's head goes on to any provider. `own_key`: with the client's own provider credential."""

    __slots__ = ("block", "own_key", "query")

    def __init__(self, query: bytes, block: bytes, own_key: bool) -> None:
        self.query = query
        self.block = block
        self.own_key = own_key


class Lane:
    """What leads to one provider."""

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

    def head(self, passed: Passed, method: bytes, path: str, length: int | None) -> bytes:
        """Write the head of a request to the provider. `length` is the body's; None: it is chunked."""
        if length is None:
            framing = b"transfer-encoding: chunked\r\n\r\n"
        elif length or method in _WITH_BODY:
            framing = b"content-length: %d\r\n\r\n" % length
        else:
            framing = b"\r\n"
        return b"".join(
            (
                method,
                b" ",
                self._paths.get(path) or self._joined(path),
                b"?" + passed.query if passed.query else b"",
                self._host,
                b"" if passed.own_key else self._credential(),
                passed.block,
                framing,
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
