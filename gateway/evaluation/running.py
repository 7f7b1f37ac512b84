"""Inside a plugin process: one evaluator looks at one target, within its limits. Whatever it does becomes a Told."""

import asyncio
import inspect
import os
import signal
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import StringIO
from types import FrameType
from typing import Any, Final

from gateway.evaluation.api import (
    Conversation,
    Evaluator,
    Exchange,
    JudgeError,
    Pair,
    ResponseFormat,
    Retryable,
    Skip,
    Target,
    Verdict,
)
from gateway.evaluation.contract import BrokenContract, given_of
from gateway.evaluation.protocol import DETAIL_BYTES, Loaded, Told

REASON_CHARS: Final = 64
_FRAMES: Final = 12  # of a traceback; the last ones say most
# The soft limit comes so much before the hard one, by which the parent ends the whole process.
SOFT_SHARE: Final = 0.9
_SOON_S: Final = 0.001
_WAITED: Final = "/proc/self/schedstat"


class OutOfTime(BaseException):
    """The soft limit: not an Exception, so that a plugin's `except Exception` lets it through."""


@dataclass(frozen=True, slots=True)
class Held:
    """A loaded evaluator."""

    evaluator: Evaluator[Any]
    loaded: Loaded


class Alarm:
    """Raises OutOfTime in the main thread, also out of a regular expression. Time that the process had to wait for a
    processor does not count: on a busy machine it gets one only when nobody else wants it."""

    def __init__(self) -> None:
        self._armed = False
        self._shielded = False
        self._seconds = 0.0
        self._waited_s = 0.0
        try:
            self._schedstat: int | None = os.open(_WAITED, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._schedstat = None
        signal.signal(signal.SIGALRM, self._ring)

    def start(self, seconds: float) -> None:
        """Ring once, in so many seconds."""
        self._seconds = seconds
        self._waited_s = self._waited()
        self._armed = True
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def stop(self) -> None:
        """Ring no more."""
        self._armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """Ring afterwards, not meanwhile: half a message would be the end of the process."""
        self._shielded = True
        try:
            yield
        finally:
            self._shielded = False

    def _ring(self, _number: int, _frame: FrameType | None) -> None:
        if not self._armed:
            return
        if self._shielded:
            signal.setitimer(signal.ITIMER_REAL, _SOON_S)
            return
        waited_s = self._waited()
        if (late_s := waited_s - self._waited_s) > self._seconds / 10:
            self._waited_s = waited_s
            signal.setitimer(signal.ITIMER_REAL, late_s)
            return
        self._armed = False
        raise OutOfTime

    def _waited(self) -> float:
        if self._schedstat is None:
            return 0.0
        return int(os.pread(self._schedstat, 64, 0).split()[1]) / 1e9


class Runner:
    """Runs evaluators: the alarm, and the event loop of those that are async."""

    def __init__(self) -> None:
        self.alarm = Alarm()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Verdict] | None = None

    def run(self, held: Held, number: int, target: Target) -> Told:
        """Let an evaluator look at a target. Never raises, unless the plugin broke what is around it."""
        loaded = held.loaded
        told = Told(number=number, evaluator=loaded.evaluator, result="error", prompt_version=prompt_version(target))
        begun_ns = time.perf_counter_ns()
        try:
            try:
                self.alarm.start(loaded.wall_s * SOFT_SHARE)
                self._judge(held, target, told)
            except OutOfTime:
                raise
            except BaseException as error:
                if not isinstance(error, Exception):
                    self.drop_loop()
                _explain(error, told)
            self.alarm.stop()
        except OutOfTime as error:
            told.result, told.reason, told.given = "error", "timeout", []
            told.detail = f"after {loaded.wall_s * SOFT_SHARE:g} s:\n{self._waiting_at()}{trace(error)}"
            self.drop_loop()
        told.duration_us = (time.perf_counter_ns() - begun_ns) // 1000
        return told

    def drop_loop(self) -> None:
        """Leave what is stuck in the event loop behind: to cancel it would be to run it."""
        if self._loop is not None:
            self._loop.close()
        self._loop = self._task = None

    def _judge(self, held: Held, target: Target, told: Told) -> None:
        needs = held.loaded
        if needs.reference and not _has_reference(target):
            raise Skip("no_reference")
        verdict = held.evaluator.evaluate(target if needs.content else without_content(target))
        if inspect.isawaitable(verdict):
            self._loop = self._loop or asyncio.new_event_loop()
            self._task = self._loop.create_task(verdict if inspect.iscoroutine(verdict) else _awaited(verdict))
            verdict = self._loop.run_until_complete(self._task)
        told.given = given_of(verdict)
        told.result = "ok"

    def _waiting_at(self) -> str:
        """Say where an async evaluator is; the traceback only shows the event loop that waits with it."""
        if self._task is None or self._task.done():
            return ""
        shown = StringIO()
        self._task.print_stack(limit=_FRAMES, file=shown)
        return shown.getvalue()


