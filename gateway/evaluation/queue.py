"""The evaluator's own file: how far the log was read, what waits, what was counted. One process writes it."""

from collections.abc import Collection, Sequence
from pathlib import Path

from gateway.evaluation.protocol import Loaded
from gateway.evaluation.task import Admitted, Done, Task


class Queue:
    """`data/evaluation/queue.db`. Every method commits before it returns."""

    def __init__(self, folder: Path) -> None:
        raise NotImplementedError

    def cursors(self) -> dict[str, int]:
        """Return, by day, the last `seq` that was looked at. A new queue begins at the end of the log."""
        raise NotImplementedError

    def admit(self, admitted: Admitted, *, backlog: int) -> None:
        """Take new tasks; what is beyond `backlog` for its evaluator is dropped and counted, per stratum, too."""
        raise NotImplementedError

    def due(self, limit: int, now_ms: int, paused: Collection[str]) -> list[Task]:
        """Return tasks that may be begun, oldest first, none of `paused` evaluators, none twice until `finish` or
        `retry` or a restart."""
        raise NotImplementedError

    def finish(self, done: Sequence[Done]) -> None:
        """Take them out of the queue; their evaluations stand in the journal already."""
        raise NotImplementedError

    def retry(self, task: Task, not_before_ms: int, reason: str) -> None:
        """Let a task wait and be begun again."""
        raise NotImplementedError

    def waiting(self) -> dict[str, int]:
        """Count what waits or runs, by evaluator."""
        raise NotImplementedError

    def define(self, fingerprint: str, loaded: Loaded, judge: str | None, now_ms: int) -> None:
        """Note what a series of scores was made by; what is known already stays as it is."""
        raise NotImplementedError

    def quarantines(self) -> dict[str, bytes]:
        """Return what was set by `set_quarantine`."""
        raise NotImplementedError

    def set_quarantine(self, evaluator: str, state: bytes | None) -> None:
        """Keep the state (JSON) of an evaluator that is shut out; None: it is not any more."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the file."""
        raise NotImplementedError
