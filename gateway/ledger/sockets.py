"""Where do holders reach the authority, and who may? A Unix socket that only our own user can open."""

import asyncio
import socket
import struct
from pathlib import Path
from typing import Final

from gateway.ledger.file import LedgerRefused

_CREDENTIALS: Final = struct.Struct("3i")  # of the kernel: pid, uid, gid


def bound(path: Path, backlog: int) -> socket.socket:
    """Listen at a path that only our user can use, in the place of whatever a killed process left there."""
    hidden = path.with_name(f"{path.name}.new")
    hidden.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(hidden))
        hidden.chmod(0o600)
        listener.listen(backlog)
        hidden.rename(path)
    except OSError as error:
        listener.close()
        if "too long" in str(error):
            raise LedgerRefused(f"{path} is too long for a socket's name: give data_dir a shorter one") from error
        raise
    return listener


def uid_of(transport: asyncio.BaseTransport) -> int:
    """Return whose process is at the other end."""
    peer = transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    uid: int = _CREDENTIALS.unpack(peer)[1]
    return uid
