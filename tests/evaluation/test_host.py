"""The plugin's side of the line."""

import socket

import pytest

from gateway.evaluation.api import Conversation, Exchange, Pair
from gateway.evaluation.host import Line, target_of
from gateway.evaluation.protocol import Answered, Begun, Frames, Job, ToParent, framed
from tests.evaluation.lanes import job


@pytest.mark.parametrize(
    ("unit", "kept", "kind"), [("exchange", 1, Exchange), ("conversation", 3, Conversation), ("pair", 2, Pair)]
)
def test_job_brings_its_target(unit: str, kept: int, kind: type) -> None:
    """One exchange, all of a conversation with what people said of it, or two."""
    target = target_of(job(1, "e", kept=kept, unit=unit, session="s", feedback={"thumb": True}))

    assert isinstance(target, kind)
    if isinstance(target, Conversation):
        assert ("s", {"thumb": True}, 3) == (target.session, target.feedback, len(target.exchanges))


def test_line_waits_with_what_it_says_until_it_must_be_known() -> None:
    """Before the next message is awaited, and whenever it is told to; then the parent is gone."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        line = Line(ours)
        line.say(framed(Begun(number=1, evaluator="e")))
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)
        theirs.sendall(framed(job(2, "e")) + framed(Answered(number=1, call=0)) + framed(job(3, "e")))
        first = line.next()
        frames: Frames[ToParent] = Frames(ToParent)
        said = list(frames.feed(theirs.recv(1 << 16)))

        assert [Begun(number=1, evaluator="e")] == said
        assert isinstance(first, Job)
        assert line.has_more
        assert [0] == [each.call for each in line.answers()]
        assert 3 == line.next().number  # type: ignore[union-attr]
        theirs.shutdown(socket.SHUT_WR)
        assert line.next() is None
