"""A fleet of agents, and what it may spend: which budgets each of its requests spends from is worked out here.

Nothing of the gateway's own decides anything in this module: it is the second opinion that its books are held against.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

NANO = 10**9
PICO_PER_NANO = 1_000
BUCKETS = 60  # of a rolling window
# What a strict bound adds to the bytes of a body, in tokens (docs/budgets.md).
PREAMBLE = 2_000
FRAME = 16
AGENTS_MAXIMUM = 64_000  # what agents send with every request, whatever they will use of it
COMPANY = "company"
STRICT, SOFT, MIXED = "strict", "soft", "mixed"
FAULTS = ("none", "e500", "e429", "cut", "mute", "drop")
KINDS = {STRICT: 7, SOFT: 7, MIXED: 5}  # of teams, and how many
USERS = 6  # of each team
SESSION_CALLS = 20


class Model(NamedTuple):
    """A model, and what a token costs in pico-USD: read, read from the cache, written."""

    name: str
    dialect: str
    read: int
    cached: int
    written: int

    def bill(self, read: int, cached: int, written: int) -> int:
        """Return what that costs in nano-USD, rounded up once."""
        return -(-((read - cached) * self.read + cached * self.cached + written * self.written) // PICO_PER_NANO)


# The third one's prices come out in fractions of a nano-dollar.
MODELS = {
    model.name: model
    for model in (
        Model("fake-tiny", "openai", 150_000, 75_000, 600_000),
        Model("fake-large", "openai", 2_500_000, 1_250_000, 10_000_000),
        Model("fake-rare", "openai", 137_300, 68_650, 549_100),
        Model("fake-sonnet", "anthropic", 3_000_000, 300_000, 15_000_000),
    )
}
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
_OFTEN = (60, 15, 5, 20)  # per cent of the requests
# Of a month only the steady fleet has budgets, whose windows nobody looks at.
_SECONDS = {"minute": 60, "hour": 3_600, "day": 86_400, "month": 0, "total": 0}
_PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What the provider does with a request. It reads it in the prompt.

    `wait_ms`: before the answer; `pause_ms`: between two events. `fault`: none | e500 | e429 | cut | mute | drop: an
    answer that says no, a stream that breaks in the middle, one without usage, a connection closed without an answer.
    """

    nonce: str
    read: int
    cached: int
    written: int
    wait_ms: int
    pause_ms: int
    fault: str

    def text(self) -> str:
        """Write it into a prompt."""
        numbers = (self.read, self.cached, self.written, self.wait_ms, self.pause_ms)
        return f"@{self.nonce} {' '.join(map(str, numbers))} {self.fault}@"


