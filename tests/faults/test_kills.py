"""Any process may be killed at any moment: what a client has whole is in the log, once, and so is what was begun."""

import asyncio
import contextlib
import http.client
import os
import random
import signal
from pathlib import Path

import pytest

from gateway.journal.reader import Reader
from tests.faults.harness import (
    DONE,
    Load,
    check_books,
    connect,
    data_plane,
    expected,
    is_alive,
    listening,
    played,
    post,
    processes,
    question,
    replaced,
)
from tests.gateway import Gateway, provider_tables, running, standing_before, write_config
from tests.http.uv import on_uvloop
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
        providing(played) as provider,
        standing_before(provider, tmp_path, ["openai"], server="workers = 2") as run,
        Load(run.port, AGENTS, MIX) as load,
    ):
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
        providing(played) as provider,
        standing_before(provider, tmp_path, ["openai"], server="workers = 2") as run,
        Load(run.port, AGENTS, MIX) as load,
    ):
        for _ in range(3):
            load.more(200)
            strike(run, "recorder")
        calls = load.stop()
        assert 0 == run.stop()

    assert [] == [call for call in calls if call.fault]
    assert len(calls) == len(check_books(calls, provider.asked, tmp_path))


def answerer_of(run: Gateway) -> int:
    """Ask something about the log; return the process that answers."""
    run.api("/api/exchanges")
    recorder = processes(run)["recorder"]
    (pid,) = map(int, Path(f"/proc/{recorder}/task/{recorder}/children").read_text().split())
    return pid


def test_killed_answerer_is_not_noticed_by_people(tmp_path: Path) -> None:
    """The next question has another one."""
    with providing(played) as provider, standing_before(provider, tmp_path, ["openai"]) as run:
        killed = answerer_of(run)
        os.kill(killed, signal.SIGKILL)

        assert killed != answerer_of(run)


def test_a_question_does_not_keep_the_gateway_from_ending(tmp_path: Path) -> None:
    """It is refused instead, also where the answerer gets no processor."""
    with providing(played) as provider, standing_before(provider, tmp_path, ["openai"]) as run:
        os.kill(answerer_of(run), signal.SIGSTOP)
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", run.admin_port, timeout=60)) as port:
            port.request("GET", "/api/exchanges")
            status = run.stop()
            told = port.getresponse()
            said = told.read()

    assert (0, 503) == (status, told.status)
    assert b"the gateway ends: ask the next one" in said


@pytest.mark.slow
def test_killed_supervisor_takes_its_children_along_and_the_next_resumes(tmp_path: Path) -> None:
    """Nobody is left behind by a killed supervisor, and the next one on the same data finds everything, once."""
    with (
        providing(played) as provider,
        standing_before(provider, tmp_path, ["openai"], server="workers = 2") as run,
        Load(run.port, AGENTS, MIX) as load,
    ):
        load.more(300)
        children = processes(run)
        assert {"recorder", "worker 0", "worker 1"} == children.keys()
        children["answerer"] = answerer_of(run)
        run.kill()
        until(lambda: not any(map(is_alive, children.values())), "the children end by themselves", 15)
        with running(tmp_path) as second:
            load.port = second.port
            load.more(300)
            calls = load.stop()
            assert 0 == second.stop()

    assert [] == load.faults(), "what ran could have come to its end"
    check_books(calls, provider.asked, tmp_path)


STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
DOCUMENT_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(expected("n", 0))


@pytest.mark.parametrize(
    ("events", "answer", "last"),
    [
        pytest.param(0, DOCUMENT_HEAD + expected("n", 0), b"}", id="document"),
        pytest.param(1, STREAM_HEAD + b"%x\r\n%b\r\n" % (len(DONE), DONE), DONE + b"\r\n", id="terminal event"),
        pytest.param(0, b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{}", b"{}", id="failure"),
        pytest.param(0, b"nonsense", b"}", id="refusal of ours"),
    ],
)
@on_uvloop
async def test_the_end_is_in_the_journal_before_the_last_byte_leaves(
    events: int, answer: bytes, last: bytes, tmp_path: Path
) -> None:
    """Kills seldom hit the moment between the two, so here is its order: who sees the byte finds the frame.

    This client looks after each turn of the gateway's own loop, before anything that the turn has put off.
    """
    with listening() as provider:
        write_config(tmp_path, provider_tables({"openai": provider.url}))
        async with data_plane(tmp_path) as port:
            with connect(port) as client:
                client.sendall(post(question("n", events)))
                upstream = await asyncio.to_thread(provider.asked)
                client.setblocking(False)
                upstream.sendall(answer)
                got = b""
                while not got.endswith(last):
                    await asyncio.sleep(0)
                    with contextlib.suppress(BlockingIOError):
                        got += client.recv(65536)
                reader = Reader(tmp_path / "journal")
                found = [one.record.id for one in reader.poll(thorough=True)]
                reader.close()

    assert [got.partition(b"x-tollway-request-id: ")[2].partition(b"\r\n")[0].decode()] == found
