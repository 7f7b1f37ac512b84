"""What people may write: config.toml (Company) and teams/NAME.toml (Team), field by field, with the defaults."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway.config.values import (
    TABLE,
    AddressText,
    AlwaysText,
    BaseUrl,
    Digest,
    JsonPath,
    Name,
    NotBuilt,
    OnAuthorityLoss,
    OnExceeded,
    OwnPattern,
    PatternList,
    PriceLocation,
    Seconds,
    Secret,
    Share,
    Size,
    TimeZone,
    Usd,
    WindowText,
)
from gateway.policies.sensitive import KINDS


class Section(BaseModel):
    """A table of a file: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Server(Section):
    """[server]"""

    listen: AddressText = "127.0.0.1:8080"
    admin: AddressText = "127.0.0.1:8081"
    admin_token: Secret | None = None
    metrics_token: Secret | None = None
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    data_dir: str = "data"
    on_journal_failure: Literal["serve", "refuse"] = "serve"
    durability: Literal["process", "power"] = "process"
    max_request_body: Size = 64 << 20
    header_timeout: Seconds = 30.0
    body_timeout: Seconds = 120.0
    idle_timeout: Seconds = 600.0
    keepalive_timeout: Seconds = 75.0
    connect_timeout: Seconds = 10.0
    drain_timeout: Seconds = 300.0
    tls_cert: str | None = None
    tls_key: str | None = None
    log_format: Literal["human", "json"] = "human"
    log_level: Literal["debug", "info", "warning", "error"] = "info"


# USD per million tokens or characters, except: web_search, file_search, request and page per 1,000, image for one,
# audio_hour per hour, audio_minimum for a request with sound at least.
PriceKind = Literal[
    "input",
    "input_audio",
    "input_image",
    "input_video",
    "cache_read",
    "cache_read_audio",
    "cache_read_image",
    "cache_read_video",
    "cache_write",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "output_reasoning",
    "output_audio",
    "output_image",
    "output_video",
    "output_citation",
    "character",
    "web_search",
    "file_search",
    "request",
    "page",
    "image",
    "audio_minimum",
    "audio_hour",
]


class Provider(Section):
    """[providers.NAME]; of a known provider every field has a default."""

    dialect: Literal["openai", "anthropic", "gemini"] | None = None
    base_url: BaseUrl | None = None
    api_keys: list[Secret] | None = None
    models: list[str] | None = None
    free: bool | None = None
    allow_paths: list[str] = []
    prices: dict[str, dict[PriceKind, Usd]] = {}
    ca_file: str | None = None
    http_leniency: bool = False
    stream_usage: Literal["inject", "off"] | None = None


class DefaultPrice(Section):
    """What a model costs that nobody knows, in USD per million tokens."""

    input: Usd = Decimal(5)
    output: Usd = Decimal(25)


class Prices(Section):
    """[prices]"""

    unknown_model: Literal["default_price", "deny", "zero"] = "default_price"
    default_price: DefaultPrice = DefaultPrice()
    source: PriceLocation | None = None
    refresh: Seconds = 3600.0


class Target(Section):
    """One target of a route."""

    provider: str
    model: Annotated[str, Field(min_length=1)] | None = None
    weight: Annotated[int, Field(ge=0, le=1_000_000)] = 1


class Route(Section):
    """[[routes]]"""

    model: Annotated[str, Field(min_length=1)]
    targets: Annotated[list[Target], Field(min_length=1)]
    fallbacks: NotBuilt = None


class Models(Section):
    """[models] of a team, or of the company: patterns of the models that may be used."""

    allow: list[str] | None = None


Tokens = Annotated[int, Field(ge=1, le=10**9)]


class ModelFacts(Section):
    """[models.NAME]: what a strict budget must know of a model."""

    max_output_tokens: Tokens | None = None
    context_window: Tokens | None = None
    max_image_tokens: Tokens | None = None
    strict_ceiling_usd: Usd | None = None


ModelTable = Annotated[ModelFacts, TABLE]


class Teams(Section):
    """The teams that something of the company's holds for."""

    team: PatternList | None = None


