"""The evaluator's process, as the supervisor sees it: there while config uses it, and never the gateway's undoing."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from gateway.app.channel import Message
from gateway.app.child import Child

log = logging.getLogger("tollway.supervisor")

NAME = "evaluator"
PATIENCE_S = 10.0  # what it has not done then waits in its queue for the next start


class Aside:
    """At most one such process. `changed`, `died`: as of Child."""

    def __init__(self, command: Sequence[str], changed: Callable[[], None], died: Callable[[str], None]) -> None:
        self._command = command
        self._changed = changed
        self._died = died
        self._child: Child | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def children(self) -> list[Child]:
        """The process, if there shall be one."""
        return [] if self._child is None else [self._child]

    def follow(self, messages: Sequence[Message], *, is_on: bool) -> None:
        """Start it, tell it the config (`messages`), or let it go."""
        if not is_on:
            self._let_go()
        elif self._child is not None:
            self._child.configure(*messages)
        else:
            self._child = Child(NAME, self._command, None, self._changed, self._died, vital=False)
            self._child.begin(*messages).add_done_callback(self._on_life_end)

    async def stop(self, hurry: asyncio.Event) -> None:
        """Drain it, and those that were let go before."""
        stops = [child.stop(PATIENCE_S, hurry) for child in self.children]
        await asyncio.gather(*stops, *self._leaving)

    async def kill(self) -> None:
        """End it without asking."""
        await asyncio.gather(*(child.kill() for child in self.children))

    def _let_go(self) -> None:
        if self._child is None:
            return
        leaving = asyncio.create_task(self._child.stop(PATIENCE_S, asyncio.Event()), name="evaluator leaves")
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        self._child = None

    def _on_life_end(self, life: asyncio.Task[None]) -> None:
        """Scores are not worth the traffic."""
        if not life.cancelled() and (error := life.exception()) is not None:
            log.error("nobody looks after the evaluator any more: traffic goes on without it", exc_info=error)
