"""The recorder as a process: it takes its config from the channel, records, serves, and ends as it is told."""

import asyncio
import contextlib
import os
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.app.channel import CONTROL_FD, LISTEN_FDS, Applied, Channel, Config, Drain, Ready, State
from gateway.core.record import encode, public
from gateway.journal.frame import BEGIN
from gateway.journal.writer import Journal
from gateway.ledger.lease import Balance
from gateway.metrics.board import HEARTBEAT_MS, Board
from tests.app.spender import COST, HELD, PLACE, spending
from tests.cli.commands import run
from tests.ledger.parts import on_disk
from tests.records import begun, record, write

ROOT = Path(__file__).parents[2]
LIMIT_S = 20.0
CONFIG = '[server]\ndata_dir = "data"\n'


class Process:
    """A recorder and the supervisor's end of its channel."""

    def __init__(self, root: Path, listener: socket.socket) -> None:
        self.root = root
        self.port = listener.getsockname()[1]
        self._listener = listener

    async def start(self, config: str = CONFIG, *, wait: bool = True) -> None:
        """Start it, and wait until it is ready."""
        ours, theirs = socket.socketpair()
        shared = (theirs.fileno(), self._listener.fileno())
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.app.recorder"),
            env={**os.environ, CONTROL_FD: str(shared[0]), LISTEN_FDS: str(shared[1])},
            pass_fds=shared,
            cwd=ROOT,
            stderr=asyncio.subprocess.PIPE,
        )
        theirs.close()
        self.channel = await Channel.open(ours)
        self.channel.send(Config(generation=1, sources={"config.toml": config}, root=str(self.root)))
        if wait:
            assert [Applied(1), Ready()] == [await self.channel.receive(), await self.channel.receive()]

    async def end(self) -> tuple[int, str]:
        """Wait for its end; return the exit status and what it said."""
        _, said = await asyncio.wait_for(self.process.communicate(), LIMIT_S)
        self.channel.close()
        assert self.process.returncode is not None
        return self.process.returncode, said.decode()

    async def get(self, path: str, status: int = 200, **headers: str) -> Any:
        """Ask its admin port."""
        url = f"http://127.0.0.1:{self.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            assert status == answer.status, await answer.text()
            return await (answer.text() if path == "/metrics" else answer.json())

    async def exchanges(self, number: int) -> list[Any]:
        """Wait until so many exchanges can be seen, and return them."""
        end = time.monotonic() + LIMIT_S
        while True:
            found: list[Any] = (await self.get("/api/exchanges?limit=10000"))["exchanges"]
            if len(found) >= number:
                return found
            assert time.monotonic() < end, f"{len(found)} of {number}"
            await asyncio.sleep(0.02)


@pytest.fixture
async def recorder(tmp_path: Path) -> AsyncIterator[Process]:
    """A recorder that is not started yet; whatever a test leaves running is killed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = Process(tmp_path, listener)
        yield process
        if process.process.returncode is None:
            process.process.kill()
            await process.end()


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A worker's journal."""
    return Journal(tmp_path / "data" / "journal", "worker-0")


async def test_exchange_goes_from_journal_to_log_and_metrics(recorder: Process, journal: Journal) -> None:
    """Written by a worker, seen by people and Prometheus, the same everywhere; all of it at the latest at the end."""
    await recorder.start()
    one = record()
    write(journal, one)
    assert [public(one)] == await recorder.exchanges(1)
    assert 'tollway_team_requests_total{outcome="ok",team="search"} 1.0' in await recorder.get("/metrics")
    for _ in range(700):
        write(journal, record())
    journal.close()
    recorder.channel.send(Drain())
    assert 0 == (await recorder.end())[0]
    assert [] == list((recorder.root / "data" / "journal").glob("*.seg"))
    await recorder.start()

    assert 701 == len(await recorder.exchanges(701))
    assert 'tollway_team_requests_total{outcome="ok",team="search"} 701.0' in await recorder.get("/metrics")


async def test_killed_recorder_loses_and_repeats_nothing(recorder: Process, journal: Journal) -> None:
    """kill -9 in the middle of the work, several times: rows and counters are those of the exchanges."""
    for life in range(3):
        await recorder.start()
        for _ in range(300):
            write(journal, record())
        await asyncio.sleep(0.04 * life)
        recorder.process.kill()
        await recorder.end()
    await recorder.start()

    found = await recorder.exchanges(900)
    assert 900 == len({one["id"] for one in found})
    assert 'tollway_team_requests_total{outcome="ok",team="search"} 900.0' in await recorder.get("/metrics")
    journal.close()


async def test_exchange_of_a_killed_worker_shows_up(recorder: Process, journal: Journal) -> None:
    """Nobody has to restart anything for it."""
    await recorder.start()
    journal.append(BEGIN, encode(begun()))
    journal.close()
    (found,) = await recorder.exchanges(1)

    assert ("gateway_error", "worker died", None) == (found["outcome"], found["error"], found["status"])


