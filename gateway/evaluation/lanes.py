"""Which evaluators share plugin processes? The shipped ones, unless they need more than the others; nobody else."""

from collections.abc import Collection, Iterable, Sequence
from importlib.metadata import entry_points
from typing import Final, NamedTuple

from gateway.evaluation.api import Needs
from gateway.evaluation.protocol import Loaded
from gateway.policies.evaluating import Plugin

DISTRIBUTION: Final = "tollway"
GROUP: Final = "tollway.evaluators"
_USUAL: Final = Needs()


class Share(NamedTuple):
    """The evaluators of one lane. `is_common`: of the lane that shipped ones share. `processes`: at most."""

    plugins: tuple[Plugin, ...]
    processes: int
    is_common: bool = False


def shipped() -> frozenset[str]:
    """Name the evaluators that come with the gateway, without importing any."""
    return frozenset(
        point.name
        for point in entry_points(group=GROUP)
        if point.dist is not None and point.dist.name.lower() == DISTRIBUTION
    )


def plan(plugins: Iterable[Plugin], ours: Collection[str], apart: Collection[str], workers: int) -> list[Share]:
    """Divide evaluators into lanes. `ours`: as of `shipped`. `apart`: that turned out to need a lane of their own."""
    common: list[Plugin] = []
    alone: list[Plugin] = []
    for plugin in plugins:
        may_share = plugin.use in ours and plugin.name not in apart and _is_usual(plugin)
        (common if may_share else alone).append(plugin)
    shares = [Share((plugin,), _processes([plugin], workers)) for plugin in alone]
    if common:
        shares.insert(0, Share(tuple(common), _processes(common, workers), is_common=True))
    return shares


def is_special(loaded: Loaded) -> bool:
    """Whether a plugin that was loaded among others declares that it needs more than they do."""
    limits = loaded.wall_s, loaded.cpu_s, loaded.memory_mb
    return loaded.judge or loaded.network or limits != (_USUAL.wall_s, _USUAL.cpu_s, _USUAL.memory_mb)


def _is_usual(plugin: Plugin) -> bool:
    # A judge may be named for all; who really asks one says so when it is loaded.
    return plugin.wall_s is None and plugin.memory_mb is None and not plugin.network


def _processes(plugins: Sequence[Plugin], workers: int) -> int:
    return min(workers, max(plugin.concurrent for plugin in plugins))
