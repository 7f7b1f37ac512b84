"""Debian's Prometheus for tests: promtool, and a server on a free port."""

import json
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.provider import until

ROOT = Path(__file__).parents[2]
LIMIT_S = 30.0

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def program(name: str) -> str:
    """Find a program, or skip the test (which fails in CI)."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install prometheus")
    return found


def promtool(*arguments: str) -> str:
    """Run promtool; whatever it finds fails the test."""
    ran = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, check=False)
    said = ran.stdout + ran.stderr
    assert 0 == ran.returncode, said
    return said


class Prometheus:
    """A server that reads a configuration in a folder."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        self._output = folder / "prometheus.log"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    program("prometheus"),
                    f"--config.file={folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={folder / 'tsdb'}",
                    f"--web.listen-address={self.url.removeprefix('http://')}",
                    "--enable-feature=exemplar-storage",
                    "--log.level=warn",
                ],
                stdout=output,
                stderr=output,
            )
        until(self._ready, "Prometheus is ready", LIMIT_S)

    def _ready(self) -> bool:
        assert self.process.poll() is None, self.said()
        try:
            with _opener.open(f"{self.url}/-/ready", timeout=LIMIT_S) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def said(self) -> str:
        """Return what it wrote."""
        return self._output.read_text()

    def api(self, path: str, **parameters: Any) -> Any:
        """Ask its API, and return the data."""
        query = urllib.parse.urlencode(parameters)
        with _opener.open(f"{self.url}/api/v1/{path}?{query}", timeout=LIMIT_S) as answer:
            return json.load(answer)["data"]

    def instant(self, expr: str, **parameters: Any) -> list[tuple[dict[str, str], float]]:
        """Return (labels, value) of each series now."""
        found = self.api("query", query=expr, **parameters)["result"]
        return [(one["metric"], float(one["value"][1])) for one in found]

    def value(self, expr: str) -> float | None:
        """Return the value of the one series now; None: there is none."""
        found = self.instant(expr)
        assert len(found) < 2, found
        return found[0][1] if found else None

    def samples(self, selector: str) -> list[tuple[dict[str, str], list[float]]]:
        """Return every sample that was ever scraped of each series, in order."""
        found = self.api("query", query=f"{selector}[1h]")["result"]
        return [(one["metric"], [float(value) for _, value in one["values"]]) for one in found]

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(LIMIT_S)
