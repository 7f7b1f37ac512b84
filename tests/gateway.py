"""A real gateway for tests: its processes on free ports, in front of a scripted provider, and what it wrote down."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import gateway
from tests.client import Client, Headers, Reply
from tests.provider import Provider, until

KEY = "tw-test-key"
PROVIDER_KEY = "sk-of-the-provider"
LIMIT_S = 30.0

# name: (dialect, what stands behind the provider's address in its base_url)
ALL_PROVIDERS = {
    "openai": ("openai", "/v1"),
    "anthropic": ("anthropic", ""),
    "gemini": ("gemini", ""),
    "groq": ("openai", "/openai/v1"),
    "mistral": ("openai", "/v1"),
    "deepseek": ("openai", ""),
    "openrouter": ("openai", "/api/v1"),
    "cerebras": ("openai", "/v1"),
    "ollama": ("openai", "/v1"),
    "zai": ("openai", "/api/paas/v4"),
    "huggingface": ("openai", ""),
    "bedrock-openai": ("openai", ""),
    "crusoe": ("openai", "/v1"),
}
USUAL = ("openai", "anthropic", "gemini")

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def provider_tables(urls: Mapping[str, str], **settings: str) -> str:
    """Write [providers.NAME] for the named ones; `settings` are TOML values that stand in each of them.

    The first of each dialect takes every model that a request of its dialect asks for.
    """
    tables, seen = [], set()
    for name, url in urls.items():
        dialect, base_path = ALL_PROVIDERS[name]
        models = [] if dialect in seen else ["*"]
        seen.add(dialect)
        table = {
            "dialect": json.dumps(dialect),
            "base_url": json.dumps(url + base_path),
            "api_keys": json.dumps([f"file:{name}.key"]),
            "models": json.dumps(models),
            **settings,
        }
        lines = [f"{field} = {value}" for field, value in table.items()]
        tables.append("\n".join([f"[providers.{name}]", *lines, ""]))
    return "\n".join(tables)


def team_file(keys: Sequence[str] = (KEY,), more: str = "", top: str = "") -> str:
    """Write a team's file; its keys are named key0, key1, …"""
    entries = [
        f'[[keys]]\nname = "key{number}"\nsha256 = "{sha256(key.encode()).hexdigest()}"\n'
        for number, key in enumerate(keys)
    ]
    return "\n".join([top, *entries, more])


class Gateway:
    """A running gateway. `python`: whose packages it has."""

    def __init__(self, folder: Path, python: Path | str = sys.executable) -> None:
        self.folder = folder
        self.output = folder / "output"
        clean = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [python, "-m", "gateway", "serve", "--config", str(folder / "config.toml")],
                stdout=output,
                stderr=output,
                env=clean | {"PYTHONPATH": str(Path(gateway.__file__).parents[1])},
            )
        self.port = int(self._said(r"agents  http://127\.0\.0\.1:(\d+)"))
        self.admin_port = int(self._said(r"admin   http://127\.0\.0\.1:(\d+)"))
        self.url = f"http://127.0.0.1:{self.port}"

    def _said(self, pattern: str) -> str:
        def look() -> re.Match[str] | None:
            assert self.process.poll() is None, self.said()
            return re.search(pattern, self.said())

        return str(until(look, f"the gateway says {pattern}", LIMIT_S)[1])

    def said(self) -> str:
        """Return what its processes wrote."""
        return self.output.read_text()

    def client(self) -> Client:
        """Open a connection to it."""
        return Client(self.port)

    def ask(self, method: str, target: str, headers: Headers = (), body: bytes | None = None) -> Reply:
        """Ask once, on a connection of its own."""
        with self.client() as client:
            return client.ask(method, target, headers, body)

    def post(self, target: str, fields: Any, *headers: tuple[str, str], key: str | None = KEY) -> Reply:
        """Post JSON with a key."""
        usual = [("Content-Type", "application/json")]
        if key is not None:
            usual.append(("Authorization", f"Bearer {key}"))
        body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
        return self.ask("POST", target, [*usual, *headers], body)

    def api(self, path: str, **parameters: Any) -> dict[str, Any] | None:
        """Ask the admin port; None: there is no such thing."""
        query = urllib.parse.urlencode(parameters)
        try:
            with _opener.open(f"http://127.0.0.1:{self.admin_port}{path}?{query}", timeout=LIMIT_S) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                if error.code != 404:
                    raise
            return None

    def admin(self, method: str, path: str, fields: Any) -> dict[str, Any]:
        """Have the admin port do something."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.admin_port}{path}",
            json.dumps(fields).encode(),
            {"Content-Type": "application/json"},
            method=method,
        )
        with _opener.open(request, timeout=LIMIT_S) as answer:
            return dict(json.load(answer))

    def row(self, exchange_id: str) -> dict[str, Any]:
        """Wait for an exchange in the log, and return it with its bodies."""
        return dict(until(lambda: self.api(f"/api/exchanges/{exchange_id}"), f"{exchange_id} is in the log"))

    def rows(self, **filters: Any) -> list[dict[str, Any]]:
        """Return what is in the log now."""
        page = self.api("/api/exchanges", **{"limit": 10_000, **filters})
        assert page is not None
        return list(page["exchanges"])

    def wait_rows(self, count: int, **filters: Any) -> list[dict[str, Any]]:
        """Wait until so many exchanges are in the log."""
        until(lambda: len(self.rows(**filters)) >= count, f"{count} rows with {filters} are in the log", LIMIT_S)
        return self.rows(**filters)

    def metrics(self) -> str:
        """Return the metrics page."""
        with _opener.open(f"http://127.0.0.1:{self.admin_port}/metrics", timeout=LIMIT_S) as answer:
            return str(answer.read().decode())

    def stop(self) -> int:
        """Drain it, and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT_S)

    def kill(self) -> None:
        """End it at once; its children follow by themselves."""
        self.process.kill()
        self.process.wait()


def write_config(
    folder: Path,
    providers: str,
    *,
    server: str = "",
    more: str = "",
    teams: Mapping[str, str] | None = None,
) -> None:
    """Write a config directory. `providers`: their tables. `teams`: files by name; one team `search` unless given."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "teams").mkdir(exist_ok=True)
    for name in ALL_PROVIDERS:
        (folder / f"{name}.key").write_text(PROVIDER_KEY)
    head = f'[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\ndrain_timeout = "5 s"\n{server}\n'
    (folder / "config.toml").write_text("\n".join([head, providers, more]))
    for name, text in (teams or {"search": team_file()}).items():
        (folder / "teams" / f"{name}.toml").write_text(text)


@contextlib.contextmanager
def running(folder: Path, python: Path | str = sys.executable) -> Iterator[Gateway]:
    """Run a gateway on a config directory, and leave no process behind."""
    run = Gateway(folder, python)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.process.send_signal(signal.SIGTERM)
            try:
                run.process.wait(10)
            except subprocess.TimeoutExpired:
                run.kill()


@contextlib.contextmanager
def standing_before(
    provider: Provider,
    folder: Path,
    names: Sequence[str] = USUAL,
    *,
    server: str = "",
    more: str = "",
    teams: Mapping[str, str] | None = None,
    **settings: str,
) -> Iterator[Gateway]:
    """Run a gateway in front of a provider that plays all the named ones."""
    tables = provider_tables(dict.fromkeys(names, provider.url), **settings)
    write_config(folder, tables, server=server, more=more, teams=teams)
    with running(folder) as run:
        yield run
