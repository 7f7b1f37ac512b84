"""One plugin process, as its parent sees it: how it is started, spoken with, watched, ended, and what it leaves."""

import asyncio
import contextlib
import os
import resource
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from uuid import uuid4

from gateway.evaluation import cgroup
from gateway.evaluation.cgroup import Cgroup
from gateway.evaluation.hearing import Line, Words
from gateway.evaluation.protocol import DETAIL_BYTES, SAID_BYTES, Frames, Garbled, ToHost, ToParent, framed
from gateway.metrics.alive import is_alive

_PREFIX: Final = "tollway-plugin-"
_PATIENCE_S: Final = 1.0  # from the end of the line to SIGKILL
_LAST_WORDS_S: Final = 0.2
# Pools of threads in libraries would only take the processors, and each thread's memory, from others.
_ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_KEPT_VARIABLES: Final = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "PYTHONHOME", "LD_LIBRARY_PATH")


class Ended(NamedTuple):
    """How a process ended: a short reason (crash, oom, …) and words for a person, with what it printed last."""

    reason: str
    detail: str


class PluginProcess:
    """One process. `heard` gets its messages, and raises Garbled for one that it must not send; `gone` is called once,
    when it cannot be spoken with any more (`is_gone`)."""

    def __init__(self, heard: Callable[[ToParent], None], gone: Callable[[], None]) -> None:
        self.heard = heard
        self.gone = gone
        self.is_gone = False
        self._process: Process | None = None
        self._line: asyncio.Transport | None = None
        self._frames: Frames[ToParent] = Frames(ToParent, SAID_BYTES)
        self._words = Words()
        self._folder = ""
        self._cgroup: Cgroup | None = None
        self._verdict: Ended | None = None

    async def start(self, names: str, memory_mb: int) -> None:
        """Start it; raise OSError. `names`: for its command line."""
        self._folder = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
        ours, theirs = socket.socketpair()
        words, printed = socket.socketpair()
        try:
            loop = asyncio.get_running_loop()
            self._process = await asyncio.create_subprocess_exec(
                *_command(theirs.fileno(), names),
                stdin=DEVNULL,
                stdout=printed.fileno(),
                stderr=printed.fileno(),
                env=environment(self._folder, os.environ, sys.path),
                cwd=self._folder,
                pass_fds=(theirs.fileno(),),
                process_group=0,  # not a session: Linux gives each its full share of the processors (autogroup)
            )
            self._cgroup = Cgroup.make(Path(self._folder).name.rpartition("-")[2], memory_mb)
            if self._cgroup is not None:
                self._cgroup.take(self._process.pid)
            self._line, _ = await loop.create_unix_connection(lambda: Line(self._hear, self._lost), sock=ours)
            await loop.create_unix_connection(lambda: self._words, sock=words)
        except BaseException:
            for each in (ours, words):
                each.close()
            await self.end(at_once=True)
            raise
        finally:
            theirs.close()
            printed.close()

    @property
    def folder(self) -> str:
        """Where it may write."""
        return self._folder

    @property
    def cgroup_word(self) -> str | None:
        """What its control group does; None: it has none."""
        return self._cgroup.word if self._cgroup else None

    def send(self, message: ToHost) -> int:
        """Send a message, and return its length; raise ValueError if it is too long."""
        frame = framed(message)
        if self._line is not None:
            self._line.write(frame)
        return len(frame)

    def condemn(self, reason: str, why: str) -> None:
        """Say why it must end: that is told, whatever its exit status is."""
        if self._verdict is None:
            self._verdict = Ended(reason, why)

    @property
    def is_condemned(self) -> bool:
        """Whether it must end."""
        return self._verdict is not None

    async def end(self, *, at_once: bool) -> Ended:
        """End it and whatever it started, and say how it ended. Not `at_once`: it is idle or dead, and may leave."""
        if self._line is not None:
            if at_once:
                self._line.abort()  # what it has not read is lost, as it is
            self._line.close()
        if self._process is not None:
            if not at_once:
                await self._left()
            self._kill()
            await self._process.wait()
        self._words.hear_out()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._words.ended.wait(), _LAST_WORDS_S)
        ended = self._ended()
        if self._cgroup is not None:
            self._cgroup.remove()
        self._words.close()
        await asyncio.to_thread(remove, Path(self._folder))
        return ended

    def memory_bytes(self) -> int:
        """Return how much memory it uses now; 0 where nobody tells."""
        fields = self._facts("statm")
        return int(fields[1]) * resource.getpagesize() if len(fields) > 1 else 0

    def waited_s(self) -> float:
        """Return how long it has waited for a processor in its life."""
        fields = self._facts("schedstat")
        return int(fields[1]) / 1e9 if len(fields) > 1 else 0.0

    async def _left(self) -> None:
        assert self._process is not None  # noqa: S101 - of `end`
        try:
            await asyncio.wait_for(self._process.wait(), _PATIENCE_S)
        except TimeoutError:
            self.condemn("protocol", "it closed the line to its parent and went on")

    def _facts(self, name: str) -> list[bytes]:
        if self._process is None:
            return []
        try:
            return Path(f"/proc/{self._process.pid}/{name}").read_bytes().split()
        except OSError:
            return []

    def _hear(self, data: bytes) -> None:
        try:
            for message in self._frames.feed(data):
                if not self.is_gone:
                    self.heard(message)
        except Garbled as error:
            self.condemn("protocol", f"it broke the protocol: {error}")
            self._lost()

    def _lost(self) -> None:
        if not self.is_gone:
            self.is_gone = True
            self.gone()

    def _kill(self) -> None:
        """End its group. Who left that, without seccomp and control groups, ends with the line at best."""
        if self._cgroup is not None:
            self._cgroup.kill()
        if self._process is not None:
            for kill in (os.killpg, os.kill):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    if kill is os.killpg or self._process.returncode is None:
                        kill(self._process.pid, signal.SIGKILL)

    def _ended(self) -> Ended:
        status = self._process.returncode if self._process is not None else None
        ran_out = self._cgroup is not None and self._cgroup.ran_out_of_memory
        reason, why = self._verdict or how(status, ran_out_of_memory=ran_out)
        words = self._words.text(DETAIL_BYTES - 512)
        return Ended(reason, f"{why}; it printed last:\n{words}" if words else why)


