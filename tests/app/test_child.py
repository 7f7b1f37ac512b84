"""Child: one slot of the process table. What needs a supervisor around it is in test_supervisor.py."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from gateway.app import child as child_module
from gateway.app.channel import Config
from gateway.app.child import Child
from gateway.app.startup import StartError

CONFIG = Config(generation=1, sources={}, root="/")

# A child in as few words as possible: it says that it is ready, then does what is appended.
READY = "import os,socket,time; s=socket.socket(fileno=int(os.environ['TOLLWAY_CONTROL_FD']));"
READY += 's.send(b\'\\x10\\0\\0\\0{"type":"ready"}\');'


@asynccontextmanager
async def child_that(
    does: str, changed: Callable[[], None] = lambda: None, died: Callable[[str], None] = lambda _: None
) -> AsyncIterator[Child]:
    """Run a Python one-liner as a child."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        child = Child("worker 0", [sys.executable, "-S", "-c", does], listener, changed, died)
        child.begin(CONFIG)
        try:
            yield child
        finally:
            await child.kill()


async def test_child_is_ready_when_it_says_so() -> None:
    """Up, with a pid, told to everybody who wants to know."""
    changes: list[None] = []
    async with child_that(READY + "s.recv(1<<20); time.sleep(60)", lambda: changes.append(None)) as child:
        await asyncio.wait_for(child.ready.wait(), 10)

        pid, up = child.pid, child.ready.is_set()
        assert 1 == len(changes)
    assert pid
    assert up
    assert child.pid is None
    assert not child.ready.is_set()


async def test_child_that_closes_its_channel_and_stays_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a process can be neither reloaded nor drained any more: it is replaced."""
    monkeypatch.setattr(child_module, "SILENT_S", 0.1)
    replaced = asyncio.Event()
    why: list[str] = []
    async with child_that(READY + "s.close(); time.sleep(60)", replaced.set, why.append) as child:
        await asyncio.wait_for(child.ready.wait(), 10)
        first = child.pid
        while child.pid in (first, None):
            replaced.clear()
            await asyncio.wait_for(replaced.wait(), 10)

        assert 1 == child.restarts
        assert ["watchdog"] == why


@pytest.mark.parametrize(
    ("end", "reason"),
    [("os._exit(3)", "crash"), ("os.kill(os.getpid(), 9)", "killed"), ("os.kill(os.getpid(), 11)", "crash")],
)
async def test_why_a_child_is_replaced(end: str, reason: str) -> None:
    """SIGKILL is somebody else's work: the kernel's, when memory runs out, or a person's."""
    why: asyncio.Queue[str] = asyncio.Queue()
    async with child_that(READY + f"s.recv(1<<20); {end}", died=why.put_nowait):
        assert reason == await asyncio.wait_for(why.get(), 10)


async def test_command_that_does_not_exist_fails_the_start() -> None:
    """The reason is in the sentence."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        child = Child("recorder", ["/no/such/program"], listener, lambda: None)
        with pytest.raises(StartError, match=r"the recorder ended before it was ready \(could not be started: .*such"):
            await child.begin(CONFIG)
        await child.kill()


async def test_stop_before_the_process_is_up_ends_it_all_the_same() -> None:
    """A drain may come while a replacement is being started."""
    async with child_that(READY + "s.recv(4); s.recv(1<<20); time.sleep(60)") as child:
        hurry = asyncio.Event()
        hurry.set()

        await asyncio.wait_for(child.stop(60, hurry), 10)

        assert child.life is not None
        assert child.life.done()
