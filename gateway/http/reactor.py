"""What all connections of one worker share of its event loop: deadlines, hang-ups, and the way out."""

import asyncio

from gateway.http.outbox import Outbox
from gateway.http.watch import Hangups, Watch


class Reactor:
    """One worker's event loop, as its connections use it. `look_s`: how often deadlines are looked at."""

    def __init__(self, loop: asyncio.AbstractEventLoop, look_s: float = 0.5) -> None:
        self.loop = loop
        self.watch = Watch(loop, look_s)
        self.hangups = Hangups(loop)
        self.outbox = Outbox(loop)

    def start(self) -> None:
        """Begin to enforce deadlines."""
        self.watch.start()

    def stop(self) -> None:
        """Send what is left, and let go of the loop."""
        self.outbox.flush()
        self.watch.stop()
        self.hangups.close()
