"""Where the system lets us: a control group around one plugin process, so that nothing it starts escapes."""

import contextlib
import os
from pathlib import Path
from typing import Final

from gateway.metrics.alive import is_alive

PROCESSES: Final = 128
# Above the plugin's own limit: the limits of the process itself tell better what happened.
MARGIN_MB: Final = 128
_PREFIX: Final = "tollway-plugin-"
_NO_OOM: Final = "oom_kill 0"


class Cgroup:
    """One group. `word`: what it limits."""

    def __init__(self, folder: Path, limits: list[str]) -> None:
        self.word = f"ended as a whole{''.join(f', {each} limited' for each in limits)}"
        self._folder = folder

    @classmethod
    def make(cls, name: str, memory_mb: int, base: Path | None = None) -> "Cgroup | None":
        """Make a group below ours (or beside it, where systemd lets us have both); None where we may not."""
        for place in [base] if base else _places():
            folder = place / f"{_PREFIX}{os.getpid()}-{name}"
            try:
                folder.mkdir()
            except OSError:
                continue
            wanted = {
                "memory.max": str((memory_mb + MARGIN_MB) << 20),
                "memory.swap.max": "0",
                "pids.max": str(PROCESSES),
            }
            limits = [name for name, value in wanted.items() if _written(folder / name, value)]
            return cls(folder, limits)
        return None

    def take(self, pid: int) -> bool:
        """Put a process into it, before that starts others."""
        return _written(self._folder / "cgroup.procs", str(pid))

    @property
    def ran_out_of_memory(self) -> bool:
        """Whether the kernel ended a process of it because of its memory."""
        try:
            events = (self._folder / "memory.events").read_text(encoding="ascii")
        except OSError:
            return False
        return "oom_kill " in events and _NO_OOM not in events.splitlines()

    def kill(self) -> None:
        """End every process in it."""
        _written(self._folder / "cgroup.kill", "1")

    def remove(self) -> None:
        """Take the group away; one that still holds a dying process stays behind, empty soon."""
        with contextlib.suppress(OSError):
            self._folder.rmdir()


def sweep() -> None:
    """Take away what evaluators left behind that were killed."""
    for place in _places():
        for folder in place.glob(f"{_PREFIX}*"):
            pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
            if not (pid.isdigit() and is_alive(int(pid))):
                with contextlib.suppress(OSError):
                    folder.rmdir()


def _written(file: Path, value: str) -> bool:
    """Write to a file of the kernel's, if there is one; some of them cannot be opened to be read."""
    try:
        opened = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.write(opened, value.encode())
    except OSError:
        return False
    finally:
        os.close(opened)
    return True


def _places() -> list[Path]:
    """Return where a group may be made: beside our own if systemd delegated the one above (`Delegate=yes`,
    `DelegateSubgroup=`), since only there limits can be set; else below our own."""
    root, own = _root(), _own()
    if root is None or own is None:
        return []
    ours = root / own.lstrip("/")
    return [ours.parent, ours] if _is_delegated(ours.parent) else [ours]


def _is_delegated(folder: Path) -> bool:
    try:
        return os.getxattr(folder, "user.delegate") == b"1"
    except (OSError, AttributeError):
        return False


def _root() -> Path | None:
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = (line.split(" ") for line in mounts.splitlines())
    return next((Path(fields[1]) for fields in found if fields[2] == "cgroup2"), None)


def _own() -> str | None:
    lines = Path("/proc/self/cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.removeprefix("0::") for line in lines if line.startswith("0::")), None)