def how(status: int | None, *, ran_out_of_memory: bool) -> Ended:
    """Say how a process ended that nobody was told to end."""
    if status is None:
        return Ended("crash", "it could not be started")
    if ran_out_of_memory:
        return Ended("oom", "the kernel ended it: it used more memory than it may")
    if status == -signal.SIGXCPU:
        return Ended("timeout", "it used more processor time than it may")
    if status == -signal.SIGKILL:
        return Ended("crash", "it was ended by SIGKILL: by somebody, or by the kernel for want of memory")
    if status < 0:
        return Ended("crash", f"it was ended by {signal.Signals(-status).name}")
    return Ended("crash", f"it left with exit status {status}")


def environment(folder: str, ours: "os._Environ[str] | dict[str, str]", path: Sequence[str]) -> dict[str, str]:
    """Return all that a plugin process finds in its environment: no key, no proxy, nothing that was not named."""
    kept = {name: ours[name] for name in _KEPT_VARIABLES if name in ours}
    return kept | {
        # What can be imported here can be imported there. Nothing else is: no current folder, no user's own packages.
        "PYTHONPATH": os.pathsep.join(str(Path(entry).absolute()) for entry in path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",  # what it prints is there when it crashes
        "PYDANTIC_DISABLE_PLUGINS": "1",  # they would be imported before this process gives up its rights
        "PYTHONHASHSEED": "0",  # the same target gives the same scores, sets included
        "TMPDIR": folder,
        "HOME": folder,
        **dict.fromkeys(_ONE_THREAD, "1"),
    }


def sweep() -> None:
    """Take away what the processes of evaluators left behind that were killed."""
    cgroup.sweep()
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and not is_alive(int(pid)):
            remove(folder)


def remove(folder: Path) -> None:
    """Take away what a plugin made of its folder: closed ones are opened, deep ones come up level by level."""
    with contextlib.suppress(OSError):
        while entries := _opened(folder):
            for entry in entries:
                if not _is_folder(entry):
                    entry.unlink()
                    continue
                for inner in _opened(entry):
                    if _is_folder(inner):
                        inner.chmod(0o700)  # else it could not be moved
                    inner.rename(folder / uuid4().hex)
                entry.rmdir()
        folder.rmdir()


def _opened(folder: Path) -> list[Path]:
    folder.chmod(0o700)
    return list(folder.iterdir())


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _command(fd: int, names: str) -> list[str]:
    return [sys.executable, "-P", "-s", "-m", "gateway.evaluation.host", str(fd), names]
