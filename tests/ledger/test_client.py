"""A worker's line to the authority: found again by itself, and nothing that was asked is forgotten."""

import asyncio
import socket
from pathlib import Path

import msgspec
import pytest

from gateway.ledger import client as ledger_client
from gateway.ledger.client import Client
from gateway.ledger.interface import Barred, Hello, Message, Recall, Room
from gateway.ledger.lease import Ask, Grant
from gateway.ledger.peer import Frames, frame
from tests.http.uv import on_uvloop, until


class Ears:
    """A holder that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def granted(self, grant: Grant) -> None:
        self.told.append(grant)

    def recalled(self, recall: Recall) -> None:
        self.told.append(recall)

    def has_room(self, room: Room) -> None:
        self.told.append(room)

    def bar(self, models: frozenset[str]) -> None:
        self.told.append(models)

    def found(self) -> None:
        self.told.append("found")

    def lost(self) -> None:
        self.told.append("lost")


class Line(asyncio.Protocol):
    """A scripted authority's end of a connection."""

    def __init__(self, authority: "Scripted") -> None:
        self._authority = authority
        self._frames = Frames()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._authority.lines.append(transport)

    def data_received(self, data: bytes) -> None:
        self._authority.heard += self._frames.feed(data)


class Scripted:
    """An authority that says what a test wants."""

    def __init__(self, path: Path) -> None:
        self.heard: list[Message] = []
        self.lines: list[asyncio.BaseTransport] = []
        self._path = path

    async def start(self) -> "Scripted":
        """Listen."""
        self._server = await asyncio.get_running_loop().create_unix_server(lambda: Line(self), str(self._path))
        return self

    def say(self, *messages: Message | bytes) -> None:
        """Say something on the newest connection."""
        data = b"".join(one if isinstance(one, bytes) else frame(one) for one in messages)
        self.lines[-1].write(data)  # type: ignore[attr-defined]

    def cut(self) -> None:
        """End all connections."""
        for line in self.lines:
            line.abort()  # type: ignore[attr-defined]

    def stop(self) -> None:
        """Be gone."""
        self._server.close()
        self._path.unlink(missing_ok=True)
        self.cut()


def ask(number: int, series: str = "x") -> Ask:
    """Make an ask."""
    return Ask(series, 0, 0, "w1", number, 0, 0, 5, 5, 100)


def grant(number: int, series: str = "x") -> Grant:
    """Make an answer."""
    return Grant(series, 0, number, 5, 5, 95)


def calling(path: Path) -> tuple[Client, Ears]:
    """Make a client, and whom it tells."""
    return Client(path, "w1", asyncio.get_running_loop()), Ears()


@on_uvloop
async def test_asks_and_answers_pass(tmp_path: Path) -> None:
    """After a hello, in order; and whatever else an authority says."""
    authority = await Scripted(tmp_path / "s").start()
    client, ears = calling(tmp_path / "s")
    client.listen(ears)
    await until(lambda: ears.told)
    assert client.connected
    client.send(ask(1))
    await until(lambda: len(authority.heard) == 2)
    authority.say(grant(1), Recall("x", 0, 7), Room("x", 0, 3))
    await until(lambda: len(ears.told) == 4)

    assert [Hello("w1"), ask(1)] == authority.heard
    assert ["found", grant(1), Recall("x", 0, 7), Room("x", 0, 3)] == ears.told
    client.close()
    authority.stop()


@on_uvloop
async def test_something_else_goes_first(tmp_path: Path) -> None:
    """Before each ask: the journal, in which what it tells of must stand."""
    authority = await Scripted(tmp_path / "s").start()
    client, ears = calling(tmp_path / "s")
    client.listen(ears)
    await until(lambda: authority.heard)
    went: list[int] = []
    client.first = lambda: went.append(len(authority.heard))
    client.send(ask(1))
    assert [1] == went  # a hello, and no ask yet
    await until(lambda: len(authority.heard) == 2)

    client.close()
    authority.stop()


@on_uvloop
async def test_what_is_barred_is_told_as_a_whole(tmp_path: Path) -> None:
    """However many messages it takes; what a connection left unfinished is no part of what the next one says."""
    authority = await Scripted(tmp_path / "s").start()
    client, ears = calling(tmp_path / "s")
    client.listen(ears)
    await until(lambda: ears.told)
    authority.say(Barred(("a", "b"), more=True), Barred(("c",)), Barred(()), Barred(("lost",), more=True))
    await until(lambda: client._barred)
    authority.cut()
    await until(lambda: ears.told[-2:] == ["lost", "found"])
    authority.say(Barred(("d",)))
    await until(lambda: len(ears.told) == 6)

    assert ["found", frozenset("abc"), frozenset(), "lost", "found", frozenset("d")] == ears.told
    client.close()
    authority.stop()


@on_uvloop
async def test_what_was_asked_before_there_was_anybody_is_asked_then(tmp_path: Path) -> None:
    """It tries again and again, and less and less often."""
    client, ears = calling(tmp_path / "s")
    client.listen(ears)
    client.send(ask(1))
    await until(lambda: client._retry_s > 4 * ledger_client.FIRST_RETRY_S)
    assert not client.connected

    authority = await Scripted(tmp_path / "s").start()
    await until(lambda: len(authority.heard) == 2)
    assert ["found"] == ears.told
    client.close()
    authority.stop()


