"""How does an evaluator behave: what comes of each target, and what does it touch meanwhile?"""

import asyncio
import inspect
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, NamedTuple

import msgspec

from gateway.evaluation.api import Conversation, Evaluator, Judge, JudgeError, Pair, Retryable, Skip, Target
from gateway.evaluation.contract import BrokenContract, given_of, scores_of
from gateway.evaluation.corpus import Case, conversations, corpus
from gateway.evaluation.declared import specs_of
from gateway.evaluation.definition import make
from gateway.evaluation.import_probe import TOUCHED
from gateway.evaluation.protocol import Kept
from gateway.evaluation.reading import exchange_of

_WITH_REFERENCE: Final = 6  # of those that do not need one


class Trial(NamedTuple):
    """A target that an evaluator is tried on."""

    name: str
    target: Target


class Outcome(NamedTuple):
    """What came of it. `result`: ok | skipped | retry | judge | broken | timeout | error; `told`: scores, or why."""

    result: str
    told: str
    took_s: float = 0.0


class Watch:
    """Sees what is touched while it is on. A hook of this kind can never be taken out again, only be silent."""

    def __init__(self) -> None:
        self.touched: set[str] = set()
        self._is_on = False
        sys.addaudithook(self._see)

    @contextmanager
    def on(self) -> Iterator[None]:
        """Watch meanwhile."""
        self._is_on = True
        try:
            yield
        finally:
            self._is_on = False

    def _see(self, event: str, _: tuple[Any, ...]) -> None:
        if self._is_on and event in TOUCHED:
            self.touched.add(event)


def trials(cls: type[Evaluator[Any]]) -> list[Trial]:
    """Make everything that the evaluator is tried on, anew: what one run changes, the next does not see."""
    needs = cls.needs
    cases = corpus() if needs.content else [case._replace(kept=_without_bodies(case.kept)) for case in corpus()]
    if needs.unit == "conversation":
        return [Trial(name, _conversation(all_kept, needs.content)) for name, all_kept in conversations()]
    if needs.unit == "pair":
        others = [*cases[1:], cases[0]]
        alike = [Trial("an answer and itself", Pair(a=exchange_of(cases[0].kept), b=exchange_of(cases[0].kept)))]
        return alike + [
            Trial(f"{a.name} and {b.name}", Pair(a=exchange_of(a.kept), b=exchange_of(b.kept)))
            for a, b in zip(cases, others, strict=True)
        ]
    return _exchanges(cases, needs.reference)


class Stage:
    """One evaluator, and the loop that its coroutines run on."""

    def __init__(self, cls: type[Evaluator[Any]], params: Any, judge: Judge | None, watch: Watch) -> None:
        self._evaluator = make(cls, params, judge)
        self._specs = specs_of(cls, params)
        self._wall_s = cls.needs.wall_s
        self._watch = watch
        self._runner = asyncio.Runner()

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the loop."""
        self._runner.close()

    def run(self, target: Target) -> Outcome:
        """Let it look at a target."""
        start = time.perf_counter()
        with self._watch.on():
            result, told = self._result(target)
        return Outcome(result, told, time.perf_counter() - start)

    def _result(self, target: Target) -> tuple[str, str]:
        try:
            with _alarm(self._wall_s):
                verdict = self._evaluator.evaluate(target)
                if inspect.isawaitable(verdict):
                    verdict = self._runner.run(_wait(verdict))
                given = given_of(verdict)
            return "ok", msgspec.json.encode(scores_of("score", self._specs, given)).decode()
        except Skip as skip:
            return "skipped", str(skip)
        except Retryable as error:
            return "retry", str(error)
        except JudgeError as error:
            return "judge", str(error)
        except BrokenContract as error:
            return "broken", str(error)
        except _TooLong:
            return "timeout", f"{self._wall_s:g} s"
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            return "error", f"{type(error).__name__}: {error} ({frame.name}, line {frame.lineno})"


class _TooLong(BaseException):
    """It took longer than it may. No Exception: a plugin that catches those must not catch this."""


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Interrupt what takes too long. Only the main thread can; elsewhere it takes as long as it takes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: object) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


async def _wait(verdict: Any) -> Any:
    return await verdict


def _without_bodies(kept: Kept) -> Kept:
    return msgspec.structs.replace(kept, request=None, response=None)


def _conversation(all_kept: Sequence[Kept], content: bool) -> Conversation:
    read = [exchange_of(kept if content else _without_bodies(kept)) for kept in all_kept]
    return Conversation(session="session-1", exchanges=tuple(read))


def _exchanges(cases: Sequence[Case], needs_reference: bool) -> list[Trial]:
    plain = [Trial(case.name, exchange_of(case.kept)) for case in cases]
    known = cases if needs_reference else cases[:_WITH_REFERENCE]
    compared = []
    for number, case in enumerate(known):
        exchange = exchange_of(case.kept)
        reference: Any = {"city": "Rome"} if number % 5 == 4 else exchange.text or "Rome is old."
        compared.append(Trial(f"{case.name}, with a reference", replace(exchange, reference=reference)))
    return compared if needs_reference else plain + compared
