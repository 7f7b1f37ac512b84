"""A fleet of agents, and what it may spend: a hundred budgets, some of which run out at once and some never."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from bench.fire.asking import FAULTS, MODELS, Call, Plan, secret
from bench.fire.rules import COMPANY, NANO, Balance, Limits, Rule, kind_of

AGENTS_MAXIMUM = 64_000  # what agents send with every request, whatever they will use of it
STRICT, SOFT, MIXED = "strict", "soft", "mixed"
KINDS = {STRICT: 7, SOFT: 7, MIXED: 5}  # of teams, and how many
USERS = 6  # of each team
SESSION_CALLS = 20
_OFTEN = (60, 15, 5, 20)  # per cent of the requests, in the order of the models
_SERVER = """[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
workers = {workers}
drain_timeout = "5 s"
"""
_KEY = """[[keys]]
name = "{}"
sha256 = "{}"
"""


class Fleet:
    """Teams, their budgets, and the requests that they make. `seconds`: how long; `rate`: requests in a second."""

    def __init__(self, seconds: float, rate: float, seed: int = 1) -> None:
        self.chance = random.Random(seed)
        self.limits = Limits()
        self.teams = self._named_teams()
        self._asked = 0
        self._sessions: Counter[str] = Counter()
        self._spends: dict[tuple[str, ...], list[tuple[Rule, Balance]]] = {}
        self.rules = list(self._budgets(seconds, rate))
        self.by_id = {rule.id: rule for rule in self.rules}

    def draw(self, agent: int) -> Call:
        """Make up the next request of an agent."""
        chance = self.chance
        self._asked += 1
        team = chance.choice(self.teams)
        call = self.call(f"n{agent}x{self._asked}", team, chance.choices(list(MODELS), _OFTEN)[0])
        self._sessions[team] += 1
        call.session = f"s{self._sessions[team] // SESSION_CALLS}"
        if chance.random() < (0.08 if call.stream else 0.02):
            call.leaves_at = chance.randrange(4_000) if call.stream else 0
        self.spends(call)
        return call

    def call(self, nonce: str, team: str, model: str, fault: str = "") -> Call:
        """Make up a request of a team for a model."""
        chance = self.chance
        soft = kind_of(team) == SOFT
        written = min(int(chance.lognormvariate(4, 0.8)) + 1, 1_200) if soft else chance.randrange(1, 120)
        maximum = AGENTS_MAXIMUM if soft else max(written, chance.choice((written, 128, 160)))
        read = chance.randrange(20, 250)
        stream = chance.random() < 0.6
        fault = fault or chance.choices(FAULTS, (93, 1, 1, 2, 2, 1))[0]
        wait_ms = chance.choice((0, 20, 100, 400) if stream else (20, 200, 800, 1_500))
        plan = Plan(
            nonce,
            read,
            read // 3 if chance.random() < 0.3 else 0,
            written,
            # A connection that is closed at once is taken for one that nobody has read from.
            wait_ms=max(wait_ms, 800) if fault == "drop" else wait_ms,
            pause_ms=chance.choice((0, 10, 40, 100)),
            fault=fault,
        )
        user, key = f"u{chance.randrange(USERS)}", chance.choice("ab")
        return Call(plan, team, key, user, "s0", MODELS[model], stream, maximum, chance.random() < 0.8)

    def spends(self, call: Call) -> list[tuple[Rule, Balance]]:
        """Return every balance that a request spends from, and remember its limit."""
        who = (call.team, call.key, call.user, call.session, call.model.name)
        found = self._spends.get(who)
        if found is None:
            found = self._spends[who] = [(rule, balance) for rule in self.rules for balance in rule.balances(call)]
            for rule, balance in found:
                self.limits.learn(balance.series, balance.limit, rule.bucket_s, rule.rolls_s)
        return found

    def rule(self, series: str) -> Rule | None:
        """Return the budget of a series."""
        return self.by_id.get(series.partition("?")[0].partition("#")[0])

    def write(self, folder: Path, urls: dict[str, str], workers: int) -> Path:
        """Write the configuration; `urls`: the provider's address, by dialect. Return config.toml's path."""
        (folder / "teams").mkdir(parents=True, exist_ok=True)
        (folder / "provider.key").write_text("sk-fake")
        server = (
            f'[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\nworkers = {workers}\ndrain_timeout = "5 s"\n'
        )
        parts = [server, *(_provider(dialect, url) for dialect, url in urls.items())]
        parts += [rule.toml() for rule in self.rules if rule.owner == COMPANY]
        config = folder / "config.toml"
        config.write_text("\n".join(parts))
        for number, team in enumerate(self.teams):
            keys = "\n".join(
                f'[[keys]]\nname = "{key}"\nsha256 = "{sha256(secret(team, key).encode()).hexdigest()}"\n'
                for key in "ab"
            )
            logging = f'[logging]\nbodies = "{("full", "none")[number % 2]}"\n'
            rules = [rule.toml() for rule in self.rules if rule.owner == team]
            (folder / "teams" / f"{team}.toml").write_text("\n".join([keys, logging, *rules]))
        return config

    def _named_teams(self) -> list[str]:
        return [f"{kind}-{number}" for kind, count in KINDS.items() for number in range(count)]

    def _budgets(self, seconds: float, rate: float) -> Iterator[Rule]:
        a_second = {kind: self._spent_a_second(kind, rate) for kind in KINDS}
        yield from _of_company(seconds, rate, a_second)
        for number, team in enumerate(self.teams):
            kind = kind_of(team)
            yield from _OF_KIND[kind](team, a_second[kind], seconds, _SHARES[number % len(_SHARES)])

    def _spent_a_second(self, kind: str, rate: float) -> int:
        """Work out what a team of this kind spends in a second, if nothing stops it."""
        count = 2_000
        total = 0
        for _ in range(count):
            call = self.call("n", f"{kind}-0", self.chance.choices(list(MODELS), _OFTEN)[0])
            total += call.model.bill(call.plan.read, call.plan.cached, call.plan.written)
        return round(total / count * rate / len(self.teams))


class SteadyFleet(Fleet):
    """A few teams with more money than they need, and plain calls: what admission costs where nothing is in the way."""

    def draw(self, agent: int) -> Call:
        """Make up a plain request."""
        call = super().draw(agent)
        call.leaves_at, call.stream, call.session, call.user = None, False, "s0", "u0"
        call.plan = replace(call.plan, wait_ms=2, fault="none")
        return call

    def _named_teams(self) -> list[str]:
        return [f"{kind}-0" for kind in KINDS]

    def _budgets(self, seconds: float, rate: float) -> Iterator[Rule]:
        plenty = 10**6 * NANO
        yield Rule(COMPANY, "everything", "strict", "month", limit_nano_usd=plenty, teams=(STRICT, MIXED))
        for team in self.teams:
            mode = "soft" if kind_of(team) == SOFT else "strict"
            yield Rule(team, "total", mode, "total", limit_nano_usd=plenty, limit_requests=10**9)
            yield Rule(team, "users", "soft", "rolling:5h", limit_nano_usd=plenty, per=("user",))


def _provider(dialect: str, url: str) -> str:
    models = [model for model in MODELS.values() if model.dialect == dialect]
    lines = [
        f"[providers.fake-{dialect}]",
        f'dialect = "{dialect}"',
        f'base_url = "{url}"',
        'api_keys = ["file:provider.key"]',
        f"models = {json.dumps([model.name for model in models])}",
        'stream_usage = "inject"' if dialect == "openai" else "",
        f"[providers.fake-{dialect}.prices]",
    ]
    for model in models:
        kinds = {"input": model.read, "cache_read": model.cached, "output": model.written}
        prices = ", ".join(f'{kind} = "{pico // 10**6}.{pico % 10**6:06}"' for kind, pico in kinds.items())
        lines.append(f'"{model.name}" = {{ {prices} }}')
    return "\n".join([*lines, ""])


# What a team may spend in all, of what it would spend: some run out at once, some never.
_SHARES = (0.3, 3.0, 0.1, 1.0, 0.6, 10.0, 0.02)


def _of_company(seconds: float, rate: float, a_second: dict[str, int]) -> Iterator[Rule]:
    spent = round(sum(a_second[kind] * count for kind, count in KINDS.items()) * seconds)
    held = (STRICT, MIXED)
    yield Rule(COMPANY, "everything", "soft", "total", limit_nano_usd=spent * 20)
    yield Rule(COMPANY, "users", "soft", "hour", limit_nano_usd=max(spent // 3, NANO // 50), per=("user",))
    yield Rule(COMPANY, "rare", "strict", "total", limit_nano_usd=spent // 400, teams=held, model="fake-rare")
    yield Rule(COMPANY, "sonnet", "strict", "minute", limit_nano_usd=max(spent // 6, NANO // 10), teams=held,
               model="fake-sonnet")  # fmt: skip
    yield Rule(COMPANY, "count", "track", "day", limit_requests=round(rate * seconds / 10))


def _rolling(seconds: float, parts: int) -> str:
    return f"rolling:{max(5, round(seconds / parts))}s"


def _of_strict(team: str, a_second: int, seconds: float, share: float) -> Iterator[Rule]:
    total = round(a_second * seconds)
    most = NANO // 40
    yield Rule(team, "total", "strict", "total", limit_nano_usd=max(round(total * share), most))
    yield Rule(team, "minute", "strict", "minute", limit_nano_usd=max(total * 2 // 3, most))
    yield Rule(team, "users", "strict", _rolling(seconds, 3), limit_nano_usd=max(total // 12, most), per=("user",))
    yield Rule(team, "sessions", "strict", "total", limit_requests=SESSION_CALLS * 3 // 4, per=("session",))
    yield Rule(team, "large", "strict", "total", limit_nano_usd=max(round(total * share / 4), most), model="fake-large")


def _of_soft(team: str, a_second: int, seconds: float, share: float) -> Iterator[Rule]:
    total = round(a_second * seconds)
    yield Rule(team, "total", "soft", "total", limit_nano_usd=round(total * share))
    yield Rule(team, "rolling", "soft", _rolling(seconds, 4), limit_nano_usd=total // 5)
    yield Rule(team, "sessions", "soft", "hour", limit_requests=SESSION_CALLS * 3 // 4, per=("session",))
    yield Rule(team, "keys", "soft", "minute", limit_nano_usd=total // 3, per=("key",), more='midstream = "stop"')
    yield Rule(team, "watched", "track", "total", limit_nano_usd=total // 10, limit_requests=10)


def _of_mixed(team: str, a_second: int, seconds: float, share: float) -> Iterator[Rule]:
    total = round(a_second * seconds)
    most = NANO // 40
    yield Rule(team, "total", "strict", "total", limit_nano_usd=max(round(total * share), most),
               more='on_disconnect = "drain"')  # fmt: skip
    yield Rule(team, "minute", "soft", "minute", limit_nano_usd=total // 2)
    yield Rule(team, "users", "soft", "total", limit_nano_usd=round(total * share / 5), per=("user",))
    yield Rule(team, "calls", "strict", _rolling(seconds, 5), limit_requests=60)
    yield Rule(team, "large", "strict", "total", limit_nano_usd=max(round(total * share / 3), most), model="fake-large",
               more='budget_fit = "shrink_max_tokens"')  # fmt: skip


_OF_KIND = {STRICT: _of_strict, SOFT: _of_soft, MIXED: _of_mixed}
