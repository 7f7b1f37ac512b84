"""What a process says and prints is heard together, with rests between; who prints without end waits."""

import asyncio
import socket

import pytest

from gateway.evaluation import hearing as module
from gateway.evaluation.hearing import Line, Words


async def heard_by(protocol: Line | Words) -> socket.socket:
    """Let one listen to the other end of a socket."""
    ours, theirs = socket.socketpair()
    await asyncio.get_running_loop().create_unix_connection(lambda: protocol, sock=ours)
    theirs.settimeout(20)
    return theirs


async def turns(number: int = 10) -> None:
    """Let the event loop hear what has come."""
    for _ in range(number):
        await asyncio.sleep(0)


async def say(theirs: socket.socket, data: bytes) -> None:
    """Send something, and let it be heard."""
    theirs.sendall(data)
    await turns()


def test_end_of_the_words_is_kept() -> None:
    """However much is printed, in whatever pieces."""
    words = Words()
    for number in range(10_000):
        data = f"line {number}\n".encode()
        words.get_buffer(-1)[: len(data)] = data
        words.buffer_updated(len(data))

    assert words.text(100).endswith("line 9998\nline 9999")
    assert module.WORDS_BYTES >= len(words.text(1 << 20))


async def test_words_are_heard_out_when_the_process_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a read nothing is read for a while, but what is printed last is had at once."""
    monkeypatch.setattr(module, "WORDS_REST_S", 3600.0)
    words = Words()
    printed = await heard_by(words)
    await say(printed, b"first")
    await say(printed, b", last")
    heard_meanwhile = words.text(100)
    printed.close()
    words.hear_out()
    await words.ended.wait()

    assert ("first", "first, last") == (heard_meanwhile, words.text(100))


async def test_words_are_read_on_after_a_rest() -> None:
    """Who prints more than a socket holds gets it said in the end."""
    words = Words()
    printed = await heard_by(words)
    await asyncio.to_thread(printed.sendall, b"x" * (1 << 20) + b"the end")
    printed.close()
    await words.ended.wait()

    assert words.text(100).endswith("xthe end")


async def test_what_is_said_in_a_rest_is_heard_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """One wake-up for all of it; and nothing is lost when the process ends meanwhile."""
    monkeypatch.setattr(module, "LINE_REST_S", 3600.0)
    heard: list[bytes] = []
    lost = asyncio.Event()
    line = Line(heard.append, lost.set)
    said = await heard_by(line)
    await say(said, b"1")
    await say(said, b"2")
    await say(said, b"3")
    said.close()
    for _ in range(2):  # the messages, the end
        line.wake()
        await turns()

    assert lost.is_set()
    assert [b"1", b"23"] == heard


async def test_nobody_is_woken_for_a_line_that_was_closed() -> None:
    """Whoever rested when it was closed reads no more."""
    heard: list[bytes] = []
    lost = asyncio.Event()
    line = Line(heard.append, lost.set)
    said = await heard_by(line)
    await say(said, b"1")
    said.sendall(b"2")
    line.close()
    await lost.wait()
    line.wake()
    await turns()
    said.close()

    assert [b"1"] == heard
