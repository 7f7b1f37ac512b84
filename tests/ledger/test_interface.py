"""What holders and authorities promise each other."""

import asyncio

import pytest

from gateway.ledger.client import Client
from gateway.ledger.holder import Holder
from gateway.ledger.interface import CALM_S, RECALL_WAIT_S, STICKY_S, WAIT_S, Authority, Listener, Timers
from tests.ledger.parts import Slow


def test_waits_lie_within_each_other() -> None:
    """An answer that comes after a recall must find who asked; and who is not recalled again still returns money."""
    assert RECALL_WAIT_S < WAIT_S
    assert CALM_S < STICKY_S


@pytest.mark.parametrize(
    ("what", "is_what"),
    [(Client, Authority), (Holder, Listener), (asyncio.AbstractEventLoop, Timers), (Slow, Timers)],
)
def test_both_sides_are_what_the_interface_says(what: type, is_what: type) -> None:
    """A client is an authority to its holder, a holder listens, and an event loop is all the time they need."""
    assert {name for name in vars(is_what) if not name.startswith("_")} <= set(dir(what))