@on_uvloop
async def test_what_has_no_answer_is_asked_again(tmp_path: Path) -> None:
    """The last word about each lease, on the next connection; what was answered is not."""
    authority = await Scripted(tmp_path / "s").start()
    client, ears = calling(tmp_path / "s")
    client.listen(ears)
    for one in (ask(1), ask(1, "answered"), ask(2)):
        client.send(one)
    await until(lambda: len(authority.heard) >= 3)
    authority.say(grant(1), grant(1, "answered"))
    await until(lambda: len(ears.told) == 3)
    authority.heard.clear()
    authority.cut()
    await until(lambda: len(authority.heard) == 2)

    assert [Hello("w1"), ask(2)] == authority.heard
    assert ["found", grant(1), grant(1, "answered"), "lost", "found"] == ears.told
    client.close()
    authority.stop()


@on_uvloop
async def test_of_rates_nothing_is_asked_again(tmp_path: Path) -> None:
    """The next connection begins anew: whoever asked did not know of it."""
    authority = await Scripted(tmp_path / "s").start()
    client, ears = calling(tmp_path / "s")
    client.listen(ears)
    client.send(msgspec.structs.replace(ask(1, "rate"), rate=5, per_ns=60))
    client.send(ask(1))
    await until(lambda: len(authority.heard) >= 2)
    authority.heard.clear()
    authority.cut()
    await until(lambda: len(authority.heard) == 2)

    assert [Hello("w1"), ask(1)] == authority.heard
    client.close()
    authority.stop()


@on_uvloop
async def test_a_lost_authority_is_known_at_once(tmp_path: Path) -> None:
    """Nothing waits for one that has gone."""
    authority = await Scripted(tmp_path / "s").start()
    client, ears = calling(tmp_path / "s")
    client.listen(ears)
    await until(lambda: client.connected and authority.lines)
    authority.stop()
    await until(lambda: "lost" in ears.told)

    assert not client.connected
    client.send(ask(1))
    client.close()


@on_uvloop
async def test_the_pause_between_tries_grows_and_begins_anew_after_a_good_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that said something, or lasted; not one that is closed whenever it is opened."""
    monkeypatch.setattr(ledger_client, "LAST_RETRY_S", 0.04)
    authority = await Scripted(tmp_path / "s").start()
    client, ears = calling(tmp_path / "s")
    client.listen(ears)
    for times in (1, 2, 3):
        await until(lambda times=times: len(authority.lines) == times and client.connected)  # type: ignore[misc]
        authority.cut()
        await until(lambda times=times: ears.told.count("lost") == times)  # type: ignore[misc]
    assert 0.04 == client._retry_s
    await until(lambda: len(authority.lines) == 4 and client.connected)
    authority.say(Room("x", 0, 3))
    await until(lambda: Room("x", 0, 3) in ears.told)
    assert ledger_client.FIRST_RETRY_S == client._retry_s

    client._retry_s = 0.04
    client._found_s -= 0.05
    authority.cut()
    await until(lambda: ears.told.count("lost") == 4)
    assert 2 * ledger_client.FIRST_RETRY_S == client._retry_s
    client.close()
    authority.stop()


@pytest.mark.parametrize("said", [b"\xff\xff\xff\xff", frame(Hello("w1"))])
@on_uvloop
async def test_an_authority_that_says_what_it_must_not_is_left(
    said: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And tried again: it may have been something else at that path."""
    authority = await Scripted(tmp_path / "s").start()
    client, ears = calling(tmp_path / "s")
    client.listen(ears)
    await until(lambda: authority.lines)
    authority.say(said)
    await until(lambda: ears.told.count("found") == 2)

    assert "the connection to the ledger is cut off" in caplog.text
    client.close()
    authority.stop()


@on_uvloop
async def test_nothing_is_told_once_it_is_closed(tmp_path: Path) -> None:
    """Whether it was connected, about to be, or between two tries; what was sent by then is out."""
    path = tmp_path / "s"
    authority = await Scripted(path).start()
    connected, trying, waiting = (calling(path) for _ in range(3))
    connected[0].listen(connected[1])
    await until(lambda: authority.lines and connected[0].connected)
    authority.say(grant(1))
    connected[0].send(ask(1))
    connected[0].close()
    trying[0].listen(trying[1])
    trying[0].close()
    await until(lambda: len(authority.heard) == 2)
    authority.stop()
    waiting[0].listen(waiting[1])
    await until(lambda: waiting[0]._retry_s > ledger_client.FIRST_RETRY_S)
    waiting[0].close()
    await asyncio.sleep(2 * ledger_client.FIRST_RETRY_S)

    assert (["found"], [], []) == (connected[1].told, trying[1].told, waiting[1].told)
    calling(path)[0].close()


@on_uvloop
async def test_what_comes_in_the_same_moment_as_the_end_is_not_told(tmp_path: Path) -> None:
    """The worker has done with it."""
    client, _ = calling(tmp_path / "s")

    client.take(grant(1))
    assert not client.connected


@on_uvloop
async def test_a_connection_that_comes_after_the_end_is_closed(tmp_path: Path) -> None:
    """It was being made when the worker ended."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    client, _ = calling(tmp_path / "s")
    with ours, theirs:
        for end in (ours, theirs):
            end.setblocking(False)
        await loop.create_unix_connection(lambda: ledger_client._Line(client), sock=ours)

        assert b"" == await loop.sock_recv(theirs, 10)
        assert not client.connected
        await asyncio.sleep(0.01)  # the loop lets go of the socket
