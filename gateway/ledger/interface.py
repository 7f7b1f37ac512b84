"""What do a holder and an authority say to each other, and what must an authority be able to do?

The authority on one host is `server.py` behind a Unix socket, and `client.py` its holder's end. Another one (several
hosts) implements `Authority` and nothing else.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, Protocol

import msgspec

from gateway.ledger.lease import Amount, Ask, Grant, Second

VERSION: Final = 1
SOCKET: Final = "ledger.sock"  # in data_dir

# A request waits so long for money, in all. The authority's own wait for money of other holders is within that: an
# answer that comes later finds nobody.
WAIT_S: Final = 0.05
RECALL_WAIT_S: Final = 0.03
# So long a holder that was recalled returns what comes free, at once; and for the first part of it nobody asks again.
STICKY_S: Final = 0.05
CALM_S: Final = 0.025


class Hello(msgspec.Struct, array_like=True, frozen=True, tag="hello"):
    """Holder to authority, always the first message: who I am. The same holder may come again, on a new connection."""

    holder: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    version: int = VERSION


class Recall(msgspec.Struct, array_like=True, frozen=True, tag="recall"):
    """Authority to holder: return what is free of this lease, and say so even if nothing is; somebody starves.

    `turn`, `asker`: for whom (see Ask). Who comes before keeps what is set aside; the answer is due once nothing is.
    """

    series: str
    start_s: Second
    recall: Amount
    turn: Amount = 0
    asker: str = ""


class Room(msgspec.Struct, array_like=True, frozen=True, tag="room"):
    """Authority to holder: so much can be granted now; it became more without an ask of yours."""

    series: str
    start_s: Second
    room: int


Message = Hello | Ask | Grant | Recall | Room


class Listener(Protocol):
    """What a holder is told. Called on its event loop, one after the other, never from inside `Authority.send`."""

    def granted(self, grant: Grant) -> None:
        """An ask was answered."""

    def recalled(self, recall: Recall) -> None:
        """Somebody needs what is free here."""

    def has_room(self, room: Room) -> None:
        """There is more to grant."""

    def found(self) -> None:
        """The authority can be reached, for the first time or again."""

    def lost(self) -> None:
        """It cannot."""


class Authority(Protocol):
    """Who grants leases, as a holder sees it.

    What is asked is brought to the authority as soon as it can be reached, and again until it is answered; a later ask
    about the same lease takes the place of one without an answer. Nothing here ever waits.
    """

    @property
    def connected(self) -> bool:
        """Whether it can be asked now. False as soon as that is known."""

    def listen(self, listener: Listener) -> None:
        """Tell this one from now on. Once, before anything else."""

    def send(self, ask: Ask) -> None:
        """Ask."""

    def close(self) -> None:
        """Be done: nothing more is told or brought."""


class Timer(Protocol):
    """Something that will be called."""

    def cancel(self) -> None:
        """Do not call it."""


class Timers(Protocol):
    """What is needed of an event loop: a clock that only goes forward, and calls by it."""

    def time(self) -> float:
        """Return seconds since some instant."""

    def call_later(self, delay: float, callback: Callable[..., None], *args: Any) -> Timer:
        """Call back after so many seconds."""

    def call_soon(self, callback: Callable[..., None], *args: Any) -> object:
        """Call back in the next turn."""
