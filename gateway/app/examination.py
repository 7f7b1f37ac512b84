"""Is this machine fit for a gateway? Folder, ports, files, compiled modules, and how well plugins are shut in."""

import fcntl
import importlib.util
import os
import resource
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from gateway.app.compiled import PACKAGE, advice, stale
from gateway.app.startup import StartError, bind
from gateway.evaluation.greeting import probe
from gateway.policies.snapshot import Address, Server

GOOD, FAIR, BAD = "ok", "warning", "problem"
LITTLE_DISK_BYTES: Final = 5 << 30
NO_DISK_BYTES: Final = 256 << 20
FILES: Final = 16_384  # a stream takes two
FEW_FILES: Final = 1024
_EXTRAS: Final = {
    "demo": (("xllamacpp", "openai", "anthropic"), "`tollway demo`"),
}


class Finding(NamedTuple):
    """One thing that was looked at: ok, a warning (it works, and could be better) or a problem (it does not work)."""

    subject: str
    state: str
    word: str


def examine_server(server: Server, data_dir: Path) -> Iterator[Finding]:
    """Look at what a configuration needs of the machine: its folder and its ports."""
    yield _folder(data_dir)
    place = _existing(data_dir)
    free = shutil.disk_usage(place).free
    state = BAD if free < NO_DISK_BYTES else FAIR if free < LITTLE_DISK_BYTES else GOOD
    yield Finding("disk", state, f"{free / (1 << 30):.1f} GiB free below {place}")
    running = _is_running(data_dir)
    for name, address in (("listen", server.listen), ("admin", server.admin)):
        yield _port(name, address, running=running)


async def examine_machine() -> list[Finding]:
    """Look at what has nothing to do with the configuration."""
    found = [_files(), _compiled(), *_extras()]
    try:
        measures = await probe()
    except OSError as error:
        return [*found, Finding("isolation", BAD, f"no plugin process can be started: {error}")]
    return found + [Finding(f"isolation: {each.name}", GOOD if each.in_force else FAIR, each.word) for each in measures]


def _folder(data_dir: Path) -> Finding:
    place = _existing(data_dir)
    if not place.is_dir():
        return Finding("data_dir", BAD, f"{place} is not a folder. Set [server] data_dir")
    if not os.access(place, os.W_OK | os.X_OK):
        return Finding("data_dir", BAD, f"{place} may not be written by this user. Change that, or [server] data_dir")
    if place != data_dir:
        return Finding("data_dir", GOOD, f"{data_dir} will be made")
    if (mode := place.stat().st_mode) & 0o077:
        return Finding("data_dir", FAIR, f"{data_dir} is open to other users (mode {mode & 0o777:o}): chmod 700 it")
    return Finding("data_dir", GOOD, f"{data_dir} is writable, and nobody else's")


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())


def _is_running(data_dir: Path) -> bool:
    """Tell whether a gateway holds this folder."""
    try:
        with (data_dir / "serve.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _port(setting: str, address: Address, *, running: bool) -> Finding:
    if running:
        try:
            socket.create_connection((address.host, address.port), timeout=2.0).close()
        except OSError as error:
            return Finding(setting, FAIR, f"a gateway runs with this data_dir, but not at {address}: {error}")
        return Finding(setting, GOOD, f"{address}: the running gateway's")
    try:
        bind(address, setting).close()
    except StartError as error:
        return Finding(setting, BAD, str(error))
    return Finding(setting, GOOD, f"{address} is free")


def _files() -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard >= FILES:
        return Finding("open files", GOOD, "as many as needed" if hard == resource.RLIM_INFINITY else f"{hard}")
    state = BAD if hard < FEW_FILES else FAIR
    return Finding(
        "open files", state, f"{hard}, and a stream takes two: raise the hard limit (LimitNOFILE, ulimit -Hn)"
    )


def _compiled() -> Finding:
    if changed := stale():
        return Finding("data plane", FAIR, advice(changed))
    if not any(PACKAGE.rglob("*.so")) and not any(PACKAGE.rglob("*.pyd")):
        return Finding("data plane", FAIR, "not compiled: it works, and takes more processor time. `make install`")
    return Finding("data plane", GOOD, "compiled")


def _extras() -> Iterator[Finding]:
    for extra, (modules, purpose) in _EXTRAS.items():
        absent = [module for module in modules if importlib.util.find_spec(module) is None]
        if absent:
            word = f"without {', '.join(absent)}, for {purpose}: pip install 'tollway[{extra}]'"
            yield Finding(f"extra {extra}", FAIR, word)
        else:
            yield Finding(f"extra {extra}", GOOD, "installed")
