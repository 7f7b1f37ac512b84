"""What every store offers: to the recorder exactly-once commits, to people queries."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from gateway.core.record import Record
from gateway.core.score import Evaluation
from gateway.journal.evaluated import Evaluated
from gateway.journal.reader import Finished
from gateway.store.charges import Balance, ChargeKey

# Metric, label values in the metric's order, part ("" of a counter; an upper edge or "sum" of a histogram).
TotalKey = tuple[str, tuple[str, ...], str]
# How records move the totals; given to a store, so that it can count exactly the rows that it really inserted.
Count = Callable[[Iterable[Record]], Mapping[TotalKey, int]]
# Of the committed totals and of changes: what must be added beside them, so that nothing that was shown of them falls.
Owe = Callable[[Mapping[TotalKey, int], Mapping[TotalKey, int]], Mapping[TotalKey, int]]

# What sums can be told by -> in which tables of sums it stands.
_OF_ALL = ("kinds", "claims", "tags")
GROUPS = {
    "team": _OF_ALL,
    "key": _OF_ALL,
    **dict.fromkeys(("model", "provider", "route", "endpoint", "outcome"), ("kinds",)),
    **dict.fromkeys(("user", "session", "agent", "client"), ("claims",)),
    "tag": ("tags",),
}
STEPS = ("minute", "hour", "day", "week", "month")
DEFAULT_LIMIT = 50


class StoreBusy(Exception):
    """The store cannot take this batch now (locked, full, gone): keep it and try again."""


class NoAnswer(Exception):
    """What looks for answers cannot be had, or died of the question; the message says what to do."""


class StoreRefused(Exception):
    """The store must not be touched by this release; the message says what to run."""


class NoSuchExchange(Exception):
    """No exchange has this id, or this beginning of an id."""


class AmbiguousId(Exception):
    """Several ids begin like this."""


class Committed(NamedTuple):
    """What a commit did."""

    inserted: int
    amended: int
    duplicates: int


class Store(Protocol):
    """The writing side; one recorder thread uses it. Every method may raise StoreBusy: nothing is lost then."""

    def watermarks(self) -> dict[str, int]:
        """Return where the journal reader goes on, by segment; never beyond what is committed."""

    def totals(self) -> dict[TotalKey, int]:
        """Return a copy of the committed totals; safe from any thread."""

    def commit(
        self, finished: Sequence[Finished], watermarks: Mapping[str, int], evaluated: Sequence[Evaluated] = ()
    ) -> Committed:
        """Write exchanges, evaluations, totals, charges and watermarks. Committing the same again changes nothing.

        An evaluation stands in the day of its exchange; one of a day that is gone is only counted.
        """

    def spent(self, holder: str) -> dict[Balance, int]:
        """Return what a holder's exchanges were charged when they ended, by balance: all that is committed."""

    def late(self) -> dict[ChargeKey, int]:
        """Return what was charged after exchanges had ended, by holder and balance: absolute sums, those that changed
        since the last call. After a restart: all that are not 0."""

    def sync(self) -> bool:
        """Bring all commits to the disk; True: everything committed before this call survives a power loss."""

    def close(self) -> None:
        """Let go of the files."""


