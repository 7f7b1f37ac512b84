"""Plugins that mean harm, each a file in hostile/: each is told as what it is, and nobody else loses anything."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.evaluation.lane import Lane
from tests.evaluation.lanes import job, lane, linux, nobody, plugin
from tests.provider import until

pytestmark = linux

# file: result, reason, a part of the detail.
TOLD = {
    "leaves": ("error", "crash", "exit status 3"),
    "segfaults": ("error", "crash", "SIGSEGV"),
    "loops": ("error", "timeout", "loops.py"),
    "loops_stubbornly": ("error", "timeout", "could not be stopped"),
    "regex": ("error", "timeout", "regex.py"),
    "sleeps": ("error", "timeout", "could not be stopped"),
    "allocates": ("error", "oom", "MemoryError"),
    "allocates_shared": ("error", "oom", "128 MiB are allowed"),
    "prints": ("error", "timeout", "prints.py"),
    "forks": ("error", "exception", "PermissionError"),
    "runs_programs": ("error", "exception", "PermissionError"),
    "threads": ("error", "exception", "can't start new thread"),
    "burns": ("error", "timeout", "processor time"),
    "babbles": ("error", "protocol", "it broke the protocol"),
    "forges": ("error", "protocol", "good told out of turn"),
    "closes": ("error", "crash", "exit status 1"),
    "huge_result": ("error", "contract", "larger than"),
    "nonsense": ("error", "contract", "evaluate returned a dict"),
    "recurses": ("error", "exception", "RecursionError"),
    "bad_words": ("error", "exception", "Unspeakable"),
    "exits": ("error", "exception", "SystemExit"),
    "interrupts": ("error", "exception", "KeyboardInterrupt"),
    "never_returns": ("error", "timeout", "never_returns.py"),
    "never_cancelled": ("error", "timeout", "never_cancelled.py"),
    "kills": ("error", "exception", "PermissionError"),
}


@pytest.mark.parametrize("file", TOLD)
async def test_hostile_plugin_is_told_and_costs_nobody_else(file: str) -> None:
    """It is told by its reason, within its limits; who is in the same process, before and behind it, loses nothing."""
    mates = {"before": "good", "hostile": file, "behind": "good"}
    async with lane(*(plugin(each, name, memory_mb=128) for name, each in mates.items())) as opened:
        jobs = [job(number, "before", "hostile", "behind") for number in range(2)]
        told = [{each.evaluator: each for each in done} for done in await asyncio.gather(*map(opened.run, jobs))]

    result, reason, detail = TOLD[file]
    for one in told:
        assert ["ok", "ok"] == [one[name].result for name in ("before", "behind")]
        assert (result, reason) == (one["hostile"].result, one["hostile"].reason)
        assert detail in (one["hostile"].detail or "")
        assert len((one["hostile"].detail or "").encode()) <= 4096


async def test_other_lanes_go_on_beside_hostile_ones() -> None:
    """Lanes of good evaluators give all their results while others crash, hang, print and take memory."""
    worst = ("leaves", "loops_stubbornly", "allocates_shared", "prints", "forks", "patches")

    async def harm(file: str) -> None:
        async with lane(plugin(file)) as opened:
            await opened.run(job(1, file))

    async with lane(plugin("good"), processes=2) as good:
        harmful = [asyncio.create_task(harm(file)) for file in worst]
        told = await asyncio.gather(*(good.run(job(number, "good")) for number in range(500)))
        await asyncio.gather(*harmful)
        told += await asyncio.gather(*(good.run(job(number, "good")) for number in range(500)))

    assert 1000 == sum(one.result == "ok" for (one,) in told)


async def test_plugin_without_network_reaches_nobody() -> None:
    """A server on this machine sees no connection, unless the plugin needs the network and the operator lets it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        params = {"port": server.getsockname()[1]}
        async with lane(plugin("connects", params=params)) as opened:
            (alone,) = await opened.run(job(1, "connects"))
        with pytest.raises(BlockingIOError):
            server.accept()
        async with lane(plugin("needs_network", params=params, network=True)) as opened:
            (connected,) = await opened.run(job(1, "needs_network"))

    assert "PermissionError" in (alone.detail or "")
    assert "ok" == connected.result


async def test_plugin_that_needs_the_network_is_not_loaded_without_leave() -> None:
    """What it declares is not enough: the operator must allow it, and is told how."""
    opened = Lane([plugin("needs_network", params={"port": 1})], processes=1, ask=nobody)
    (loaded,) = await opened.load()
    await opened.close()

    assert "network = true" in (loaded.problem or "")