@pytest.mark.parametrize("how", ["drain", "terminate"])
async def test_told_to_end_it_empties_the_journal(recorder: Process, journal: Journal, how: str) -> None:
    """Drain by the supervisor and SIGTERM by hand are the same: read to the end, commit, exit 0."""
    await recorder.start()
    for _ in range(50):
        write(journal, record())
    if how == "drain":
        recorder.channel.send(Drain())
    else:
        recorder.process.send_signal(signal.SIGTERM)
    assert 0 == (await recorder.end())[0]
    await recorder.start()

    assert 50 == len(await recorder.exchanges(50))
    assert 'result="applied"} 50.0' in await recorder.get("/metrics")
    journal.close()


async def test_the_admin_port_tells_what_the_process_knows(recorder: Process, journal: Journal) -> None:
    """What the supervisor said, the config as it was written, the ledger, and each exchange as it is stored; streams
    end with the process, and do not hold it up."""
    await recorder.start()
    recorder.channel.send(State(generation=1, reload_ok=False, problems=["teams/a.toml: no"], workers=1))
    recorder.channel.send(Config(generation=2, sources={"config.toml": CONFIG}, root=str(recorder.root)))
    assert Applied(2) == await recorder.channel.receive()
    config, status = await recorder.get("/api/config"), await recorder.get("/api/status")
    assert (2, {"ok": False, "problems": ["teams/a.toml: no"]}) == (config["generation"], config["reload"])
    assert (1, 0, True) == (
        status["processes"]["workers_wanted"],
        status["processes"]["workers_up"],
        status["ledger"] is not None,
    )
    url = f"http://127.0.0.1:{recorder.port}/api/exchanges/live"
    one = record()
    async with aiohttp.ClientSession() as session, session.get(url) as stream:
        await stream.content.readuntil(b"\n\n")
        write(journal, one)
        assert one.id.encode() in await asyncio.wait_for(stream.content.readuntil(b"\n\n"), LIMIT_S)
        recorder.channel.send(Drain())
        assert b"" == await asyncio.wait_for(stream.content.read(), LIMIT_S)
        assert 0 == (await recorder.end())[0]
    journal.close()


async def test_orphan_ends(recorder: Process, journal: Journal) -> None:
    """Without its supervisor it finishes what it holds and goes, so that the next one can begin."""
    await recorder.start()
    recorder.channel.close()

    assert 0 == (await recorder.end())[0]
    journal.close()


async def test_second_recorder_waits_for_the_first(recorder: Process, journal: Journal) -> None:
    """Two never write one store: the next is ready only when the lock is free."""
    await recorder.start()
    first, first_channel = recorder.process, recorder.channel
    await recorder.start(wait=False)
    await asyncio.to_thread(_wait_until_open, recorder.process.pid, "recorder.lock")
    await _hear_nothing(recorder.channel)
    first_channel.send(Drain())
    await asyncio.wait_for(first.communicate(), LIMIT_S)
    first_channel.close()

    assert [Applied(1), Ready()] == [await recorder.channel.receive(), await recorder.channel.receive()]
    journal.close()


def _wait_until_open(pid: int, name: str) -> None:
    """Wait until a process has opened a file of that name: then it asks for its lock."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if link.readlink().name == name:
                    return
        time.sleep(0.01)
    raise AssertionError(f"{name} was not opened")


async def _hear_nothing(channel: Channel) -> None:
    """Listen for a moment; fail if anything is said."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(channel.receive(), 1.0)


