"""A plugin process: `python -m gateway.evaluation.host FD NAMES` loads evaluators and runs them, one job after another.

It speaks with its parent over one socket; what plugins print goes somewhere else and cannot disturb that. It holds no
key and no database: what it knows of an exchange came with the job.
"""

import asyncio
import faulthandler
import socket
import sys
import time
from collections import deque
from collections.abc import Mapping
from itertools import count
from typing import Any, Final

import msgspec

from gateway.evaluation import isolation
from gateway.evaluation.api import Conversation, JudgeAnswer, JudgeError, Pair, Retryable, Skip, Target
from gateway.evaluation.definition import CannotLoad, load, make, params_of
from gateway.evaluation.protocol import (
    Answered,
    Asking,
    Begun,
    Confined,
    Confining,
    Frames,
    Job,
    Loaded,
    Loading,
    ToHost,
    Told,
    framed,
)
from gateway.evaluation.reading import exchange_of
from gateway.evaluation.running import Held, Runner, trace

_READ_BYTES: Final = 1 << 18
TOLD_BYTES: Final = 1 << 20  # one evaluator's results
# Of the time of an evaluator: a judge that takes longer is the judge's fault, and not told as the evaluator's.
JUDGE_SHARE: Final = 0.85
_FAILURES: Final = {"skip": Skip, "retry": Retryable}


class Line:
    """The socket to the parent: messages in order, and what is to be said, sent together where that loses nothing."""

    def __init__(self, ours: socket.socket) -> None:
        self._socket = ours
        self._frames: Frames[ToHost] = Frames(ToHost)
        self._come: deque[ToHost] = deque()
        self._to_say = bytearray()

    def fileno(self) -> int:
        """Return what an event loop may watch."""
        return self._socket.fileno()

    @property
    def has_more(self) -> bool:
        """Whether the next message is here already."""
        return bool(self._come)

    def next(self) -> ToHost | None:
        """Wait for the next message; None: the parent is gone."""
        while not self._come:
            self.flush()
            if not self.read():
                return None
        return self._come.popleft()

    def read(self) -> bool:
        """Take what has come, waiting for something; False: the parent is gone."""
        data = self._socket.recv(_READ_BYTES)
        self._come.extend(self._frames.feed(data))
        return bool(data)

    def answers(self) -> list[Answered]:
        """Take out the judge's answers that have come."""
        found = [each for each in self._come if isinstance(each, Answered)]
        self._come = deque(each for each in self._come if not isinstance(each, Answered))
        return found

    def say(self, frame: bytes) -> None:
        """Send with what comes next."""
        self._to_say += frame

    def flush(self) -> None:
        """Send everything; what the parent must know before a plugin runs is with it then."""
        if self._to_say:
            said, self._to_say = self._to_say, bytearray()
            self._socket.sendall(said)


class HostJudge:
    """A plugin's judge: every question goes to the parent, which has the key and counts the money."""

    def __init__(self, host: "Host", loaded: Loaded) -> None:
        self._host = host
        self._loaded = loaded

    async def ask(
        self, system: str, user: str, schema: Mapping[str, Any], *, max_tokens: int = 1024, temperature: float = 0.0
    ) -> JudgeAnswer:
        """Ask for a JSON object that fits `schema`."""
        self._host.asked += 1
        if self._host.asked > self._loaded.max_judge_calls:
            raise JudgeError("judge_calls")
        answer = await self._host.answer(
            Asking(
                number=self._host.number,
                evaluator=self._loaded.evaluator,
                call=next(self._host.calls),
                system=system,
                user=user,
                schema=msgspec.json.encode(schema),
                max_tokens=max_tokens,
                temperature=temperature,
                nth=self._host.asked,
                within_s=max(0.0, self._loaded.wall_s * JUDGE_SHARE - (time.monotonic() - self._host.begun_s)),
            )
        )
        if answer.failure is not None:
            raise _FAILURES.get(answer.failure, JudgeError)(answer.reason or "judge")
        return JudgeAnswer(
            verdict=msgspec.json.decode(answer.verdict),
            model=answer.model,
            exchange=answer.exchange,
            cost_usd=answer.cost_nano_usd / 1e9,
            cached=answer.cached,
        )