class CompanyModels(Models):
    """[models] of the company, and [models.NAME] below it. `scope`: the teams that are held to `allow`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, ModelTable] = Field(init=False)
    scope: Teams = Teams()


# What a scope can name, and a balance can be parted by.
Dimension = Literal["team", "key", "user", "session", "model", "provider"]


class Scope(Section):
    """What a budget or a limit holds for: patterns, of which one must match."""

    team: PatternList | None = None
    key: PatternList | None = None
    user: PatternList | None = None
    session: PatternList | None = None
    model: PatternList | None = None
    provider: PatternList | None = None


class Scoped(Section):
    """What budgets and limits have in common."""

    name: Name | None = None
    scope: Scope = Scope()
    per: list[Dimension] = []
    max_balances: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000


Count = Annotated[int, Field(ge=0, le=10**12)]


class Budget(Scoped):
    """[[budgets]]"""

    window: WindowText
    timezone: TimeZone = "UTC"
    limit_usd: Usd | None = None
    limit_requests: Count | None = None
    mode: Literal["soft", "strict", "track"] = "soft"
    midstream: Literal["finish", "stop"] = "finish"
    on_disconnect: Literal["abort", "drain"] = "abort"
    on_exceeded: OnExceeded = "refuse"
    budget_fit: Literal["deny", "shrink_max_tokens"] = "deny"
    on_authority_loss: OnAuthorityLoss | None = None
    thresholds: list[Annotated[int, Field(ge=1, le=1_000)]] = [50, 80, 100]
    exceeded_status: Literal[429, 402, 403, 422] = 429


class Limit(Scoped):
    """[[limits]]"""

    requests_per_second: Count | None = None
    requests_per_minute: Count | None = None
    tokens_per_second: Count | None = None
    tokens_per_minute: Count | None = None
    usd_per_second: Usd | None = None
    usd_per_minute: Usd | None = None
    concurrent: Count | None = None
    burst: Seconds | None = None


def _store_url(url: str) -> str:
    kind, colon, path = url.partition(":")
    if kind in ("postgresql", "postgres", "clickhouse"):
        raise ValueError(f'a {kind} store is not built yet in this version; use "sqlite:DIRECTORY"')
    if kind != "sqlite" or not colon or not path or path.startswith("//"):
        raise ValueError('expected "sqlite:DIRECTORY", such as "sqlite:data/store"')
    return url


def _ledger_url(url: str) -> str:
    if url.partition(":")[0] in ("redis", "rediss", "valkey", "valkeys"):
        raise ValueError('a shared ledger is not built yet in this version; use "local:"')
    if url != "local:":
        raise ValueError('expected "local:"')
    return url


Days = Annotated[int, Field(ge=1, le=36_500)]


class Store(Section):
    """[store]; without a url: data_dir/store. `*_days`: of teams that say nothing of their own; None: for good."""

    url: Annotated[str, AfterValidator(_store_url)] | None = None
    retention_days: Days | None = None
    body_retention_days: Days | None = None
    full_text: bool = False


class Ledger(Section):
    """[ledger]"""

    url: Annotated[str, AfterValidator(_ledger_url)] = "local:"


PerMinute = Annotated[int, Field(ge=1, le=1_000_000)]


class Selection(Section):
    """What an evaluator looks at: patterns, of which one must match."""

    model: PatternList | None = None
    route: PatternList | None = None
    endpoint: PatternList | None = None
    outcome: PatternList | None = None


class StratumRate(Selection):
    """[[evaluators.strata]]: a rate of its own for what matches."""

    sample: Share


class Evaluator(Section):
    """[[evaluators]]: teams switch it on by its name."""

    name: Name
    use: Annotated[str, Field(min_length=1)]
    sample: Share | None = None
    only: Selection = Selection()
    strata: list[StratumRate] = []
    always: list[AlwaysText] = []
    always_per_minute: PerMinute = 10
    max_per_minute: PerMinute | None = None
    budget_usd_per_day: Usd | None = None
    judge: Annotated[str, Field(min_length=1)] | None = None
    timeout: Seconds | None = None
    memory: Size | None = None
    network: bool = False
    concurrent: Annotated[int, Field(ge=1, le=64)] = 1
    params: dict[str, Any] = {}


class Evaluation(Section):
    """[evaluation]: what holds for all evaluators."""

    judge: Annotated[str, Field(min_length=1)] | None = None
    budget_usd_per_day: Usd | None = None
    workers: Annotated[int, Field(ge=1, le=64)] = 2
    max_backlog: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    conversation_idle: Seconds = 1800.0
    salt: Annotated[str, Field(min_length=1, max_length=64)] = "tollway"


class EvaluatorOfTeam(Section):
    """[evaluation.of.NAME] of a team: what it has otherwise than config.toml says."""

    sample: Share | None = None
    max_per_minute: PerMinute | None = None
    params: dict[str, Any] = {}


class TeamEvaluation(Section):
    """[evaluation] of a team: the evaluators that look at its exchanges. `sample`: of those that say nothing else."""

    sample: Share | None = None
    evaluators: list[Name] = []
    of: dict[Name, EvaluatorOfTeam] = {}


class Company(Section):
    """config.toml"""

    server: Server = Server()
    providers: dict[Name, Provider] = {}
    prices: Prices = Prices()
    routes: list[Route] = []
    models: CompanyModels = CompanyModels()
    store: Store = Store()
    ledger: Ledger = Ledger()
    budgets: list[Budget] = []
    limits: list[Limit] = []
    evaluators: list[Evaluator] = []
    evaluation: Evaluation = Evaluation()


class Key(Section):
    """[[keys]] of a team."""

    name: Name
    sha256: Digest


# What is taken out of bodies that are redacted: policies/sensitive.py.
RedactKind = Literal["secret", "email", "card", "iban", "phone", "data"]


class Redact(Section):
    """[logging.redact] of a team: what is taken out, and what goes besides."""

    kinds: list[RedactKind] = list(KINDS)
    patterns: list[OwnPattern] = []
    paths: list[JsonPath] = []


class Logging(Section):
    """[logging] of a team: what is kept of its exchanges, and for how long (None: what [store] says)."""

    bodies: Literal["full", "redacted", "none"] = "full"
    max_body: Size = 1 << 20
    redact: Redact = Redact()
    retention_days: Days | None = None
    body_retention_days: Days | None = None


class Team(Section):
    """teams/NAME.toml"""

    name: Name | None = None
    forward_credentials: bool = False
    keys: list[Key] = []
    models: Models = Models()
    logging: Logging = Logging()
    budgets: list[Budget] = []
    limits: list[Limit] = []
    evaluation: TeamEvaluation = TeamEvaluation()