@dataclass(slots=True)
class Call:
    """One request, and what became of it.

    `leaves_at`: the client goes away after so many bytes of the answer's body. `began_s`, `ended_s`: Unix time.
    `end`: whole | refused | left | broken, "" while it runs. `error`: what x-tollway-error says.
    """

    plan: Plan
    team: str
    key: str
    user: str
    session: str
    model: Model
    stream: bool
    maximum: int
    asks_usage: bool
    leaves_at: int | None = None
    began_s: float = 0.0
    ended_s: float = 0.0
    body_bytes: int = 0
    id: str = ""
    status: int = 0
    end: str = ""
    error: str = ""
    told: str = ""

    @property
    def nonce(self) -> str:
        """Its name, everywhere."""
        return self.plan.nonce

    @property
    def secret(self) -> str:
        """The key that opens the door."""
        return secret(self.team, self.key)

    def bound(self) -> int:
        """Return the most that it can cost, in nano-USD: a token for each byte, and all that may be written."""
        read = self.body_bytes + PREAMBLE + FRAME
        return self.model.bill(read, 0, self.maximum)

    def request(self) -> bytes:
        """Write the request."""
        message = {"role": "user", "content": f"{self.plan.text()} {'how far is it from here? ' * 8}"}
        fields = {"model": self.model.name, "messages": [message], "max_tokens": self.maximum}
        if self.stream:
            fields["stream"] = True
            if self.asks_usage and self.model.dialect == "openai":
                fields["stream_options"] = {"include_usage": True}
        body = json.dumps(fields).encode()
        self.body_bytes = len(body)
        head = (
            f"POST {_PATHS[self.model.dialect]} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {self.secret}\r\n"
            f"X-Tollway-Agent: {self.nonce}\r\nX-Tollway-User: {self.user}\r\nX-Tollway-Session: {self.session}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class Balance(NamedTuple):
    """One balance of a budget, and its limit."""

    series: str
    unit: str
    limit: int


class Place(NamedTuple):
    """A balance in one window."""

    series: str
    start_s: int


class Limits:
    """What each series may be charged, and which of its balances count together."""

    def __init__(self) -> None:
        self._limits: dict[str, tuple[int, int, int]] = {}

    def learn(self, series: str, limit: int, bucket_s: int, rolls_s: int) -> None:
        """Note a series. `bucket_s`, `rolls_s`: as `Rule` says."""
        self._limits.setdefault(series, (limit, bucket_s, rolls_s))

    def limit(self, series: str) -> int | None:
        """Return its limit; None: nobody knows."""
        found = self._limits.get(series)
        return None if found is None else found[0]

    def counted(self, amounts: Mapping[Place, int]) -> dict[Place, int]:
        """Return what counts against the limit at the time of each balance: its own amount, or a rolling sum."""
        found = {}
        for place, amount in amounts.items():
            _, bucket_s, rolls_s = self._limits.get(place.series, (0, 0, 0))
            total = amount
            if rolls_s:
                starts = range(place.start_s - -(-rolls_s // bucket_s) * bucket_s, place.start_s, bucket_s)
                total += sum(amounts.get(Place(place.series, start_s), 0) for start_s in starts)
            found[place] = total
        return found


@dataclass(frozen=True, slots=True)
class Rule:
    """A budget. `owner`: a team, or `company`. `teams`, `model`: what a company's one is for, "" is everything."""

    owner: str
    name: str
    mode: str
    window: str
    limit_nano_usd: int | None = None
    limit_requests: int | None = None
    teams: tuple[str, ...] = ()
    model: str = ""
    per: tuple[str, ...] = ()
    more: str = ""

    @property
    def id(self) -> str:
        """What messages call it."""
        return f"{self.owner}/{self.name}"

    def covers(self, call: Call) -> bool:
        """Tell whether a request spends from it."""
        ours = call.team == self.owner if self.owner != COMPANY else not self.teams or _kind(call.team) in self.teams
        return ours and self.model in ("", call.model.name)

    def balances(self, call: Call) -> Iterator[Balance]:
        """Give the balances that a request spends from."""
        if not self.covers(call):
            return
        part = "?" + "&".join(f"{name}={getattr(call, name)}" for name in self.per) if self.per else ""
        if self.limit_nano_usd is not None:
            yield Balance(f"{self.id}{part}", "usd", self.limit_nano_usd)
        if self.limit_requests is not None:
            yield Balance(f"{self.id}#requests{part}", "requests", self.limit_requests)

    @property
    def rolls_s(self) -> int:
        """How long a rolling window is, else 0."""
        return int(self.window[8:-1]) if self.window.startswith("rolling:") else 0

    @property
    def bucket_s(self) -> int:
        """How long what counts together is, in seconds of a rolling window or of a calendar's; 0: all of it."""
        if self.rolls_s:
            return -(-self.rolls_s // BUCKETS)
        return _SECONDS[self.window]

    def start(self, at_s: float) -> int:
        """Return where what is spent at an instant is counted."""
        return int(at_s // self.bucket_s) * self.bucket_s if self.bucket_s else 0

    def reach(self, start_s: int) -> int:
        """Return from which start on others count together with what is counted there."""
        return start_s - -(-self.rolls_s // self.bucket_s) * self.bucket_s if self.rolls_s else start_s

    def toml(self) -> str:
        """Write it as an operator would."""
        lines = ["[[budgets]]", f'name = "{self.name}"', f'mode = "{self.mode}"', f'window = "{self.window}"']
        if self.limit_nano_usd is not None:
            lines.append(f'limit_usd = "{self.limit_nano_usd // NANO}.{self.limit_nano_usd % NANO:09}"')
        if self.limit_requests is not None:
            lines.append(f"limit_requests = {self.limit_requests}")
        scope = [f'model = "{self.model}"'] if self.model else []
        if self.teams:
            scope.append(f"team = {json.dumps([f'{kind}-*' for kind in self.teams])}")
        if scope:
            lines.append(f"scope = {{ {', '.join(scope)} }}")
        if self.per:
            lines.append(f"per = {json.dumps(self.per)}")
        return "\n".join([*lines, *([self.more] if self.more else []), ""])


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
        soft = _kind(team) == SOFT
        written = min(int(chance.lognormvariate(4, 0.8)) + 1, 1_200) if soft else chance.randrange(1, 120)
        maximum = AGENTS_MAXIMUM if soft else max(written, chance.choice((written, 128, 160)))
        read = chance.randrange(20, 250)
        stream = chance.random() < 0.6
        plan = Plan(
            nonce,
            read,
            read // 3 if chance.random() < 0.3 else 0,
            written,
            wait_ms=chance.choice((0, 20, 100, 400) if stream else (20, 200, 800, 1_500)),
            pause_ms=chance.choice((0, 10, 40, 100)),
            fault=fault or chance.choices(FAULTS, (93, 1, 1, 2, 2, 1))[0],
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
            kind = _kind(team)
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
            mode = "soft" if _kind(team) == SOFT else "strict"
            yield Rule(team, "total", mode, "total", limit_nano_usd=plenty, limit_requests=10**9)
            yield Rule(team, "users", "soft", "rolling:5h", limit_nano_usd=plenty, per=("user",))


def secret(team: str, key: str) -> str:
    """Return the text of a key."""
    return f"tw-{team}-{key}"


def _kind(team: str) -> str:
    return team.partition("-")[0]


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
