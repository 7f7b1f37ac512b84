"""`tollway serve`: the whole thing, as people start it."""

import os
import re
import signal
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

import gateway
from gateway.cli import serve
from gateway.cli.options import place_of
from gateway.policies.snapshot import Address

LIMIT_S = 30.0
CONFIG = """
[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
[providers.local]
dialect = "anthropic"
base_url = "http://127.0.0.1:9"
"""


class Served:
    """A running `tollway serve`, and what it printed."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.output = folder / "output"
        clean = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "serve"],
                cwd=folder,
                stdout=output,
                stderr=output,
                env=clean | {"PYTHONPATH": str(Path(gateway.__file__).parents[1])} | env,
            )

    def until_said(self, pattern: str) -> str:
        """Wait until the output matches, and return the first group."""
        end = time.monotonic() + LIMIT_S
        while (found := re.search(pattern, self.output.read_text())) is None:
            assert time.monotonic() < end, self.output.read_text()
            assert self.process.poll() is None, self.output.read_text()
            time.sleep(0.02)
        return found[1]


@contextmanager
def served(folder: Path, **env: str) -> Iterator[Served]:
    run = Served(folder, **env)
    try:
        yield run
    finally:
        run.process.kill()  # the children follow by themselves
        run.process.wait()


def status_of(url: str, key: str | None = None) -> int:
    request = urllib.request.Request(url, headers={} if key is None else {"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_programs_read_the_log_from_the_first_line(tmp_path: Path) -> None:
    """With `log_format = "json"` what people read at the start stands in one object, and nothing else is printed."""
    (tmp_path / "config.toml").write_text(CONFIG.replace("[providers", 'log_format = "json"\n[providers', 1))
    with served(tmp_path) as run:
        run.until_said('("message":"serving")')
        other = subprocess.run(
            [sys.executable, "-m", "gateway", "serve"], cwd=tmp_path, capture_output=True, env=os.environ, check=False
        )
        run.process.send_signal(signal.SIGTERM)
        run.process.wait(LIMIT_S)
        found = [msgspec.json.decode(line) for line in run.output.read_text().splitlines()]

    (serving,) = [line for line in found if line["message"] == "serving"]
    assert re.match(r"http://127\.0\.0\.1:\d+\Z", serving["agents"])
    assert (gateway.__version__, str(tmp_path / "config.toml")) == (serving["version"], serving["config"])
    assert any("no team" in line["message"] for line in found if line["level"] == "warning")
    assert (1, "critical") == (other.returncode, msgspec.json.decode(other.stderr.splitlines()[-1])["level"])


def test_config_to_ready_to_drained(tmp_path: Path) -> None:
    """It says where agents and people connect, both answer, and SIGTERM ends it with status 0."""
    (tmp_path / "config.toml").write_text(CONFIG)
    with served(tmp_path) as run:
        agents = run.until_said(r"agents  (http://127\.0\.0\.1:\d+)")
        admin = run.until_said(r"admin   (http://127\.0\.0\.1:\d+)")
        run.until_said(r"(export ANTHROPIC_BASE_URL=)")

        assert 200 == status_of(f"{agents}/readyz")
        assert 200 == status_of(f"{admin}/metrics")
        assert "OPENAI_BASE_URL" not in run.output.read_text()
        assert "no team, so nobody can call" in run.output.read_text()
        run.process.send_signal(signal.SIGTERM)
        assert 0 == run.process.wait(LIMIT_S)


def test_nothing_at_all_is_enough(tmp_path: Path) -> None:
    """No config: a team is made, and its key is shown at once, whether or not the usual ports are free."""
    with served(tmp_path, OPENAI_API_KEY="sk-x") as run:
        key = run.until_said(r"made team 'default' in .*teams\. Its key, shown this once: (tw-[\w-]{43})\n")

    (entry,) = tomllib.loads((tmp_path / "teams" / "default.toml").read_text())["keys"]
    assert sha256(key.encode()).hexdigest() == entry["sha256"]


@pytest.mark.parametrize("there", ["config.toml", "teams/mine.toml"])
def test_team_is_only_made_where_there_is_nothing(there: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What people wrote, a new key must not open."""
    monkeypatch.chdir(tmp_path)
    Path("teams").mkdir()
    Path(there).touch()

    assert serve._first_key(place_of(None)) is None
    assert serve._first_key(place_of(tmp_path / "named.toml")) is None
    assert not Path("teams/default.toml").exists()


def test_first_key_is_shown_only_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second start finds the team."""
    monkeypatch.chdir(tmp_path)

    assert str(serve._first_key(place_of(None))).startswith("tw-")
    assert serve._first_key(place_of(None)) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[server]\nworkers = 0\nx = 1", "server.x: unknown setting"),
        ('[server]\nlisten = "192.0.2.1:8080"', "this machine does not have that address ([server] listen)"),
    ],
)
def test_start_that_fails_says_why(tmp_path: Path, text: str, said: str) -> None:
    """Status 1, a sentence, no traceback."""
    (tmp_path / "config.toml").write_text(text)
    with served(tmp_path) as run:
        assert 1 == run.process.wait(LIMIT_S)

        assert said in run.output.read_text()
        assert "Traceback" not in run.output.read_text()


@pytest.mark.parametrize(
    ("address", "tls", "expected"),
    [
        (Address("127.0.0.1", 8080), False, "http://127.0.0.1:8080"),
        (Address("0.0.0.0", 8443), True, "https://127.0.0.1:8443"),
        (Address("::", 80), False, "http://[::1]:80"),
        (Address("10.0.0.1", 80), False, "http://10.0.0.1:80"),
    ],
)
def test_address_is_shown_as_this_machine_reaches_it(address: Address, tls: bool, expected: str) -> None:
    """`0.0.0.0` is where to listen, not where to connect."""
    assert expected == serve._url(address, tls=tls)