async def _awaited(verdict: Awaitable[Verdict]) -> Verdict:
    return await verdict


def prompt_version(target: Target) -> str | None:
    """Return the version of the system prompt: of a conversation the last exchange's, of a pair the first one's."""
    if isinstance(target, Conversation):
        return target.exchanges[-1].prompt_version if target.exchanges else None
    return (target.a if isinstance(target, Pair) else target).prompt_version


def without_content(target: Target) -> Target:
    """Leave the facts only."""
    if isinstance(target, Conversation):
        return replace(target, exchanges=tuple(map(_bare, target.exchanges)))
    if isinstance(target, Pair):
        return Pair(a=_bare(target.a), b=_bare(target.b))
    return _bare(target)


def _bare(exchange: Exchange) -> Exchange:
    return replace(
        exchange,
        messages=(),
        choices=(),
        tools=(),
        response_format=ResponseFormat(exchange.response_format.kind),
        request=None,
        response=None,
        reference=None,
    )


def _has_reference(target: Target) -> bool:
    if isinstance(target, Conversation):
        return any(each.reference is not None for each in target.exchanges)
    return (target.a if isinstance(target, Pair) else target).reference is not None


# What an evaluator may raise on purpose, and what that says. In order: the first that fits holds.
_SPOKEN: Final[tuple[tuple[type[BaseException], str, str], ...]] = (
    (Skip, "skipped", "skipped"),
    (Retryable, "retry", "retryable"),
    (JudgeError, "error", "judge"),
)


def _explain(error: BaseException, told: Told) -> None:
    """Say what was raised. Plugins' exceptions may be as broken as plugins: nothing of them is trusted."""
    for kind, result, reason in _SPOKEN:
        if isinstance(error, kind):
            told.result, told.reason = result, _text(error)[:REASON_CHARS] or reason
            return
    if isinstance(error, BrokenContract):
        told.reason, told.detail = "contract", _text(error)
        return
    told.reason = "oom" if isinstance(error, MemoryError) else "exception"
    told.detail = trace(error)


def _text(error: BaseException) -> str:
    return _guarded(lambda: str(error), type(error).__name__)


def trace(error: BaseException) -> str:
    """Write a traceback, its end if it is long. Only lines of code and the message: locals may hold content."""
    return _guarded(lambda: "".join(_told_by(error).format()), f"{type(error).__name__}, which cannot be shown")


def _told_by(error: BaseException) -> traceback.TracebackException:
    told = traceback.TracebackException.from_exception(error, limit=-2 * _FRAMES)
    told.stack = traceback.StackSummary.from_list([each for each in told.stack if each.filename != __file__][-_FRAMES:])
    return told


def _guarded(say: Callable[[], str], otherwise: str) -> str:
    try:
        text = say()
        return text.encode("utf-8", "backslashreplace")[-DETAIL_BYTES:].decode("utf-8", "ignore")
    except OutOfTime:
        raise
    except BaseException:
        return otherwise
