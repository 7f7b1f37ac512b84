"""A scheduler at work on a real queue and journal, with lanes whose plugins are functions of the test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.core.ids import IdMaker
from gateway.core.score import Evaluation, decode
from gateway.evaluation.lane import Ask, Lane
from gateway.evaluation.lookup import Found
from gateway.evaluation.outbox import Outbox
from gateway.evaluation.protocol import Answered, Asking, Given, Job, Kept, Loaded, Spec, Told
from gateway.evaluation.queue import Queue
from gateway.evaluation.scheduler import Scheduler
from gateway.evaluation.task import Admitted, Sampled
from gateway.journal.frame import SCORE, unpack
from gateway.policies.evaluating import Evaluating, Plugin, Rule

NOW_S = 1_795_600_000.0
SPEC = Spec(name="", type="boolean")
KEPT = Kept(record=b"{}", request=[(0, b"{}")], request_bytes=2, response=[(0, b"{}")], response_bytes=2)
NOTHING_KEPT = Kept(record=b'{"bodies":"none"}')
_ids = IdMaker(lambda count: b"\x07" * count)


def good(evaluator: str) -> Told:
    """Say that all is well."""
    return Told(number=0, evaluator=evaluator, result="ok", given=[Given(name="", value=True)], duration_us=1500)


def bad(evaluator: str, result: str = "error", reason: str = "exception") -> Told:
    """Say that it went wrong."""
    return Told(number=0, evaluator=evaluator, result=result, reason=reason, detail="Traceback …")


def plugin(name: str, use: str = "contains", **more: object) -> Plugin:
    """Make an evaluator of the config."""
    return Plugin(name=name, use=use, **more)  # type: ignore[arg-type]


def evaluating(*plugins: Plugin, workers: int = 2) -> Evaluating:
    """Make a config in which a team uses them."""
    rules = tuple(Rule(team="search", evaluator=each.name) for each in plugins)
    return Evaluating(plugins={each.name: each for each in plugins}, rules={"search": rules}, workers=workers)


Does = Callable[[str, Job], Told]


@dataclass
class Stage:
    """What the lanes of a test do. `does`: by evaluator, what comes of a job; otherwise it is good. `loads`: what an
    evaluator says of itself. `gate`: runs wait for it."""

    does: dict[str, Does] = field(default_factory=dict)
    loads: dict[str, Loaded] = field(default_factory=dict)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    lanes: "list[StagedLane]" = field(default_factory=list)
    asks: bool = False
    depth: int = 1

    def lane(self, plugins: Sequence[Plugin], *, processes: int, ask: Ask) -> Lane:
        """Begin one."""
        self.lanes.append(StagedLane(self, plugins, processes, ask))
        return self.lanes[-1]


class StagedLane(Lane):
    """Keeps the promises of a lane, without processes."""

    def __init__(self, stage: Stage, plugins: Sequence[Plugin], processes: int, ask: Ask) -> None:
        self.names = [each.name for each in plugins]
        self.capacity = processes * stage.depth
        self.jobs: list[Job] = []
        self.running = self.most_running = 0
        self.closed = False
        self._stage = stage
        self._ask = ask

    async def load(self) -> list[Loaded]:
        """Say what the test wants."""
        return [self._stage.loads.get(name) or loaded(name) for name in self.names]

    async def run(self, job: Job) -> list[Told]:
        """Do what the test wants."""
        assert not self.closed
        self.jobs.append(job)
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            await self._stage.gate.wait()
            if self._stage.asks:
                for call, name in enumerate(job.evaluators):
                    await self._ask(asking(job.number, name, call))
            return [self._stage.does.get(name, lambda name, _: good(name))(name, job) for name in job.evaluators]
        finally:
            self.running -= 1

    async def close(self) -> None:
        """Nothing may come after."""
        self.closed = True


def loaded(name: str, **more: object) -> Loaded:
    """Say what an evaluator is."""
    facts = {"plugin": name, "version": "1", "code_hash": "c", "params_hash": "p", "specs": [SPEC], **more}
    return Loaded(evaluator=name, **facts)  # type: ignore[arg-type]


def asking(number: int, evaluator: str, call: int) -> Asking:
    """Ask a judge something."""
    return Asking(
        number=number,
        evaluator=evaluator,
        call=call,
        system="",
        user="",
        schema=b"{}",
        max_tokens=9,
        temperature=0.0,
    )


class Work:
    """A scheduler, its queue and its journal, at a time that the test sets."""

    def __init__(self, folder: Path, stage: Stage) -> None:
        self.now_s = NOW_S
        self.stage = stage
        self.folder = folder
        self.found: dict[str, Found] = {}
        self.queue = Queue(folder / "evaluation", lambda: self.now_s)
        self.outbox = Outbox(folder / "journal", "process")
        self.asked: list[tuple[Asking, str]] = []
        self.scheduler = Scheduler(
            self.queue, self.outbox, look=self._look, judge=self._judge, lane=stage.lane, clock=lambda: self.now_s
        )

    def _look(self, targets: Sequence[Sampled]) -> Found:
        return self.found.get(targets[0].target) or Found([KEPT])

    async def _judge(self, asking: Asking, team: str) -> Answered:
        self.asked.append((asking, team))
        return Answered(number=asking.number, call=asking.call, exchange=f"x{asking.call}", cost_nano_usd=7)

    def sample(self, evaluators: Iterable[str], count: int = 1, **more: object) -> list[str]:
        """Let so many exchanges be taken for each of some evaluators; return their ids."""
        ids = [_ids.new(int((self.now_s + number / 1000) * 1e9)) for number in range(count)]
        sampled = [
            sampled_of(name, exchange, seq=int(self.now_s * 1e6) + number, **more)
            for number, exchange in enumerate(ids)
            for name in evaluators
        ]
        self.queue.admit(Admitted({}, sampled, {}, {}), backlog=100_000)
        return ids

    async def until(self, condition: Callable[[], object]) -> None:
        """Let it work until something holds."""
        async with asyncio.timeout(20):
            while not condition():
                self.scheduler.feed()
                if self.scheduler.failure.done():
                    self.scheduler.failure.result()
                await asyncio.sleep(0.005)

    async def until_empty(self) -> list[Evaluation]:
        """Let it work until nothing waits; return what was written down."""
        await self.until(lambda: not any(self.queue.waiting().values()))
        return self.written()

    def written(self) -> list[Evaluation]:
        """Return what stands in the journal."""
        return [each for path in sorted((self.folder / "journal").glob("*.seg")) for each in evaluations(path)]


def sampled_of(evaluator: str, exchange: str, seq: int = 1, **more: object) -> Sampled:
    """Make one that was taken."""
    facts: Mapping[str, object] = {
        "run": "online",
        "team": "search",
        "target_type": "exchange",
        "target": exchange,
        "day": "2026-11-25",
        "policy": "p1",
        "probability": 0.5,
        "reasons": ["rate"],
        **more,
    }
    return Sampled(evaluator=evaluator, exchange=exchange, seq=seq, **facts)  # type: ignore[arg-type]


def evaluations(path: Path) -> list[Evaluation]:
    """Read a segment."""
    data, at, found = path.read_bytes(), 0, []
    while (frame := unpack(data, at)) is not None:
        assert SCORE == frame.kind
        found.append(decode(frame.meta))
        at += frame.size
        if at == len(data):
            break
    return found


@asynccontextmanager
async def working(folder: Path, stage: Stage | None = None, *, gate: bool = True) -> AsyncIterator[Work]:
    """Run a scheduler. `gate`: whether lanes do their work at once."""
    stage = stage or Stage()
    if gate:
        stage.gate.set()
    work = Work(folder, stage)
    try:
        yield work
    finally:
        stage.gate.set()
        await work.scheduler.end()
        work.outbox.close()
        work.queue.close()
