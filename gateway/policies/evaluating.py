"""Who evaluates what: the evaluators of a config, and the rules by which each team's exchanges are taken."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec

# The team whose exchanges are the judge's calls. Its keys are the evaluator's alone, and nothing of it is sampled.
TEAM = "evaluation"
ALWAYS = ("error", "truncated", "content_filter", "negative_feedback", "cost_usd", "duration_ms", "first_token_ms")


# An evaluator to which a team gives parameters of its own is another one: NAME@TEAM.
VARIANT = "@"


def base_name(evaluator: str) -> str:
    """Return by which name config knows an evaluator."""
    return evaluator.partition(VARIANT)[0]


@dataclass(frozen=True, slots=True)
class Always:
    """A reason to take an exchange at any rate. `above`: nano-USD or ms, of those kinds that have a bound."""

    kind: str
    above: float | None = None


@dataclass(frozen=True, slots=True)
class Stratum:
    """A rate of its own for what matches all patterns (None: anything)."""

    sample: float
    model: tuple[str, ...] | None = None
    route: tuple[str, ...] | None = None
    endpoint: tuple[str, ...] | None = None
    outcome: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """How one evaluator takes one team's exchanges (or conversations): the first stratum that matches, else `sample`.

    `per_minute`: at most so many a minute (None: no cap); `always_per_minute`: of those taken by `always`.
    `only`: what it looks at at all, patterns as in Stratum (its `sample` means nothing).
    """

    team: str
    evaluator: str
    sample: float = 1.0
    strata: tuple[Stratum, ...] = ()
    always: tuple[Always, ...] = ()
    per_minute: int | None = None
    always_per_minute: int = 10
    only: Stratum | None = None

    @property
    def version(self) -> str:
        """Name the rule by what it says: scores taken by different rules are not mixed."""
        return sha256(msgspec.json.encode(self)).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Plugin:
    """One evaluator of the config. `use`: an entry point's name, or `file:PATH:CLASS` with an absolute path.

    `params`: a JSON object. `judge`: the model that it may ask. `budget_nano_usd`: a day, for the judge.
    `cost_nano_usd`: what one look of its judge is thought to cost, as long as none was taken.
    `wall_s`, `memory_mb`: instead of what the plugin declares. `network`: the operator lets it use it. `root`: what
    relative paths in `params` are relative to.
    """

    name: str
    use: str
    params: str = "{}"
    judge: str | None = None
    budget_nano_usd: int | None = None
    cost_nano_usd: int = 0
    wall_s: float | None = None
    memory_mb: int | None = None
    network: bool = False
    concurrent: int = 1
    root: str = "."


@dataclass(frozen=True, slots=True)
class Evaluating:
    """Everything that the config says about evaluation. `rules`: by team.

    `salt`: keys the hash that samples, so that hosts with the same one take the same exchanges. `workers`: processes
    for plugins at most. `backlog`: tasks that may wait for one evaluator. `idle_s`: a conversation is over after that.
    """

    plugins: Mapping[str, Plugin] = field(default_factory=dict)
    rules: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    salt: str = "tollway"
    workers: int = 2
    backlog: int = 10_000
    idle_s: float = 1800.0
    judge: str | None = None
    budget_nano_usd: int | None = None

    @property
    def is_on(self) -> bool:
        """Whether there is anything to do."""
        return any(self.rules.values())
