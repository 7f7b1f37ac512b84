"""What of a machine is looked at, and what is said about it."""

import fcntl
import os
import resource
import socket
from pathlib import Path

import pytest

from gateway.app import examination
from gateway.app.examination import BAD, FAIR, GOOD, Finding, examine_machine, examine_server
from gateway.app.startup import DataDir
from gateway.policies.snapshot import Address, Server


def examine(folder: Path, listen: int = 0, admin: int = 0) -> dict[str, Finding]:
    """Look at a server's folder and ports."""
    server = Server(
        data_dir=str(folder),
        store_dir=str(folder / "store"),
        listen=Address("127.0.0.1", listen),
        admin=Address("127.0.0.1", admin),
    )
    return {each.subject: each for each in examine_server(server, folder)}


def free_port() -> int:
    """Find a port that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_new_machine_is_fit(tmp_path: Path) -> None:
    """A folder that will be made, and free ports."""
    found = examine(tmp_path / "not" / "yet", free_port(), free_port())

    assert {GOOD} == {found[name].state for name in ("data_dir", "listen", "admin")}
    assert "will be made" in found["data_dir"].word
    assert "GiB free" in found["disk"].word


def test_port_of_another_program_is_a_problem_and_our_own_is_none(tmp_path: Path) -> None:
    """Told apart by the lock of the data directory."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        others = examine(tmp_path, port)["listen"]
        held = DataDir.take(str(tmp_path))
        ours = examine(tmp_path, port)["listen"]
        absent = examine(tmp_path, port, free_port())["admin"]
        held.release()

    assert (BAD, True) == (others.state, "another program listens there" in others.word)
    assert (GOOD, True) == (ours.state, "the running gateway's" in ours.word)
    assert FAIR == absent.state


def test_looking_leaves_the_folder_free(tmp_path: Path) -> None:
    """A gateway can be started while and after it is looked at."""
    DataDir.take(str(tmp_path)).release()
    examine(tmp_path)
    with (tmp_path / "serve.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_folder_that_others_may_enter_is_a_warning(tmp_path: Path) -> None:
    """Prompts and answers lie there."""
    (tmp_path / "data").mkdir(mode=0o755)

    assert (FAIR, True) == (
        examine(tmp_path / "data")["data_dir"].state,
        "chmod 700" in examine(tmp_path / "data")["data_dir"].word,
    )


def test_folder_that_cannot_be_used_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in its place, or no right to write."""
    (tmp_path / "file").touch()

    assert BAD == examine(tmp_path / "file")["data_dir"].state
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert BAD == examine(tmp_path / "data")["data_dir"].state


@pytest.mark.parametrize(("free", "state"), [(1 << 20, BAD), (1 << 30, FAIR), (1 << 40, GOOD)])
def test_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    """None is a problem, little a warning."""

    class Usage:
        def __init__(self) -> None:
            self.free = free

    monkeypatch.setattr(examination.shutil, "disk_usage", lambda _: Usage())

    assert state == examine(tmp_path)["disk"].state


@pytest.mark.parametrize(("hard", "state"), [(256, BAD), (4096, FAIR), (1 << 20, GOOD), (resource.RLIM_INFINITY, GOOD)])
async def test_machine_is_told_with_its_isolation(monkeypatch: pytest.MonkeyPatch, hard: int, state: str) -> None:
    """Open files, the data plane, extras, and every measure of isolation: none of them absent is a problem."""
    monkeypatch.setattr(examination, "probe", _no_process)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (hard, hard))
    found = {each.subject: each for each in await examine_machine()}

    assert state == found["open files"].state
    assert {"data plane", "extra demo"} <= set(found)
    assert (BAD, True) == (found["isolation"].state, "no room" in found["isolation"].word)


async def _no_process() -> list[object]:
    raise OSError("no room")
