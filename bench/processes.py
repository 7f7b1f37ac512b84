"""What a tree of processes has consumed: CPU seconds and resident memory, from /proc."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_QUIET_S = 0.5
# One tick of the clock and a half in half a second: nothing but timers.
_QUIET_CPU_S = 0.015


def tree(pid: int) -> list[int]:
    """Return a process and everything below it."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if fields := _stat(int(folder.name)):
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def cpu_s(pid: int) -> dict[int, float]:
    """Return the CPU seconds of each process of a tree so far."""
    spent = {}
    for each in tree(pid):
        if fields := _stat(each):
            spent[each] = (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
    return spent


def cpu_when_quiet_s(pid: int, limit_s: float = 60) -> dict[int, float]:
    """Return the same once the tree has stopped working: what it still owes for a load is part of the load's cost."""
    end_s = time.monotonic() + limit_s
    last = cpu_s(pid)
    while time.monotonic() < end_s:
        time.sleep(_QUIET_S)
        now = cpu_s(pid)
        if sum(now.values()) - sum(last.values()) < _QUIET_CPU_S:
            return now
        last = now
    return last


def command_line(pid: int) -> str:
    """Return a process's command line; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def rss_mb(pid: int) -> float:
    """Return the resident memory of a tree in MB."""
    pages = 0
    for each in tree(pid):
        try:
            pages += int(Path(f"/proc/{each}/statm").read_text().split()[1])
        except OSError:
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads its own group, and everything in it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            continue
        return


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
