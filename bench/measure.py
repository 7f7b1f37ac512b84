"""One measurement: load a contender with wrk and see what its processes consumed."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.cases import Case
from bench.processes import command_line, cpu_s, cpu_when_quiet_s, rss_mb
from bench.provider import Missing

SCRIPT = Path(__file__).with_name("load.lua")
_UNITS_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
# What does not serve requests itself: shown apart.
_BEHIND = ("recorder", "evaluator")


class Unreachable(Exception):
    """A contender that answered before does not any more."""


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw."""

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float
    failed: int


@dataclass(frozen=True, slots=True)
class Result:
    """What one round cost: CPU microseconds per unit, of the whole tree and of the part that serves requests."""

    load: Load
    cpu_us: float = 0.0
    serving_us: float = 0.0
    rss_mb: float = 0.0


def load(url: str, key: str, body: Path, connections: int, seconds: int) -> Load:
    """Run wrk. Raises Missing, and Unreachable when nothing listens."""
    if shutil.which("wrk") is None:
        raise Missing("no wrk: apt-get install wrk")
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "--latency", "-s", str(SCRIPT), url]
    environment = os.environ | {"BODY": str(body), "KEY": key}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise Unreachable((done.stderr or done.stdout).strip())
    return parse(done.stdout)


def parse(text: str) -> Load:
    """Read wrk's report."""
    socket_errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    bad_status = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    failed = sum(map(int, socket_errors.groups())) if socket_errors else 0
    return Load(
        requests=int(_one(r"(\d+) requests in", text)),
        per_second=float(_one(r"Requests/sec:\s+([\d.]+)", text)),
        p50_ms=_ms(r"50%\s+([\d.]+)([a-z]+)", text),
        p99_ms=_ms(r"99%\s+([\d.]+)([a-z]+)", text),
        failed=failed + (int(bad_status[1]) if bad_status else 0),
    )


def measure(pid: int, url: str, key: str, body: Path, case: Case, seconds: int) -> Result:
    """Load a contender and attribute to the load everything that its tree consumed until it was quiet again."""
    before = cpu_s(pid)
    seen = load(url, key, body, case.connections, seconds)
    after = cpu_when_quiet_s(pid)
    units = max(seen.requests, 1) * case.units
    spent_us = {each: (total - before.get(each, 0.0)) * 1e6 / units for each, total in after.items()}
    serving_us = sum(us for each, us in spent_us.items() if not any(word in command_line(each) for word in _BEHIND))
    return Result(seen, sum(spent_us.values()), serving_us, rss_mb(pid))


def _one(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"wrk's report has no {pattern!r}:\n{text}")
    return found[1]


def _ms(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    return float(found[1]) * _UNITS_MS[found[2]] if found else float("nan")