async def test_ready_when_a_worker_is(recorder: Process, journal: Journal) -> None:
    """Ready means that somebody serves agents, not that the recorder runs."""
    await recorder.start()
    recorder.channel.send(State(generation=1, reload_ok=True, workers=1))
    assert "heartbeat" in (await recorder.get("/readyz", 503))["reason"]
    Board(recorder.root / "data" / "board").claim(0).set(HEARTBEAT_MS, time.time_ns() // 1_000_000)

    assert {"status": "ready"} == await recorder.get("/readyz")
    journal.close()


async def test_new_config_counts_at_once(recorder: Process, journal: Journal, tmp_path: Path) -> None:
    """A token that config names is asked for from then on; a config that cannot be used changes nothing."""
    (tmp_path / "token").write_text("s3cret\n")
    await recorder.start()
    await recorder.get("/api/spend")
    text = CONFIG + 'admin_token = "file:token"\n'
    recorder.channel.send(Config(generation=2, sources={"config.toml": text}, root=str(tmp_path)))
    assert Applied(2) == await recorder.channel.receive()
    await recorder.get("/api/spend", 401)
    recorder.channel.send(Config(generation=3, sources={"config.toml": "["}, root=str(tmp_path)))

    await recorder.get("/api/spend", Authorization="Bearer s3cret")
    journal.close()


async def test_store_of_a_later_release_stops_it(recorder: Process, journal: Journal) -> None:
    """It ends with the reason instead of writing beside it."""
    await recorder.start()
    write(journal, record())
    await recorder.exchanges(1)
    recorder.channel.send(Drain())
    await recorder.end()
    await asyncio.to_thread(_make_newer, recorder.root / "data" / "store")
    await recorder.start(wait=False)
    status, said = await recorder.end()

    assert 1 == status
    assert "pip install --upgrade tollway" in said
    journal.close()


def _make_newer(folder: Path) -> None:

    for path in folder.glob("*.db"):
        with contextlib.closing(sqlite3.connect(path)) as sql:
            sql.execute("UPDATE meta SET value = '99'")
            sql.commit()


# ==== the ledger ======================================================================================================


async def _balance(folder: Path, fits: Callable[[Balance], bool]) -> Balance:
    """Wait until the ledger's file says what is wanted of the balance."""
    end = time.monotonic() + LIMIT_S
    while True:
        with contextlib.suppress(sqlite3.OperationalError):  # it is being written
            balance = on_disk(folder).get(PLACE, Balance())
            if fits(balance):
                return balance
            assert time.monotonic() < end, balance
        await asyncio.sleep(0.02)


def _is_closed(balance: Balance) -> bool:
    return balance.spent > 0 and not balance.leases


async def test_ready_means_that_money_can_be_had(recorder: Process, tmp_path: Path) -> None:
    """And when the recorder ends as told, workers that are gone by then are closed."""
    await recorder.start()
    data_dir = tmp_path / "data"
    async with spending(data_dir, 1000) as spender:
        assert ["1", "2"] == [await spender.spends() for _ in range(2)]
        await spender.kill()
    recorder.channel.send(Drain())
    assert 0 == (await recorder.end())[0]

    balance = on_disk(data_dir)[PLACE]
    assert 2 * COST <= balance.spent
    assert not balance.leases


async def test_a_killed_workers_money_comes_back(recorder: Process, tmp_path: Path) -> None:
    """What it finished is spent, what was in flight is booked, the rest another one can have."""
    await recorder.start()
    data_dir = tmp_path / "data"
    limit = 5 * HELD
    async with spending(data_dir, limit) as spender:
        assert "1" == await spender.spends()
        assert "2" == await spender.spends()
        assert "refused" == await spender.spends()
        await spender.kill()
        balance = await _balance(data_dir, _is_closed)
    died = [one["cost_nano_usd"] for one in await recorder.exchanges(5) if one["error"] == "worker died"]
    assert 2 == len(died)
    assert balance.spent == 3 * COST + sum(died)

    async with spending(data_dir, balance.spent + 2 * HELD) as other:
        assert "1" == await other.spends()


async def test_killed_recorder_leaves_leases_to_the_next(recorder: Process, tmp_path: Path) -> None:
    """A worker that lives through it goes on and is not taken for dead; one that dies meanwhile is closed."""
    await recorder.start()
    data_dir = tmp_path / "data"
    async with spending(data_dir, 2000) as living, spending(data_dir, 2000) as dying:
        assert ["1", "1"] == [await living.spends(), await dying.spends()]
        recorder.process.kill()
        await recorder.end()
        await dying.kill()
        await recorder.start()
        balance = await _balance(data_dir, lambda balance: dying.name not in balance.leases and balance.spent > 0)
        assert {living.name} == balance.leases.keys()
        await asyncio.sleep(0.5)  # a few looks of the recorder

        assert ["2", "3"] == [await living.spends() for _ in range(2)]
        await living.kill()
        balance = await _balance(data_dir, _is_closed)
    died = [one["cost_nano_usd"] for one in await recorder.exchanges(8) if one["error"] == "worker died"]
    assert 4 == len(died)
    assert balance.spent == 4 * COST + sum(died)
    recorder.channel.send(Drain())
    assert 0 == (await recorder.end())[0]
    (tmp_path / "config.toml").write_text(CONFIG)
    *found, summary = run(tmp_path, "audit", "--json").lines
    assert [] == [one for one in found if one["check"] in ("ledger", "charges", "sums", "file")]
    assert (1, 8) == (summary["checked"]["balances"], summary["checked"]["charges"])
    assert 4 == summary["estimated"]["crash"]["exchanges"]


async def test_a_ledger_that_cannot_be_used_stops_it(recorder: Process, journal: Journal, tmp_path: Path) -> None:
    """Money is not guessed: it ends with the reason, and what to do."""
    await recorder.start()
    recorder.channel.send(Drain())
    await recorder.end()
    (tmp_path / "data" / "ledger.db").write_bytes(b"nonsense" * 1000)
    await recorder.start(wait=False)
    status, said = await recorder.end()

    assert 1 == status
    assert "ledger.db is damaged" in said
    assert "put back a copy" in said
    journal.close()
