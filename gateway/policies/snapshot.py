"""One config, compiled: what a request holds on to from its first byte to its last, whatever is reloaded meanwhile."""

from dataclasses import dataclass, field

from gateway.policies.access import Access
from gateway.policies.budget import Budgets
from gateway.policies.evaluating import Evaluating
from gateway.policies.limit import Limits
from gateway.policies.model_facts import FactBook
from gateway.policies.pricing import PriceBook
from gateway.policies.retention import Retention
from gateway.policies.routing import Routing


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. Port 0: any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Server:
    """The `[server]` and `[store]` sections, in plain units and absolute paths.

    `on_journal_failure`: serve | refuse. `durability`: process | power. `idle_timeout_s`: between two bytes from a
    provider. `tls_cert`, `tls_key`: serve agents over TLS. What needs a restart: listen, admin, workers, data_dir, tls.
    `log_format`: human | json; `log_level`: debug | info | warning | error: of the processes' own log.
    """

    data_dir: str
    store_dir: str
    full_text: bool = False
    listen: Address = Address("127.0.0.1", 8080)
    admin: Address = Address("127.0.0.1", 8081)
    admin_token: str | None = field(default=None, repr=False)
    metrics_token: str | None = field(default=None, repr=False)
    workers: int = 1
    on_journal_failure: str = "serve"
    durability: str = "process"
    max_request_body_bytes: int = 64 << 20
    header_timeout_s: float = 30.0
    body_timeout_s: float = 120.0
    idle_timeout_s: float = 600.0
    keepalive_timeout_s: float = 75.0
    connect_timeout_s: float = 10.0
    drain_timeout_s: float = 300.0
    tls_cert: str | None = None
    tls_key: str | None = None
    log_format: str = "human"
    log_level: str = "info"


@dataclass(frozen=True, slots=True)
class PriceSource:
    """Where newer lists of prices are looked for, every `refresh_s`: a URL, or the absolute path of a file."""

    location: str
    refresh_s: float

    @property
    def is_url(self) -> bool:
        """Whether it is fetched; otherwise it is read."""
        return "://" in self.location

    def __str__(self) -> str:
        """Name it for people: what follows a "?" may be a credential."""
        return self.location.partition("?")[0] if self.is_url else self.location


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that decisions need. `generation` counts the reloads of this run."""

    generation: int
    access: Access
    routing: Routing
    prices: PriceBook
    server: Server
    price_source: PriceSource | None = None
    budgets: Budgets = field(default_factory=Budgets)
    limits: Limits = field(default_factory=Limits)
    facts: FactBook = field(default_factory=FactBook)
    retention: Retention = field(default_factory=Retention)
    evaluating: Evaluating = field(default_factory=Evaluating)
