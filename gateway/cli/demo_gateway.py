"""The gateway that the demo runs: its configuration, its process, and how it is asked."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

from gateway.cli.demo_model import MODEL

START_LIMIT_S = 30.0
STOP_LIMIT_S = 10.0

COMPANY = """\
[server]
listen = "127.0.0.1:{port}"
admin = "127.0.0.1:{admin_port}"
data_dir = "data"

# One local server that speaks both dialects. Its prices are made up, so that there is something to see.
[providers.local]
dialect = "openai"
base_url = "{model_url}/v1"
api_keys = ["file:provider.key"]
models = ["{model}"]
prices = {{ "{model}" = {{ input = "0.10", output = "0.40" }} }}

[providers.local-anthropic]
dialect = "anthropic"
base_url = "{model_url}"
api_keys = ["file:provider.key"]
models = ["{model}"]
prices = {{ "{model}" = {{ input = "0.10", output = "0.40" }} }}

# The judge is the same model: one so small only shows the path. (With a budget a day an evaluator takes exchanges at
# the end of each minute, when it is known how many there were; without one it takes them at once.)
[[evaluators]]
name = "{judged}"
use = "llm_judge"
judge = "local/{model}"
params = {{ rubric = "The answer answers the question.", explain = false, max_tokens = 32 }}

[[evaluators]]
name = "slo"
use = "slo"
params = {{ latency_ms = 30000, output_tokens = 100 }}
"""

TEAM_FILE = """\
name = "demo"

[[keys]]
name = "laptop"
sha256 = "{digest}"

[[budgets]]
name = "daily"
limit_usd = "1"
window = "day"

# An agent that runs in circles stops by itself.
[[budgets]]
name = "loop"
limit_requests = 200
window = "rolling:1h"
scope = {{ session = "?*" }}
per = ["session"]

[evaluation]
evaluators = {evaluators}
"""

TEAM = "demo"
JUDGED = "answers"
EVALUATORS = ("truncated", "empty_answer", "refusal", "repetition", "pii_leak", "slo", JUDGED)


class DemoFailed(Exception):
    """A step did not do what it should; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the gateway of this demo lives and how it is reached."""

    folder: Path
    port: int
    admin_port: int
    key: str

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "config.toml"

    @property
    def url(self) -> str:
        """What an agent is given."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_url(self) -> str:
        """What Prometheus is given."""
        return f"http://127.0.0.1:{self.admin_port}"


def write_config(folder: Path, model_url: str) -> Place:
    """Write the configuration into `folder`, with a new key."""
    place = Place(folder, free_port(8080), free_port(8081), f"sk-tollway-{secrets.token_urlsafe(24)}")
    (folder / "teams").mkdir()
    (folder / "provider.key").write_text("the-local-model-asks-for-none\n")
    place.config.write_text(
        COMPANY.format(port=place.port, admin_port=place.admin_port, model_url=model_url, model=MODEL, judged=JUDGED)
    )
    team = TEAM_FILE.format(
        digest=sha256(place.key.encode()).hexdigest(), evaluators=msgspec.json.encode(EVALUATORS).decode()
    )
    (folder / "teams" / "demo.toml").write_text(team)
    return place


def free_port(preferred: int) -> int:
    """Return `preferred` if nothing listens there, else a port that is free now."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            chosen: int = probe.getsockname()[1]
            return chosen
    raise DemoFailed("no port is free on 127.0.0.1")


def start_gateway(place: Place) -> subprocess.Popen[bytes]:
    """Start `tollway serve` as its users do: a process of its own."""
    with (place.folder / "gateway.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve", "--config", str(place.config)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the demo, which then ends its children in order
        )


def stop(gateway: subprocess.Popen[bytes]) -> None:
    """Ask the gateway to drain and end; insist after a while."""
    gateway.terminate()
    try:
        gateway.wait(timeout=STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(gateway.pid, signal.SIGKILL)
        gateway.wait()


def wait_until_ready(place: Place, gateway: subprocess.Popen[bytes]) -> None:
    """Wait for /readyz. Raises DemoFailed with the end of the gateway's log."""

    def ready() -> bool:
        if gateway.poll() is not None:
            raise DemoFailed(f"the gateway ended with status {gateway.returncode}\n{log_tail(place)}")
        return fetch(f"{place.url}/readyz") is not None

    if not until(ready, START_LIMIT_S):
        raise DemoFailed(f"the gateway was not ready within {START_LIMIT_S:.0f} s\n{log_tail(place)}")


def tollway(place: Place, *words: str) -> str:
    """Run a command of ours and return what it prints. Raises DemoFailed."""
    done = subprocess.run(command_line(place, *words), capture_output=True, text=True, check=False)
    if done.returncode:
        raise DemoFailed(f"tollway {' '.join(words)}: {done.stderr or done.stdout}")
    return done.stdout


def fetch(url: str) -> str | None:
    """GET a page of ours; None while it does not answer 200."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback: never by a proxy
    try:
        with opener.open(url, timeout=5) as answer:
            text: str = answer.read().decode()
            return text
    except (urllib.error.URLError, OSError):
        return None


def log_tail(place: Place) -> str:
    """Return the end of what the gateway printed."""
    return (place.folder / "gateway.log").read_text(errors="replace")[-3000:]


def command_line(place: Place, *words: str) -> list[str]:
    """Return the command line of a command of ours for this gateway."""
    return [sys.executable, "-m", "gateway", *words, "--config", str(place.config)]


def until(condition: Callable[[], bool], limit_s: float) -> bool:
    """Wait until `condition()` holds; False when it did not within the limit."""
    end_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.1)
    return True
