"""Which lanes are at work? As config has it: a change ends the lanes that it concerns, and begins others."""

import asyncio
from collections.abc import Callable, Iterable, Iterator

from gateway.evaluation.crew import Crew
from gateway.evaluation.definition import fingerprint
from gateway.evaluation.lanes import Share, is_special, plan, shipped
from gateway.evaluation.outcome import Maker
from gateway.evaluation.protocol import Loaded
from gateway.evaluation.task import Task
from gateway.evaluation.ward import Ward
from gateway.policies.evaluating import Evaluating, Plugin


class Roster:
    """The crews. `hire` makes one for a share; `orphaned` gets the tasks of one that has ended; `failed` is told of a
    mistake of ours."""

    def __init__(
        self,
        hire: Callable[[Share], Crew],
        orphaned: Callable[[list[Task]], None],
        ward: Ward,
        now_ms: Callable[[], int],
        failed: Callable[[BaseException], None],
    ) -> None:
        self.evaluating = Evaluating()
        self._hire = hire
        self._orphaned = orphaned
        self._ward = ward
        self._now_ms = now_ms
        self._failed = failed
        self._ours = shipped()
        self._apart: set[str] = set()
        self._crews: list[Crew] = []
        self._of: dict[str, Crew] = {}  # by evaluator, those whose crew has loaded
        self._renewing: dict[Crew, asyncio.Task[None]] = {}

    def crew_of(self, evaluator: str) -> Crew | None:
        """Return who does an evaluator's work; None: nobody, yet."""
        return self._of.get(evaluator)

    def names_in_use(self) -> Iterable[str]:
        """Name the evaluators of the config."""
        return self.evaluating.plugins.keys()

    def makers(self) -> dict[str, Maker]:
        """Tell of the evaluators that are loaded what they are, by name."""
        return {name: crew.makers[name] for name, crew in self._of.items() if name in crew.makers}

    async def follow(self, evaluating: Evaluating) -> None:
        """Take a config over; lanes that it does not change go on."""
        changed = {
            plugin.name for plugin in evaluating.plugins.values() if plugin != self.evaluating.plugins.get(plugin.name)
        }
        self._apart -= changed
        self.evaluating = evaluating
        self._ward.keep_only(evaluating.plugins)
        await self._rearrange()

    def renew_unloaded(self, now_ms: int) -> None:
        """Try once more to load what could not be, when its time has come."""
        for crew in self._crews:
            if any(self._is_due(crew, name, now_ms) for name in crew.names):
                self.renew(crew)

    def renew(self, crew: Crew) -> None:
        """Load a lane's evaluators anew, in a lane that takes its place."""
        if crew not in self._renewing:
            self._renewing[crew] = asyncio.create_task(self._renew(crew), name="renewal of a lane")

    async def end(self) -> list[Task]:
        """End all; return the tasks that were not done."""
        for renewal in self._renewing.values():
            renewal.cancel()
        await asyncio.gather(*self._renewing.values(), return_exceptions=True)
        crews, self._crews, self._of = self._crews, [], {}
        return [task for tasks in await asyncio.gather(*(crew.end() for crew in crews)) for task in tasks]

    def _is_due(self, crew: Crew, name: str, now_ms: int) -> bool:
        return name not in crew.makers and self._of.get(name) is crew and self._ward.phase(name, now_ms) != "open"

    async def _renew(self, crew: Crew) -> None:
        try:
            fresh = self._hire(crew.share)
            await self._load(fresh)
            if crew not in self._crews:  # config changed meanwhile
                await fresh.end()
                return
            self._crews[self._crews.index(crew)] = fresh
            self._appoint(fresh)
            self._orphaned(await crew.end())
        except Exception as error:  # nobody waits for this task
            self._failed(error)
        finally:
            del self._renewing[crew]

    async def _rearrange(self) -> None:
        evaluating = self.evaluating
        shares = plan(evaluating.plugins.values(), self._ours, self._apart, evaluating.workers)
        staying = [crew for crew in self._crews if crew.share in shares]
        leaving = [crew for crew in self._crews if crew.share not in shares]
        kept = {crew.share for crew in staying}
        fresh = [self._hire(share) for share in shares if share not in kept]
        self._crews = [*staying, *fresh]
        gone = {name for crew in leaving for name in crew.names}
        self._of = {name: crew for name, crew in self._of.items() if name not in gone}
        left = await asyncio.gather(*(crew.end() for crew in leaving))
        await asyncio.gather(*(self._load(crew) for crew in fresh))
        for crew in fresh:
            self._appoint(crew)
        self._orphaned([task for tasks in left for task in tasks])
        if any(self._specials()):
            self._apart |= set(self._specials())
            await self._rearrange()

    def _specials(self) -> Iterator[str]:
        for crew in self._crews:
            if crew.share.is_common and len(crew.names) > 1:
                yield from (name for name, maker in crew.makers.items() if is_special(maker.loaded))

    async def _load(self, crew: Crew) -> None:
        plugins = {plugin.name: plugin for plugin in crew.share.plugins}
        told = {loaded.evaluator: loaded for loaded in await crew.lane.load()}
        for name, plugin in plugins.items():
            self._note(crew, plugin, told.get(name) or Loaded(evaluator=name, problem="not_told"))

    def _note(self, crew: Crew, plugin: Plugin, loaded: Loaded) -> None:
        if loaded.problem is not None:
            self._ward.could_not_load(plugin, loaded.problem, loaded.detail, self._now_ms())
            return
        judge = plugin.judge or self.evaluating.judge
        series = fingerprint(loaded, judge if loaded.judge else None)
        maker = crew.makers[plugin.name] = Maker(loaded, series, judge if loaded.judge else None)
        self._ward.loaded(plugin, maker, self._now_ms())

    def _appoint(self, crew: Crew) -> None:
        crew.begin()
        self._of |= dict.fromkeys(crew.names, crew)
