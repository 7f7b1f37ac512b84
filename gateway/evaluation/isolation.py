"""What does a plugin process give up before it imports a plugin? Every right that this machine lets it give up.

A measure that is missing stops nothing; docs/isolation.md says what each is for, `tollway doctor` which are in force.
"""

import contextlib
import ctypes
import fcntl
import os
import platform
import resource
import signal
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.evaluation import landlock, seccomp
from gateway.evaluation.priority import yield_to_others
from gateway.evaluation.privileges import drop_user
from gateway.evaluation.protocol import Confining, Measure
from gateway.evaluation.readable import rules_for

FILE_BYTES: Final = 64 << 20  # of one file that a plugin writes
OPEN_FILES: Final = 256
THREADS: Final = 64
LOADING_MB: Final = 2048  # while plugins are imported; then they are held to what they declare
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
# Linux counts private memory that is used; what is only reserved (numpy reserves much) does not count there.
_MEMORY: Final = resource.RLIMIT_DATA if platform.system() == "Linux" else resource.RLIMIT_AS


def confine(wanted: Confining) -> list[Measure]:
    """Give up what plugins will not need, for good, and tell what could be given up. Call it once.

    The order matters: what needs a right comes before what takes it away.
    """
    told = [
        _taken("priority", yield_to_others),
        _taken("oom", _die_first),
        _taken("terminal", _have_no_terminal),
        _taken("privileges", _no_new_privileges),
        _taken("files", lambda: _only_own_files(wanted)),
    ]
    files = told[-1].in_force
    user = _taken("user", lambda: drop_user(wanted.folder, wanted.readable, confined=files))
    return [
        *told,
        user,
        _taken("limits", lambda: _limit_all(wanted.memory_mb)),
        _taken("threads", lambda: _limit_threads(alone=user.in_force)),
        _taken("orphans", _die_with_parent),  # behind `user`: a change of it clears this
        _taken("processes", _be_alone),
        _taken("network", lambda: _have_no_network(allowed=wanted.network)),
    ]


def hold_to(memory_mb: int, *, network: bool) -> None:
    """Narrow everything to what the loaded plugins declare; `confine` came before that was known."""
    _limit(_MEMORY, _used_bytes() + (memory_mb << 20))
    if not network:
        with contextlib.suppress(OSError):  # told by `confine`
            seccomp.install(seccomp.network_rules())


class CpuLimit:
    """Ends this process when it uses more processor time, all threads together, than was allowed last."""

    def __init__(self) -> None:
        _, self._hard = resource.getrlimit(resource.RLIMIT_CPU)
        self._soft = 0.0

    def allow(self, seconds: float) -> None:
        """Allow so much from now on, or up to two seconds more: the limit counts whole ones, and a call costs time."""
        needed = time.process_time() + seconds
        if not needed <= self._soft <= needed + 2:
            self._soft = int(needed) + 2
            resource.setrlimit(resource.RLIMIT_CPU, (self._soft, self._hard))


def _taken(name: str, measure: Callable[[], str]) -> Measure:
    try:
        return Measure(name=name, in_force=True, word=measure())
    except (OSError, ValueError, AttributeError) as error:
        return Measure(name=name, in_force=False, word=str(error))


def _die_first() -> str:
    if platform.system() != "Linux":
        raise OSError("only Linux has it")
    Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    return "is ended first where the machine has no memory left (oom_score_adj 1000)"


def _have_no_terminal() -> str:
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return "there is none"
    try:
        fcntl.ioctl(terminal, termios.TIOCNOTTY)
    finally:
        os.close(terminal)
    return "given up"


def _no_new_privileges() -> str:
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    return "gets no rights back (no_new_privs)"


def _only_own_files(wanted: Confining) -> str:
    version = landlock.restrict(rules_for(wanted.folder, wanted.readable), network=wanted.network)
    return f"reads code and its own files, writes a folder of its own, sees no other process (Landlock {version})"


def _limit_all(memory_mb: int) -> str:
    _limit(_MEMORY, _used_bytes() + (max(LOADING_MB, memory_mb) << 20))
    _limit(resource.RLIMIT_FSIZE, FILE_BYTES)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    return f"memory and processor time as declared, files of {FILE_BYTES >> 20} MiB, {OPEN_FILES} open, no core dumps"


def _limit_threads(*, alone: bool) -> str:
    if not alone:
        raise OSError("counted by user, and this user has other processes; the limit of memory holds threads, too")
    _limit(resource.RLIMIT_NPROC, THREADS)
    return f"at most {THREADS}"


def _die_with_parent() -> str:
    # It fires when the parent's THREAD ends that started this process: the evaluator does that in its main thread.
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return "ends with the evaluator (PDEATHSIG)"


def _be_alone() -> str:
    seccomp.install(seccomp.process_rules(os.getpid()))
    return "starts no process or program, reaches and signals none (seccomp)"


def _have_no_network(*, allowed: bool) -> str:
    if allowed:
        seccomp.install(seccomp.internet_rules())
        raise OSError("allowed by `network = true`: sockets of the internet, none of services of this machine")
    seccomp.install(seccomp.network_rules())
    return "opens no sockets (seccomp)"


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    least = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (least, least))


def _used_bytes() -> int:
    """Return how much of what `_MEMORY` limits is used already."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])  # data and stack
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * resource.getpagesize()


def _prctl(option: int, value: int) -> None:
    if platform.system() != "Linux":
        raise OSError("only Linux has it")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