class Host:
    """`number`: of the job that is being done; its running evaluator: `begun_s` when it began, in monotonic time, and
    `asked` how often it has asked its judge.

    `calls`: numbers for questions, never used twice, so that a late answer is nobody else's.
    """

    def __init__(self, line: Line) -> None:
        self.number = 0
        self.asked = 0
        self.begun_s = 0.0
        self.calls = count()
        self._line = line
        self._runner = Runner()
        self._cpu = isolation.CpuLimit()
        self._held: dict[str, Held] = {}
        self._is_settled = False
        self._waiting: dict[int, asyncio.Future[Answered]] = {}

    def serve(self) -> None:
        """Do what the parent says, until it closes the line."""
        while (message := self._line.next()) is not None:
            if isinstance(message, Confining):
                self._line.say(framed(Confined(measures=isolation.confine(message))))
            elif isinstance(message, Loading):
                self._line.say(framed(self._load(message)))
                self._line.flush()  # the next one may be the end of this process
            elif isinstance(message, Job):
                self._settle()
                self._do(message)

    async def answer(self, asking: Asking) -> Answered:
        """Ask the parent, and wait; other questions of the same evaluator may be under way."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[Answered] = loop.create_future()
        self._waiting[asking.call] = waiting
        with self._runner.alarm.shielded():
            self._line.say(framed(asking))
            self._line.flush()
        loop.add_reader(self._line, self._on_readable)
        try:
            return await waiting
        finally:
            del self._waiting[asking.call]
            if not self._waiting:
                loop.remove_reader(self._line)

    def _on_readable(self) -> None:
        with self._runner.alarm.shielded():
            if not self._line.read():
                sys.exit("the evaluator is gone")
            answers = self._line.answers()
        for answered in answers:
            waiting = self._waiting.get(answered.call)
            if waiting is not None and not waiting.done():
                waiting.set_result(answered)

    def _load(self, loading: Loading) -> Loaded:
        try:
            cls, loaded = load(loading)
            if loaded.network and not loading.network:
                raise CannotLoad(f"{loading.use} needs the network: allow it, `network = true`, in its [[evaluators]]")
            if loading.wall_s is not None:
                loaded.wall_s = loading.wall_s
            if loading.memory_mb is not None:
                loaded.memory_mb = loading.memory_mb
            judge = HostJudge(self, loaded) if loaded.judge else None
            evaluator = make(cls, params_of(cls, loading), judge)
        except CannotLoad as error:
            return Loaded(evaluator=loading.evaluator, problem=str(error), detail=error.detail)
        except BaseException as error:
            problem = f"{loading.use}: it cannot be made: {type(error).__name__}"
            return Loaded(evaluator=loading.evaluator, problem=problem, detail=trace(error))
        self._held[loading.evaluator] = Held(evaluator, loaded)
        return loaded

    def _settle(self) -> None:
        """Once everything is loaded: be held to what was declared."""
        if not self._is_settled:
            self._is_settled = True
            all_loaded = [held.loaded for held in self._held.values()]
            memory_mb = max((each.memory_mb for each in all_loaded), default=0)
            isolation.hold_to(memory_mb, network=any(each.network for each in all_loaded))

    def _do(self, job: Job) -> None:
        self.number = job.number
        target = target_of(job)
        for name in job.evaluators:
            held = self._held[name]
            self.asked = 0
            self.begun_s = time.monotonic()
            self._cpu.allow(held.loaded.cpu_s)
            self._line.say(framed(Begun(number=job.number, evaluator=name)))
            self._line.flush()
            self._tell(self._runner.run(held, job.number, target))
        if not self._line.has_more:
            self._line.flush()

    def _tell(self, told: Told) -> None:
        try:
            frame = framed(told)
            if len(frame) > TOLD_BYTES:
                raise ValueError(f"the results are larger than {TOLD_BYTES} bytes")
        except (ValueError, OverflowError, TypeError, UnicodeError) as error:
            told.result, told.reason, told.detail, told.given = "error", "contract", str(error)[:1000], []
            frame = framed(told)
        self._line.say(frame)


def target_of(job: Job) -> Target:
    """Read what a job brings."""
    exchanges = tuple(map(exchange_of, job.kept))
    if job.unit == "conversation":
        return Conversation(session=job.session, exchanges=exchanges, feedback=job.feedback)
    if job.unit == "pair":
        return Pair(a=exchanges[0], b=exchanges[1])
    return exchanges[0]


def main() -> None:
    """Serve on the socket that the parent opened."""
    faulthandler.enable()
    Host(Line(socket.socket(fileno=int(sys.argv[1])))).serve()


if __name__ == "__main__":
    main()
