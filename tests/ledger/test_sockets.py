"""A socket that only our own user can open, in the place of whatever was there."""

import socket
import stat
from pathlib import Path

import pytest

from gateway.ledger.file import LedgerRefused
from gateway.ledger.sockets import bound


def test_only_our_user_can_open_it(tmp_path: Path) -> None:
    """At no moment: it gets its name once its rights are set."""
    path = tmp_path / "ledger.sock"
    with bound(path, 5) as listener, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))

        assert 0o600 == stat.S_IMODE(path.stat().st_mode)
        assert [path] == list(tmp_path.iterdir())
        assert listener.getsockname() != ""


def test_what_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    """Its socket, also the one that had not got its name."""
    path = tmp_path / "ledger.sock"
    bound(path, 5).close()
    path.with_name("ledger.sock.new").touch()
    with bound(path, 5), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_path_that_no_socket_can_have_is_refused_with_advice(tmp_path: Path) -> None:
    """Socket names are short."""
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)

    with pytest.raises(LedgerRefused, match="give data_dir a shorter one"):
        bound(deep / "ledger.sock", 5)
