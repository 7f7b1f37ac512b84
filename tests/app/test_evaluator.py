"""The evaluator's process: led by the channel, alone on its data, and shown on the board."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.app.channel import CONTROL_FD, Applied, Channel, Config, Drain, Judges, Ready
from gateway.evaluation import priority
from gateway.metrics import board
from gateway.metrics.board import Board

ROOT = Path(__file__).parents[2]
TEAM = '[evaluation]\nsample = 1.0\nevaluators = ["truncated"]\n'


class Led:
    """A process, and our end of its channel."""

    def __init__(self, process: Process, channel: Channel, root: Path) -> None:
        self.process = process
        self.channel = channel
        self.root = root

    def configure(self, generation: int, company: str = "", team: str = TEAM) -> None:
        """Tell it a config, as the supervisor does."""
        sources = {"config.toml": company, "teams/search.toml": team}
        self.channel.send(Judges(url="http://127.0.0.1:9", keys={}))
        self.channel.send(Config(generation=generation, sources=sources, root=str(self.root)))

    async def hears(self, kind: type) -> object:
        """Wait for a message of that kind."""
        while not isinstance(message := await asyncio.wait_for(self.channel.receive(), 60), kind):
            assert message is not None, "it has ended"
        return message

    async def ends(self) -> int:
        """Wait for its end."""
        return await asyncio.wait_for(self.process.wait(), 60)


@asynccontextmanager
async def led(root: Path) -> AsyncIterator[Led]:
    """Start one."""
    ours, theirs = socket.socketpair()
    env = {**os.environ, CONTROL_FD: str(theirs.fileno()), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "gateway.app.evaluator"]
    process = await asyncio.create_subprocess_exec(*command, env=env, pass_fds=[theirs.fileno()], cwd=root)
    theirs.close()
    channel = await Channel.open(ours)
    try:
        yield Led(process, channel, root)
    finally:
        channel.close()
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_it_takes_its_config_works_and_drains(tmp_path: Path) -> None:
    """It has the lowest priority, shows that it lives, and ends with 0 when it is told to."""
    async with led(tmp_path) as one:
        one.configure(1)
        assert Applied(1) == await one.hears(Applied)
        await one.hears(Ready)
        row = Board(tmp_path / "data" / "board").slot(board.EVALUATOR)

        assert (one.process.pid, 1) == (row.get(board.PID), row.get(board.GENERATION))
        assert row.get(board.HEARTBEAT_MS)
        assert row.get(board.MEMORY_BYTES)
        assert priority.LOWEST == os.getpriority(os.PRIO_PROCESS, one.process.pid)
        if sys.platform == "linux":
            assert os.SCHED_IDLE == os.sched_getscheduler(one.process.pid)
        one.configure(2, team=TEAM.replace("truncated", "empty_answer"))
        assert Applied(2) == await one.hears(Applied)
        one.channel.send(Drain())
        assert 0 == await one.ends()
        assert 0 == row.get(board.HEARTBEAT_MS)


async def test_broken_config_leaves_the_one_before_in_force(tmp_path: Path) -> None:
    """It may be fine for others: a file that only is not readable here."""
    async with led(tmp_path) as one:
        one.configure(1)
        await one.hears(Ready)
        one.configure(2, company="[server")
        one.configure(3)

        assert Applied(3) == await one.hears(Applied)


async def test_who_cannot_take_orders_any_more_ends(tmp_path: Path) -> None:
    """A defect in taking them must not leave a process that hears neither of a config nor of its end."""
    async with led(tmp_path) as one:
        one.configure(1)
        await one.hears(Ready)
        one.channel.send(Config(generation=2, sources={}, root="\0"))

        assert 1 == await one.ends()


async def test_it_ends_when_the_supervisor_is_gone(tmp_path: Path) -> None:
    """Nobody would tell it a new config, or its end."""
    async with led(tmp_path) as one:
        one.configure(1)
        await one.hears(Ready)
        one.channel.close()

        assert 0 == await one.ends()


async def test_second_one_waits_for_the_first(tmp_path: Path) -> None:
    """Two would do everything twice: a reload that turns it off and on begins one while another still ends."""
    async with led(tmp_path) as first, led(tmp_path) as second:
        first.configure(1)
        await first.hears(Ready)
        second.configure(1)
        first.process.send_signal(signal.SIGTERM)

        assert 0 == await first.ends()
        await second.hears(Ready)


async def test_queue_of_another_release_is_left_alone(tmp_path: Path) -> None:
    """It says so, and ends; traffic goes on without it."""
    (tmp_path / "data" / "evaluation").mkdir(parents=True)
    (tmp_path / "data" / "evaluation" / "queue.db").write_bytes(b"not a database, but longer than its header" * 10)
    async with led(tmp_path) as one:
        one.configure(1)

        assert 1 == await one.ends()
