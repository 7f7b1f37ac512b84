"""One config as a worker serves by it: a request keeps the one it began with."""

from gateway.exchange.directory import Directory
from gateway.exchange.lanes import Lane
from gateway.metrics.board import Slot
from gateway.policies.snapshot import Snapshot


class Serving:
    """A snapshot, the lanes to its providers, the places of its paths, and where this worker counts.

    `must_record`: what cannot be written down is not sent.
    """

    __slots__ = ("directory", "lanes", "max_body_bytes", "must_record", "slot", "snapshot")

    def __init__(self, snapshot: Snapshot, lanes: dict[str, Lane], slot: Slot) -> None:
        self.snapshot = snapshot
        self.lanes = lanes
        self.slot = slot
        self.max_body_bytes = snapshot.server.max_request_body_bytes
        self.must_record = snapshot.server.on_journal_failure == "refuse"
        self.directory = Directory(snapshot.routing)