async def test_plugin_finds_no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not in its environment, not in that of any other process, and not in files that are not its own."""
    secret = "sk-that-nobody-may-see"
    monkeypatch.setenv("OPENAI_API_KEY", secret)
    key = tmp_path / "provider.key"
    key.write_text(secret)
    beside = subprocess.Popen(["sleep", "60"])  # noqa: ASYNC220  # it has the key in its environment, as a worker has
    try:
        async with lane(plugin("spies", params={"secret": secret, "files": [str(key)]})) as opened:
            (told,) = await opened.run(job(1, "spies"))
    finally:
        beside.kill()
        beside.wait()

    assert [False] == [given.value for given in told.given]


async def test_plugin_writes_nowhere_but_in_its_own_folder(tmp_path: Path) -> None:
    """A file that everybody may write stays as it is; a temporary file works, and goes with the process."""
    file = tmp_path / "day.db"
    file.write_text("as it was")
    file.chmod(0o666)
    async with lane(plugin("writes", params={"path": str(file)}), plugin("writes_own")) as opened:
        other, own = await opened.run(job(1, "writes", "writes_own"))
        folder = Path(own.given[0].comment or "").parent

        assert folder.is_dir()
    assert "PermissionError" in (other.detail or "")
    assert "as it was" == file.read_text()
    assert not folder.exists()


async def test_plugin_that_kills_its_process_while_it_is_loaded_is_left_out() -> None:
    """It is told as a problem of its own; the others are loaded, and work."""
    opened = Lane([plugin("good"), plugin("dies_at_import"), plugin("good", "other")], processes=1, ask=nobody)
    good, dead, other = await opened.load()
    told = await opened.run(job(1, "good", "dies_at_import", "other"))
    await opened.close()

    assert [None, None] == [good.problem, other.problem]
    assert "crash" in (dead.problem or "")
    assert "exit status 7" in (dead.detail or "")
    assert {"good": "ok", "dies_at_import": "error", "other": "ok"} == {each.evaluator: each.result for each in told}


@pytest.mark.parametrize("file", ["forges_loaded", "forges_limits"])
async def test_plugin_that_speaks_for_the_host_while_it_is_loaded_is_left_out(file: str) -> None:
    """Nobody is loaded under a name or with limits that cannot be; the others are loaded, and work."""
    opened = Lane([plugin("good"), plugin(file, "hostile")], processes=1, ask=nobody)
    good, forged = await opened.load()
    told = await opened.run(job(1, "good", "hostile"))
    await opened.close()

    assert good.problem is None
    assert "protocol" in (forged.problem or "")
    assert {"good": "ok", "hostile": "error"} == {each.evaluator: each.result for each in told}


async def test_memory_cannot_be_kept_where_nobody_counts_it() -> None:
    """No files without a name, nothing of System V: none of that is charged to a process, and some outlives it."""
    async with lane(plugin("hoards")) as opened:
        (told,) = await opened.run(job(1, "hoards"))

    assert ["none"] == [given.value for given in told.given]


async def test_folder_that_clings_goes_with_its_process() -> None:
    """Closed or deep, it is taken away, and whoever made it is charged."""
    async with lane(plugin("clings")) as opened:
        folder = Path(opened._members[0].process.folder)
        (told,) = await opened.run(job(1, "clings"))

        await asyncio.to_thread(until, lambda: not folder.exists() or None, "the folder is gone")

    assert "crash" == told.reason


async def test_plugins_die_with_the_process_that_started_them() -> None:
    """kill -9 of the evaluator leaves nobody behind, not even a plugin that never ends."""
    code = f"""
import asyncio, sys
sys.path.insert(0, {str(Path.cwd())!r})
from tests.evaluation.lanes import *
async def main():
    opened = Lane([plugin("sleeps")], processes=1, ask=nobody)
    await opened.load()
    task = asyncio.create_task(opened.run(job(1, "sleeps")))
    await asyncio.sleep(0)
    print(opened._members[0].process._process.pid, flush=True)
    await task
asyncio.run(main())
"""
    evaluator = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
    pid = int(evaluator.stdout.readline())  # type: ignore[union-attr]
    evaluator.kill()
    evaluator.communicate()

    until(lambda: not Path(f"/proc/{pid}").exists() or None, "the plugin process is gone")


async def test_what_a_plugin_does_to_its_own_process_stays_there() -> None:
    """Whoever replaces parts of the host spoils its own results; its parent and a new process are as before."""
    async with lane(plugin("patches")) as opened:
        (spoilt,) = await opened.run(job(1, "patches"))
    async with lane(plugin("good")) as opened:
        (good,) = await opened.run(job(1, "good"))

    assert "error" == spoilt.result
    assert "ok" == good.result
