"""Where do the admin port's answers come from? Everything that its paths may ask, given once when it starts."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.config.load import Config
from gateway.core.score import Evaluation
from gateway.evaluation.follow import Follow
from gateway.evaluation.queue_reader import QueueReader
from gateway.ledger.server import Server
from gateway.metrics.render import Exposition, Samples
from gateway.policies.snapshot import Snapshot
from gateway.store.reader import StoreReader


class Processes(Protocol):
    """What the supervisor said last: `generation`, `reload_ok` and `problems` of the last reload; `workers`: how many
    there shall be; `running`: children that are up; `restarts`: how often each was replaced, by name."""

    @property
    def generation(self) -> int: ...

    @property
    def reload_ok(self) -> bool: ...

    @property
    def problems(self) -> Sequence[str]: ...

    @property
    def workers(self) -> int: ...

    @property
    def running(self) -> Sequence[str]: ...

    @property
    def restarts(self) -> dict[str, int]: ...


@dataclass(frozen=True, slots=True)
class Sources:
    """What is asked. `token`: what admin requests must carry now; None: nothing. `metrics_token`: what a scrape may
    carry instead; None: it is as any other.

    `why_not_ready`: None when ready. `hosts`: names under which this port may be called without a token, beyond the
    local ones. `ledger`: who keeps the budgets' books; None: nobody, or not yet. `config`, `snapshot`: the one in
    force, as written and as compiled. `samples`: what processes show of themselves. `tell`: writes down what somebody
    says of an exchange; False: not now. `follow`, `queue`: the log as the evaluator reads it, and its own file.
    """

    store: StoreReader
    exposition: Exposition
    why_not_ready: Callable[[], str | None]
    token: Callable[[], str | None]
    ledger: Callable[[], Server | None]
    config: Callable[[], Config]
    snapshot: Callable[[], Snapshot]
    processes: Callable[[], Processes]
    samples: Callable[[], Samples]
    tell: Callable[[Evaluation], bool]
    follow: Follow
    queue: QueueReader
    metrics_token: Callable[[], str | None] = lambda: None
    hosts: frozenset[str] = frozenset()
    now: Callable[[], float] = time.time
    started_s: float = field(default_factory=time.time)

    def now_ms(self) -> int:
        """Return the time as filters and ids have it."""
        return int(self.now() * 1000)