class ScoreIs(NamedTuple):
    """How a score of an exchange must be. `sign`: pass | fail | missing, or < <= = >= > of a bound."""

    name: str
    sign: str
    bound: float | None = None


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which exchanges, newest first. Text fields match exactly, or as a pattern if they hold `*`, `?` or `[`.

    `status`: a number or a class such as "4xx". `model`: the requested or the served one. `error`: a part of it.
    `id`: it begins so. `any_tag`: at least one of these; `all_tags`: each of them. `metadata`: a name, and a pattern of
    its text. `*_tokens`: input and output together. `scores`: each of these must hold. `text`: looked for in both
    bodies. `before`: only exchanges older than this id (the cursor of the page before).
    """

    team: str | None = None
    key: str | None = None
    model: str | None = None
    provider: str | None = None
    route: str | None = None
    endpoint: str | None = None
    status: str | None = None
    outcome: str | None = None
    ok: bool | None = None
    error: str | None = None
    finish_reason: str | None = None
    usage_source: str | None = None
    bodies: str | None = None
    stream: bool | None = None
    has_tool_calls: bool | None = None
    session: str | None = None
    user: str | None = None
    agent: str | None = None
    client: str | None = None
    any_tag: tuple[str, ...] | None = None
    all_tags: tuple[str, ...] | None = None
    metadata: tuple[str, str] | None = None
    id: str | None = None
    response_id: str | None = None
    trace_id: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    min_cost_nano_usd: int | None = None
    max_cost_nano_usd: int | None = None
    min_tokens: int | None = None
    max_tokens: int | None = None
    min_duration_ms: float | None = None
    max_duration_ms: float | None = None
    min_first_token_ms: float | None = None
    max_first_token_ms: float | None = None
    scores: tuple[ScoreIs, ...] | None = None
    text: str | None = None
    limit: int = DEFAULT_LIMIT
    before: str | None = None


class ScoreQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which evaluations. Text fields match exactly, or as a pattern if they hold `*`, `?` or `[`.

    `name`: of a score. `conversation`: of that session. `exchange`: its whole id. Times are those of the exchanges
    that evaluations are filed under. `before`: only those behind this cursor, from the newest on.
    """

    evaluator: str | None = None
    source: str | None = None
    result: str | None = None
    team: str | None = None
    name: str | None = None
    model: str | None = None
    route: str | None = None
    run: str | None = None
    fingerprint: str | None = None
    policy: str | None = None
    prompt_version: str | None = None
    author: str | None = None
    conversation: str | None = None
    exchange: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    limit: int = DEFAULT_LIMIT
    before: str | None = None


class EvaluationPage(NamedTuple):
    """Some evaluations, newest first. `cursor`, `complete`: as in Page."""

    evaluations: list[Evaluation]
    cursor: str | None
    complete: bool


class Page(NamedTuple):
    """Some exchanges. `cursor`: `before` of the next page, None at the end. `complete`: False if time ran out."""

    records: list[Record]
    cursor: str | None
    complete: bool


class Counted(NamedTuple):
    """How many match. `capped`: more than that. `complete`: False if time ran out before all were counted."""

    found: int
    capped: bool
    complete: bool


class Body(NamedTuple):
    """A body as kept: stretches of bytes with their offsets; `total_bytes` is its true length."""

    pieces: list[tuple[int, bytes]]
    total_bytes: int

    @property
    def is_whole(self) -> bool:
        """Whether every byte is there."""
        return self.kept_bytes == self.total_bytes

    @property
    def kept_bytes(self) -> int:
        """How many bytes are there."""
        return sum(len(data) for _, data in self.pieces)


class Exchange(NamedTuple):
    """One exchange with its bodies (None: none was kept, or `bodies_removed`: not any more, by retention)."""

    record: Record
    request: Body | None
    response: Body | None
    bodies_removed: bool = False


class Spend(msgspec.Struct, kw_only=True):
    """What one group (a team, a session, …) used, from `start_s` on where it is told by time.

    `failures`: requests with any outcome but `ok`. `timed`: of how many the duration is known. `buckets`: how the
    durations spread over `schema.BUCKETS`, where that was asked for. `sources`: how many requests said by which header
    or field who they were for.
    """

    name: str = ""
    start_s: int | None = None
    requests: int = 0
    failures: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost_nano_usd: int = 0
    duration_us: int = 0
    timed: int = 0
    buckets: list[int] = []
    sources: dict[str, int] = {}


class Spending(NamedTuple):
    """Sums by group, or by time and group. `rest`: how many more groups there are, which `total` holds, too."""

    rows: list[Spend]
    total: Spend
    rest: int
