"""The demo's gateway: what is written for it and how it is waited for."""

import socket
import subprocess
import sys
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.cli import demo_gateway
from gateway.cli.demo_gateway import DemoFailed, Place, fetch, free_port, until, wait_until_ready, write_config
from gateway.config import load


def test_written_configuration_is_valid(tmp_path: Path) -> None:
    """The demo's files pass the same checks as anyone's, and hold the key only as its hash."""
    place = write_config(tmp_path, "http://127.0.0.1:1234")

    load.parse(load.read(place.config), {})
    team = tomllib.loads((tmp_path / "teams" / "demo.toml").read_text())
    assert sha256(place.key.encode()).hexdigest() == team["keys"][0]["sha256"]
    assert place.key not in place.config.read_text()


def test_each_demo_has_its_own_key(tmp_path: Path) -> None:
    """Two demos on one machine do not open each other."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    assert write_config(tmp_path / "a", "http://x").key != write_config(tmp_path / "b", "http://x").key


def test_taken_port_is_avoided() -> None:
    """A port that somebody listens on is not chosen."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert port != free_port(port)


def test_gateway_that_ends_at_once_fails_the_demo_with_its_log(tmp_path: Path) -> None:
    """Nobody waits for a process that is gone; the reason is shown."""
    place = Place(tmp_path, 9, 9, "key")
    (tmp_path / "gateway.log").write_text("teams/demo.toml: no such thing\n")
    gone = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])

    with pytest.raises(DemoFailed, match=r"(?s)status 3.*no such thing"):
        wait_until_ready(place, gone)


def test_stop_insists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that ignores the request to end is killed, with its whole group."""
    monkeypatch.setattr(demo_gateway, "STOP_LIMIT_S", 0.2)
    program = (
        "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    stubborn = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True)
    assert stubborn.stdout is not None
    stubborn.stdout.readline()

    demo_gateway.stop(stubborn)

    stubborn.stdout.close()
    assert -9 == stubborn.returncode


def test_fetch_of_nothing_is_none() -> None:
    """A page that cannot be had is None, not an exception: the callers wait."""
    assert fetch("http://127.0.0.1:9/readyz") is None


def test_until_gives_up() -> None:
    """A condition that never holds ends the wait at its limit."""
    assert not until(lambda: False, 0.01)
    assert until(lambda: True, 0.0)
