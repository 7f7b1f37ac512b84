"""A worker reduced to its money, as a process that can be killed: it holds, writes begin and end, and settles.

`python spender.py DATA_DIR LIMIT` prints its name, and then a number for each exchange that it has finished; at each
line that it reads it finishes one more, and holds for another that it never finishes.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from gateway.core.ids import IdMaker
from gateway.core.record import Hold, encode
from gateway.journal.frame import BEGIN, END
from gateway.journal.writer import Journal
from gateway.ledger.account import Terms
from gateway.ledger.client import Client
from gateway.ledger.holder import Holder
from gateway.ledger.holds import Held, Short
from gateway.ledger.lease import MOST, Place
from gateway.ledger.server import SOCKET
from tests.http.uv import until
from tests.records import begun, record

HELD, COST = 100, 70
TRIES = 5
PLACE = Place("search/daily", 0)
LIMIT_S = 20.0


class Spender:
    """The process, seen from a test."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.name = ""

    async def says(self) -> str:
        """Wait for its next line."""
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), LIMIT_S)).decode().strip()

    async def spends(self) -> str:
        """Let it finish one exchange and begin another."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        return await self.says()

    async def kill(self) -> None:
        """Kill -9."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


@contextlib.asynccontextmanager
async def spending(data_dir: Path, limit: int) -> AsyncIterator[Spender]:
    """Run one that is connected, and leave no process behind."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.app.spender", str(data_dir), str(limit)),
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    spender = Spender(process)
    try:
        spender.name = await spender.says()
        yield spender
    finally:
        await spender.kill()


async def hold(holder: Holder, limit: int) -> Held | None:
    """Hold for an exchange, waiting for money if need be: on a busy machine longer than a request would."""
    demands = [(Terms(PLACE, PLACE.start_s, MOST, limit), HELD)]
    for _ in range(TRIES):
        found = holder.hold(demands)
        if isinstance(found, Short):
            future: asyncio.Future[Held | Short] = asyncio.get_running_loop().create_future()
            holder.more(found, future.set_result)
            found = await future
        if isinstance(found, Held):
            return found
    return None


async def spend(data_dir: Path, limit: int) -> None:
    """Live its life."""
    loop = asyncio.get_running_loop()
    journal = Journal(data_dir / "journal", "worker-0")
    client = Client(data_dir / SOCKET, journal.name, loop)
    holder = Holder(journal.name, client, loop, 2)
    ids = IdMaker(os.urandom)
    await until(lambda: client.connected)
    print(journal.name, flush=True)
    spent = 0
    while await asyncio.to_thread(sys.stdin.readline):
        await until(lambda: client.connected)  # after a restart of the authority that takes up to a second
        for finishes in (True, False):
            held = await hold(holder, limit)
            if held is None:
                print("refused", flush=True)
                break
            holds = [Hold(*part[:2], "usd", part[2]) for part in held.places()]
            one = begun(id=ids.new(time.time_ns()), holder=holder.name, holds=holds)
            journal.append(BEGIN, encode(one))
            if finishes:
                holds[0].charged = COST
                journal.append(END, encode(record(id=one.id, holder=holder.name, cost_nano_usd=COST, holds=holds)))
                holder.settle(held, [COST])
                spent += 1
        else:
            print(spent, flush=True)


if __name__ == "__main__":
    asyncio.run(spend(Path(sys.argv[1]), int(sys.argv[2])))
