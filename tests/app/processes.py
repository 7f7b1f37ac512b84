"""Real processes for the supervisor's tests: a supervisor whose children do little, and note down what they see.

Children obey the file `orders`: lines `NAME: die | die_when_ready | never_ready | stay | linger`.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from gateway.app import channel, log

HERE = Path(__file__).resolve()
LIMIT_S = 20.0


class Run:
    """A running supervisor, seen from a test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.output = root / "output"
        self.notes = root / "notes"
        self.notes.touch()
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(HERE), "supervisor", str(root)],
                stdout=output,
                stderr=output,
                env=os.environ | {"PYTHONPATH": str(HERE.parents[2])},
                start_new_session=True,  # a process group of its own, as in a terminal
            )

    def noted(self, text: str) -> int:
        """Count the children's notes that contain `text`."""
        return sum(text in line for line in self.notes.read_text().splitlines())

    def said(self, text: str) -> bool:
        """Tell whether the supervisor or a child wrote `text`."""
        return text in self.output.read_text()

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until something holds."""
        end = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < end, f"{self.output.read_text()}\n--\n{self.notes.read_text()}"
            time.sleep(0.01)

    def announced(self) -> dict[str, int]:
        """Wait for the start and return the ports."""
        self.until((self.root / "announced").exists)
        return msgspec.json.decode((self.root / "announced").read_bytes(), type=dict[str, int])

    def signal(self, number: signal.Signals) -> None:
        """Send the supervisor a signal."""
        self.process.send_signal(number)

    def ends(self) -> int:
        """Wait for the end and return the exit status."""
        return self.process.wait(LIMIT_S)


@contextlib.contextmanager
def supervised(root: Path) -> Iterator[Run]:
    """Run a supervisor, and leave no process behind."""
    run = Run(root)
    try:
        yield run
    finally:
        run.process.kill()
        run.process.wait()
        for line in run.notes.read_text().splitlines():
            if " pid " in line:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(line.rpartition(" ")[2]), signal.SIGKILL)


def answer_of(port: int) -> str:
    """Connect to a fake worker and return what it says: name and generation."""
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as connection:
        return connection.makefile().read()


def supervise(root: Path) -> None:
    """Run the supervisor on the config in `root`."""
    # Children import this file too, and need none of this.
    from gateway.app.live import Live
    from gateway.app.startup import StartError
    from gateway.app.supervisor import Commands, Supervisor
    from gateway.config.problems import ConfigError

    def announce(running: Supervisor) -> None:
        ports = {"listen": running.listen.port, "admin": running.admin.port}
        (root / "announcing").write_bytes(msgspec.json.encode(ports))
        (root / "announcing").rename(root / "announced")

    def child(*words: str) -> tuple[str, ...]:
        return (sys.executable, str(HERE), "child", str(root), *words)

    log.begin("supervisor")
    try:
        live = Live(root / "config.toml", os.environ, required=True)
        commands = Commands(lambda slot: child("worker", str(slot)), child("recorder"), child("evaluator"))
        asyncio.run(Supervisor(live, commands).run(announce))
    except (StartError, ConfigError) as error:
        sys.exit(f"refused: {error}")


async def drain(servers: list[asyncio.Server], order: str | None) -> None:
    """Take no more, and stay if that is the order."""
    for server in servers:
        server.close()
    if order == "stay":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        await asyncio.sleep(600)


async def live_a_childs_life(root: Path, name: str) -> None:
    """Serve on the inherited socket, and write down every message."""
    with (root / "notes").open("a", buffering=1) as notes:
        notes.write(f"{name} pid {os.getpid()}\n")
        orders = dict(line.split(": ") for line in (root / "orders").read_text().splitlines())
        order = orders.get(name)
        if order == "die":
            sys.exit(f"{name} cannot live")
        end = await channel.Channel.from_environment(os.environ)
        generation = 0

        def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(f"{name} generation {generation}".encode())
            writer.close()

        # The evaluator has nothing to listen on.
        listeners = channel.inherited_sockets(os.environ) if channel.LISTEN_FDS in os.environ else []
        servers = [await asyncio.start_server(greet, sock=listener) for listener in listeners]
        while (message := await end.receive()) is not None:
            notes.write(f"{name} got {msgspec.json.encode(message).decode()}\n")
            if isinstance(message, channel.Config):
                generation = message.generation
                end.send(channel.Applied(generation))
                if generation == 1 and order != "never_ready":
                    end.send(channel.Ready())
            if order == "die_when_ready":
                await asyncio.sleep(0.05)
                sys.exit(3)
            if isinstance(message, channel.Drain):
                await drain(servers, order)
                break
        if order == "linger" and message is None:
            await asyncio.sleep(1)
        notes.write(f"{name} ends, {'drained' if message else 'orphaned'}\n")


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    if sys.argv[1] == "supervisor":
        supervise(folder)
    else:
        asyncio.run(live_a_childs_life(folder, " ".join(sys.argv[3:])))
