"""Startup: what must be ours before anything runs, and what is said when it is not."""

import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.app.startup import DataDir, StartError, address_of, bind, raise_file_limit
from gateway.policies.snapshot import Address


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_port_0_listens_on_a_free_port(host: str) -> None:
    """The real address is known afterwards, and a connection gets through."""
    with bind(Address(host, 0), "listen") as listener:
        address = address_of(listener)
        with socket.create_connection((address.host, address.port), timeout=5):
            assert address.port


def test_accepted_connections_have_a_small_send_buffer() -> None:
    """A stalled client must not hold megabytes in the kernel: accepted sockets inherit the limit."""
    with bind(Address("127.0.0.1", 0), "listen") as listener:
        listener.setblocking(True)
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            # Linux reports twice what was asked for.
            assert 256 << 10 == accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)


def test_port_in_use_is_refused_with_what_to_change() -> None:
    """The sentence names the address, the cause and the setting."""
    with bind(Address("127.0.0.1", 0), "listen") as first:
        taken = address_of(first)
        with pytest.raises(StartError) as caught:
            bind(taken, "admin")

    expected = f"cannot listen on {taken}: another program listens there. Stop it, or choose another port"
    assert f"{expected} ([server] admin)" == str(caught.value)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_address_of_another_machine_is_refused(host: str) -> None:
    """Not ours, or not known at all."""
    with pytest.raises(StartError, match=f"cannot listen on {host}:0: .*server. listen"):
        bind(Address(host, 0), "listen")


def test_port_that_is_let_go_in_time_is_taken() -> None:
    """After a kill -9 the children of the last run hold the port for another moment."""
    code = "import socket,sys,time; s=socket.create_server(('127.0.0.1',0)); print(s.getsockname()[1],flush=True)"
    with subprocess.Popen([sys.executable, "-c", f"{code}; time.sleep(0.5)"], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        with bind(Address("127.0.0.1", port), "listen", patience_s=10) as listener:
            assert port == address_of(listener).port


def test_data_dir_is_one_gateways_at_a_time(tmp_path: Path) -> None:
    """The second is refused with the pid of the first; after the end of the first it is free."""
    path = str(tmp_path / "a" / "data")
    first = DataDir.take(path)

    with pytest.raises(StartError, match=rf"in use by another `tollway serve` \(pid {os.getpid()}\)"):
        DataDir.take(path)

    first.release()
    DataDir.take(path).release()
    assert 0o700 == Path(path).stat().st_mode & 0o777


def test_lock_is_not_inherited_by_children(tmp_path: Path) -> None:
    """A child that outlives its supervisor must not keep the next one out."""
    first = DataDir.take(str(tmp_path))
    command = [sys.executable, "-c", "print('up', flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False) as child:
        assert child.stdout is not None
        child.stdout.readline()
        first._lock.close()  # as a kill -9 does: nothing is tidied up

        second = DataDir.take(str(tmp_path))
        child.communicate(b"\n")

    assert second.was_killed
    second.release()


def test_tidy_end_is_told_from_a_killed_one(tmp_path: Path) -> None:
    """Only after a kill is it worth waiting for the port."""
    DataDir.take(str(tmp_path)).release()

    after = DataDir.take(str(tmp_path))

    assert not after.was_killed
    after.release()


def test_data_dir_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """The sentence names the directory and the setting."""
    (tmp_path / "file").write_text("")

    with pytest.raises(StartError, match=r"cannot use the data directory .*file/data: Not a directory.*data_dir"):
        DataDir.take(str(tmp_path / "file" / "data"))


def test_file_limit_is_raised_as_far_as_allowed() -> None:
    """Soft limits of 1024 are for programs that use select."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, before[1]), before[1]))

        assert before[1] == raise_file_limit()
        assert (before[1], before[1]) == resource.getrlimit(resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
