"""What must be ours before anything runs: the data directory, the listening sockets, enough file descriptors."""

import errno
import fcntl
import os
import resource
import socket
import time
from pathlib import Path
from typing import IO

from gateway.policies.snapshot import Address

# A stalled client costs at most this much of the kernel's memory instead of 4 MB; accepted sockets inherit it.
SEND_BUFFER_BYTES = 128 << 10
BACKLOG = 4096
# After a kill -9 the old workers need a moment to notice and to let go of the port.
REBIND_PATIENCE_S = 5.0


class StartError(Exception):
    """The gateway cannot start; the text says why and what to do."""


class DataDir:
    """The data directory, held by one `tollway serve` at a time through a lock that dies with the process."""

    def __init__(self, path: str, lock: IO[str], *, was_killed: bool) -> None:
        self.path = path
        self.was_killed = was_killed  # the run before this one never came to its end
        self._lock = lock

    @classmethod
    def take(cls, path: str) -> "DataDir":
        """Make the directory if need be, and lock it."""
        try:
            Path(path).mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (Path(path) / "serve.lock").open("a+", encoding="ascii")  # close-on-exec: children do not hold it
        except OSError as error:
            raise StartError(
                f"cannot use the data directory {path}: {error.strerror}. Set [server] data_dir"
            ) from error
        lock.seek(0)
        holder = lock.read().strip()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise StartError(
                f"{path} is in use by another `tollway serve` (pid {holder or 'unknown'}). "
                "Stop that one first, or give this one its own [server] data_dir"
            ) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        return cls(path, lock, was_killed=bool(holder))

    def release(self) -> None:
        """Let go at the end of a run that ended as it should."""
        self._lock.truncate(0)
        self._lock.close()


def bind(address: Address, setting: str, *, patience_s: float = 0.0) -> socket.socket:
    """Listen on an address; `setting` is what to change if that fails. Port 0 takes any free one."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return _listener(address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= deadline:
                raise StartError(f"cannot listen on {address}: {_why(error, setting)}") from error
        time.sleep(0.1)


def _listener(address: Address) -> socket.socket:
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, where = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listener.bind(where)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


_REASONS = {
    errno.EADDRINUSE: "another program listens there. Stop it, or choose another port",
    errno.EACCES: "not allowed; ports below 1024 need privileges. Choose another port",
    errno.EADDRNOTAVAIL: "this machine does not have that address",
}


def _why(error: OSError, setting: str) -> str:
    return f"{_REASONS.get(error.errno or 0, error.strerror)} ([server] {setting})"


def address_of(listener: socket.socket) -> Address:
    """Return where a socket really listens."""
    host, port = listener.getsockname()[:2]
    return Address(host, port)


def raise_file_limit() -> int:
    """Allow as many open files as the system lets us, children included; a stream takes two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
