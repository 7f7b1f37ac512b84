"""Any process may be killed at any moment: what a client has whole is in the log, once, and so is what was begun."""

import os
import random
import signal
from pathlib import Path

import pytest

from tests.faults.harness import Load, check_books, is_alive, played, processes, replaced
from tests.gateway import Gateway, running, standing_before
from tests.provider import providing, until

# The long form for a release: TOLLWAY_KILLS=50
KILLS = int(os.environ.get("TOLLWAY_KILLS", "8"))
AGENTS = 24
MIX = [(0, 0), (8, 0), (0, 0), (5, 10), (0, 0)]


def strike(run: Gateway, name: str) -> None:
    """Kill a child, and wait for the one that stands for it."""
    pid = processes(run)[name]
    os.kill(pid, signal.SIGKILL)
    replaced(run, name, pid)


@pytest.mark.slow
def test_killed_children_lose_and_double_nothing(tmp_path: Path) -> None:
    """Whichever of worker and recorder is killed, and how often: every whole answer is in the log exactly once."""
    with (
        providing() as provider,
        standing_before(provider, tmp_path, ["openai"], server="workers = 2") as run,
        Load(run.port, AGENTS, MIX) as load,
    ):
        provider.otherwise = played
        killed = [*random.choices(["worker 0", "worker 1", "recorder"], k=KILLS - 1), "worker 0"]
        for name in killed:
            load.more(random.randint(50, 400))
            strike(run, name)
        load.more(200)
        calls = load.stop()
        assert 0 == run.stop()

    records = check_books(calls, provider.asked, tmp_path)
    died = [record for record in records if record.error == "worker died"]
    assert {"gateway_error"} == {record.outcome for record in died}, f"nothing was under way at any of {killed}"
    assert all(record.usage is not None and record.cost_nano_usd for record in died)
    print(f"\nkilled {killed}: {len(records)} rows, {len(died)} of killed workers, {len(load.faults())} calls cut")


@pytest.mark.slow
def test_killed_recorder_is_not_noticed_by_agents(tmp_path: Path) -> None:
    """The recorder is not in the path of a request: without it not one fails, and afterwards not one is missing."""
    with (
        providing() as provider,
        standing_before(provider, tmp_path, ["openai"], server="workers = 2") as run,
        Load(run.port, AGENTS, MIX) as load,
    ):
        provider.otherwise = played
        for _ in range(3):
            load.more(200)
            strike(run, "recorder")
        calls = load.stop()
        assert 0 == run.stop()

    assert [] == [call for call in calls if call.fault]
    assert len(calls) == len(check_books(calls, provider.asked, tmp_path))


@pytest.mark.slow
def test_killed_supervisor_takes_its_children_along_and_the_next_resumes(tmp_path: Path) -> None:
    """Nobody is left behind by a killed supervisor, and the next one on the same data finds everything, once."""
    with (
        providing() as provider,
        standing_before(provider, tmp_path, ["openai"], server="workers = 2") as run,
        Load(run.port, AGENTS, MIX) as load,
    ):
        provider.otherwise = played
        load.more(300)
        children = processes(run)
        assert {"recorder", "worker 0", "worker 1"} == children.keys()
        run.kill()
        until(lambda: not any(map(is_alive, children.values())), "the children end by themselves", 15)
        with running(tmp_path) as second:
            load.port = second.port
            load.more(300)
            calls = load.stop()
            assert 0 == second.stop()

    assert [] == load.faults(), "what ran could have come to its end"
    check_books(calls, provider.asked, tmp_path)
