"""How does a plugin process become ready? It is started, gives up its rights, and loads its evaluators, one by one."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final

import msgspec

from gateway.evaluation.definition import FILE
from gateway.evaluation.named_files import Outside, named_file
from gateway.evaluation.process import Ended, PluginProcess
from gateway.evaluation.protocol import Confined, Confining, Garbled, Loaded, Loading, Measure, ToParent
from gateway.policies.evaluating import Plugin

# To start and to load one evaluator. Long: it runs only when nobody else wants the processor, and numpy is large.
LOADING_S: Final = 60.0
NAME_CHARS: Final = 256  # of each text by which a plugin is known


@dataclass(slots=True)
class Greeting:
    """A process that is ready (None: there is none), what was loaded or why not, and the isolation in force."""

    process: PluginProcess | None = None
    loaded: dict[str, Loaded] = field(default_factory=dict)
    measures: list[Measure] = field(default_factory=list)
    failure: str | None = None  # of the machine, not of a plugin: no process could be started


async def greet(plugins: Sequence[Plugin], patience_s: float = LOADING_S) -> Greeting:
    """Start a process with these evaluators. One that ends the process is left out, and the others begin anew."""
    greeting = Greeting()
    left = list(plugins)
    while left:
        attempt = _Attempt(left)
        try:
            ended = await attempt.make(patience_s)
        except OSError as error:
            greeting.failure = f"no process could be started: {error}"
            greeting.loaded |= {each.name: _unloaded(each, greeting.failure) for each in left}
            break
        greeting.measures = attempt.measures
        if ended is None:
            greeting.loaded |= attempt.loaded
            greeting.process = attempt.process
            break
        culprit = next((each for each in left if each.name not in attempt.loaded), left[-1])
        problem = f"{culprit.use}: its process ended while it was loaded ({ended.reason})"
        greeting.loaded[culprit.name] = _unloaded(culprit, problem, ended.detail)
        left.remove(culprit)
    return greeting


def _unloaded(plugin: Plugin, problem: str, detail: str | None = None) -> Loaded:
    return Loaded(evaluator=plugin.name, problem=problem, detail=detail)


async def probe(patience_s: float = LOADING_S) -> list[Measure]:
    """Find out which isolation is in force here, in a process that loads nothing; raise OSError if there is none."""
    attempt = _Attempt([])
    ended = await attempt.make(patience_s)
    if ended is None:
        await attempt.process.end(at_once=False)
    elif not attempt.measures:
        raise OSError(ended.detail)
    return attempt.measures


def confining_of(plugins: Sequence[Plugin], folder: str) -> Confining:
    """Say what a process for these evaluators may keep."""
    return Confining(
        folder=folder,
        readable=[path for plugin in plugins for path in _files_of(plugin)],
        memory_mb=max((plugin.memory_mb or 0 for plugin in plugins), default=0),
        network=any(plugin.network for plugin in plugins),
    )


def loading_of(plugin: Plugin) -> Loading:
    """Say what to load."""
    return Loading(
        evaluator=plugin.name,
        use=plugin.use,
        params=plugin.params,
        root=plugin.root,
        judged=plugin.judge is not None,
        network=plugin.network,
        wall_s=plugin.wall_s,
        memory_mb=plugin.memory_mb,
    )


class _Attempt:
    """One process on its way."""

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self.process = PluginProcess(self._hear, lambda: self._said.put_nowait(None))
        self.measures: list[Measure] = []
        self.loaded: dict[str, Loaded] = {}
        self._plugins = plugins
        self._said: asyncio.Queue[ToParent | None] = asyncio.Queue()

    async def make(self, patience_s: float) -> Ended | None:
        """Get it ready; say how it ended if it did; raise OSError if there is none."""
        names = ",".join(plugin.name for plugin in self._plugins)
        await self.process.start(names, max((plugin.memory_mb or 512 for plugin in self._plugins), default=512))
        try:
            self.process.send(confining_of(self._plugins, self.process.folder))
            for plugin in self._plugins:
                self.process.send(loading_of(plugin))
            for _ in range(1 + len(self._plugins)):
                if await asyncio.wait_for(self._said.get(), patience_s) is None:
                    return await self.process.end(at_once=False)
        except TimeoutError:
            self.process.condemn("timeout", f"it did not load within {patience_s:g} s")
            return await self.process.end(at_once=True)
        except BaseException:
            await self.process.end(at_once=True)
            raise
        return None

    def _hear(self, message: ToParent) -> None:
        if isinstance(message, Confined):
            word = self.process.cgroup_word
            missing = "this process may make no control group (systemd: Delegate=yes, DelegateSubgroup=main)"
            group = Measure(name="cgroup", in_force=word is not None, word=word or missing)
            self.measures = [*message.measures, group]
        elif isinstance(message, Loaded):
            plugin = self._plugins[len(self.loaded)] if len(self.loaded) < len(self._plugins) else None
            if plugin is None or not _may_be(message, plugin):
                raise Garbled("it told of an evaluator that cannot be")
            self.loaded[message.evaluator] = message
        else:
            raise Garbled("it spoke before it was asked")
        self._said.put_nowait(message)


def _may_be(loaded: Loaded, plugin: Plugin) -> bool:
    """Whether a host could say that: code that runs while it is imported may speak in its place."""
    if loaded.evaluator != plugin.name:
        return False
    texts = (loaded.plugin, loaded.version, loaded.code_hash, loaded.params_hash, loaded.distribution or "")
    numbers = (loaded.wall_s, loaded.cpu_s, loaded.memory_mb, loaded.max_judge_calls + 1)
    operators = ((plugin.wall_s, loaded.wall_s), (plugin.memory_mb, loaded.memory_mb))
    return (
        all(len(text) <= NAME_CHARS for text in texts)
        and all(isfinite(number) and number > 0 for number in numbers)
        and (loaded.problem is not None or all(said in (None, held) for said, held in operators))
    )


def _files_of(plugin: Plugin) -> Iterator[str]:
    """Yield what a plugin must read besides installed code: its own file, and those that its parameters name."""
    if plugin.use.startswith(FILE):
        yield plugin.use.removeprefix(FILE).rpartition(":")[0]
    for name in _named(msgspec.json.decode(plugin.params)):
        with suppress(Outside):  # it is told when the parameters are read
            yield str(named_file(plugin.root, name))


def _named(value: Any) -> Iterator[str]:
    """Yield the PATH of every `{file = "PATH"}`."""
    if isinstance(value, dict):
        if value.keys() == {"file"} and isinstance(value["file"], str):
            yield value["file"]
        for inner in value.values():
            yield from _named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner)
