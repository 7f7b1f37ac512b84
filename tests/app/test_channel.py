"""Channel: messages between supervisor and child, whole and in order, over a real socket pair."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator

import pytest

from gateway.app.channel import (
    CONTROL_FD,
    LISTEN_FDS,
    Applied,
    Channel,
    Config,
    Drain,
    Judges,
    Message,
    Ready,
    State,
    inherited_sockets,
)


@pytest.fixture
async def ends() -> AsyncIterator[tuple[Channel, Channel]]:
    ours, theirs = socket.socketpair()
    pair = await Channel.open(ours), await Channel.open(theirs)
    yield pair
    for end in pair:
        end.close()
    await asyncio.sleep(0)


MESSAGES: list[Message] = [
    Config(generation=3, sources={"config.toml": "[server]\n# é"}, root="/etc/tollway", judge_keys={"helpful": "ab"}),
    Judges("http://127.0.0.1:8080", {"helpful": "tw-judge-x"}, ca_file="/etc/ca.pem"),
    State(generation=3, reload_ok=False, problems=["x"], workers=2, running=["worker 0"], restarts={"worker 0": 1}),
    Drain(),
    Ready(),
    Applied(generation=3),
]


async def test_messages_arrive_whole_and_in_order(ends: tuple[Channel, Channel]) -> None:
    """Every kind of message, in both directions."""
    for sender, receiver in (ends, ends[::-1]):
        for message in MESSAGES:
            sender.send(message)

        assert MESSAGES == [await receiver.receive() for _ in MESSAGES]


async def test_config_of_any_size_arrives(ends: tuple[Channel, Channel]) -> None:
    """Hundreds of teams do not fit into a socket's buffer."""
    message = Config(generation=1, sources={f"teams/{n}.toml": "#" * 10_000 for n in range(300)}, root="/")

    ends[0].send(message)

    assert message == await ends[1].receive()


async def test_end_of_the_other_side_is_told_once_everything_was_read(ends: tuple[Channel, Channel]) -> None:
    """A child whose supervisor died reads None, and sending to nobody does nothing."""
    ends[0].send(Drain())
    ends[0].close()

    assert Drain() == await ends[1].receive()
    assert await ends[1].receive() is None
    assert await ends[1].receive() is None
    for _ in range(3):
        ends[1].send(Ready())
        await asyncio.sleep(0)


async def test_half_a_message_is_the_end() -> None:
    """A supervisor that is killed while it writes leaves a torn message: it is not read."""
    ours, theirs = socket.socketpair()
    end = await Channel.open(theirs)
    with ours:
        ours.send(b"\x10\x00\x00\x00{")

    assert await end.receive() is None
    end.close()


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff\xff", b"\x02\x00\x00\x00[]", b"\x02\x00\x00\x00??"])
async def test_garbage_is_an_error(garbage: bytes) -> None:
    """Both ends are ours: what is not a message is a bug that must not pass for the end."""
    ours, theirs = socket.socketpair()
    end = await Channel.open(theirs)
    with ours:
        ours.send(garbage)
        with pytest.raises(ValueError, match=r"control message|Expected|JSON"):
            await end.receive()
    end.close()


async def test_child_finds_its_sockets_in_the_environment() -> None:
    """The numbers of the file descriptors are in two variables."""
    ours, theirs = socket.socketpair()
    first, second = socket.socketpair()
    sender = await Channel.open(ours)
    environ = {CONTROL_FD: str(os.dup(theirs.fileno())), LISTEN_FDS: f"{os.dup(first.fileno())},{second.detach()}"}
    theirs.close()

    child = await Channel.from_environment(environ)
    sender.send(Drain())
    one, other = inherited_sockets(environ)

    assert Drain() == await child.receive()
    first.close()
    one.send(b"x")
    assert b"x" == other.recv(1)
    for each in (sender, child, one, other):
        each.close()


def test_keys_of_judges_are_never_shown() -> None:
    """What is logged of a message holds no key."""
    shown = repr(Judges("http://h", {"helpful": "tw-judge-secret"}))

    assert ("helpful" in shown, "secret" in shown) == (True, False)
