"""A worker as a process: it serves by its config, takes a new one, drains, and does not outlive its supervisor."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import aiohttp

from gateway.app.channel import CONTROL_FD, LISTEN_FDS, Applied, Channel, Config, Drain, Ready
from gateway.metrics.board import GENERATION, HEARTBEAT_MS, Board

ROOT = Path(__file__).parents[2]
LIMIT_S = 20.0
MAIN = '[server]\ndata_dir = "data"\n[providers.local]\ndialect = "openai"\nbase_url = "http://127.0.0.1:1/v1"\n'


def sources(key: str) -> dict[str, str]:
    """A config with one key."""
    digest = sha256(key.encode()).hexdigest()
    return {"config.toml": MAIN, "teams/t.toml": f'name = "t"\n[[keys]]\nname = "k"\nsha256 = "{digest}"\n'}


class Process:
    """A worker and the supervisor's end of its channel."""

    def __init__(self, root: Path, listener: socket.socket) -> None:
        self.root = root
        self.port = listener.getsockname()[1]
        self.listener = listener

    async def start(self) -> None:
        """Start it and wait until it serves."""
        ours, theirs = socket.socketpair()
        shared = (theirs.fileno(), self.listener.fileno())
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.app.worker", "3"),
            env={**os.environ, CONTROL_FD: str(shared[0]), LISTEN_FDS: str(shared[1])},
            pass_fds=shared,
            cwd=ROOT,
        )
        theirs.close()
        self.channel = await Channel.open(ours)
        self.channel.send(Config(generation=1, sources=sources("first"), root=str(self.root)))
        assert [Applied(1), Ready()] == [await self.channel.receive(), await self.channel.receive()]

    async def status(self, key: str) -> int:
        """Ask for the models with a key."""
        headers = {"authorization": f"Bearer {key}"}
        url = f"http://127.0.0.1:{self.port}/v1/models"
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            return answer.status

    async def end(self) -> int:
        """Wait for its end."""
        async with asyncio.timeout(LIMIT_S):
            return await self.process.wait()


@asynccontextmanager
async def worker(root: Path) -> AsyncIterator[Process]:
    """Run a worker."""
    listener = socket.create_server(("127.0.0.1", 0))
    process = Process(root, listener)
    await process.start()
    try:
        yield process
    finally:
        if process.process.returncode is None:
            process.process.kill()
        await process.end()
        process.channel.close()
        listener.close()


async def test_new_config_is_in_force_once_it_is_said_to_be(tmp_path: Path) -> None:
    """The old key is refused from then on, the new one served; a bad config changes nothing."""
    async with worker(tmp_path) as one:
        assert [200, 401] == [await one.status("first"), await one.status("second")]
        one.channel.send(Config(generation=2, sources=sources("second"), root=str(tmp_path)))
        assert Applied(2) == await one.channel.receive()
        assert [401, 200] == [await one.status("first"), await one.status("second")]
        one.channel.send(Config(generation=3, sources={"config.toml": "rubbish"}, root=str(tmp_path)))
        one.channel.send(Config(generation=4, sources=sources("fourth"), root=str(tmp_path)))
        assert Applied(4) == await one.channel.receive()

        slot = Board(tmp_path / "data" / "board").slot(3)
        assert 4 == slot.get(GENERATION)
        assert slot.get(HEARTBEAT_MS) > 0


async def test_drain_ends_it_in_order(tmp_path: Path) -> None:
    """Exit status 0, and its segment is released."""
    async with worker(tmp_path) as one:
        one.channel.send(Drain())

        assert 0 == await one.end()
        assert list((tmp_path / "data" / "journal").glob("*.seg"))


async def test_it_ends_when_its_supervisor_is_gone(tmp_path: Path) -> None:
    """The next supervisor wants the port."""
    async with worker(tmp_path) as one:
        one.channel.close()

        assert 0 == await one.end()


async def test_terminate_drains_and_interrupt_is_left_to_the_supervisor(tmp_path: Path) -> None:
    """Ctrl-C reaches every process of a terminal."""
    async with worker(tmp_path) as one:
        one.process.send_signal(signal.SIGINT)
        assert 200 == await one.status("first")
        one.process.send_signal(signal.SIGTERM)

        assert 0 == await one.end()
