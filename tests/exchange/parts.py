"""Parts for tests of one exchange: a snapshot with some providers, and heads of requests."""

from decimal import Decimal
from hashlib import sha256

import uvloop

from gateway.exchange.directory import Directory
from gateway.exchange.introduction import Introduction, introduce
from gateway.exchange.lanes import origin_of
from gateway.http.headers import Header
from gateway.http.pool import Pool
from gateway.http.reactor import Reactor
from gateway.http.reader import Head
from gateway.policies.access import Access, Principal
from gateway.policies.patterns import Patterns
from gateway.policies.pricing import PriceBook
from gateway.policies.routing import Provider, Routing, Target, Weighted
from gateway.policies.snapshot import Server, Snapshot

KEY = b"tw-key"

OPENAI = Provider(
    "openai",
    "openai",
    "api.openai.com",
    base_path="/v1",
    api_keys=(b"sk-1", b"sk-2"),
    models=Patterns(("gpt-*",)),
    allow_paths=("/v1/organization/costs",),
)
ANTHROPIC = Provider("anthropic", "anthropic", "api.anthropic.com", api_keys=(b"sk-a",), models=Patterns(("claude-*",)))
KEYLESS = Provider("keyless", "openai", "::1", tls=False, port=8000, missing_keys=("env:NOPE is not set",))


def snapshot(principal: Principal | None = None, *, unknown_model: str = "default_price") -> Snapshot:
    """A config with three providers, one route and one key."""
    routes = {"fast": [Weighted(Target(OPENAI, "gpt-4o-mini"), 1)]}
    return Snapshot(
        1,
        Access({sha256(KEY).digest(): principal or Principal("search", "ci")}),
        Routing([OPENAI, ANTHROPIC, KEYLESS], routes),
        PriceBook({}, (Decimal(5), Decimal(25)), unknown_model),
        Server("data", "data/store"),
    )


def head(method: bytes, target: bytes, **headers: bytes) -> Head:
    """A checked head; underscores in header names stand for hyphens."""
    named = {b"Host": b"gateway"} | {name.replace("_", "-").encode(): value for name, value in headers.items()}
    lines: list[Header] = [(name.lower(), name, value) for name, value in named.items()]
    return Head(method, target, "1.1", lines)


def idle_pool(provider: Provider) -> Pool:
    """A pool from which no test takes a connection."""
    return Pool(origin_of(provider), _REACTOR, None)


_REACTOR = Reactor(uvloop.new_event_loop())


def introduced(request: Head, principal: Principal | None = None) -> Introduction:
    """Introduce a head to that config."""
    config = snapshot(principal)
    return introduce(request, config, Directory(config.routing))
