"""It keeps memory where no process is charged for it: in files that have no name, and in segments of System V."""

import ctypes
import os

from gateway.evaluation.api import Evaluator, Result, ScoreSpec

MIB = 1 << 20


class Hostile(Evaluator):
    """Counts the ways that are open."""

    name = "hostile"
    version = "1"
    scores = (ScoreSpec(type="text"),)

    def evaluate(self, _) -> Result:
        """Try each."""
        libc = ctypes.CDLL(None, use_errno=True)
        ways = []
        try:
            os.close(os.memfd_create("hoard"))
            ways.append("memfd")
        except OSError:
            pass
        if (segment := libc.shmget(0, MIB, 0o1600)) >= 0:
            libc.shmctl(segment, 0, None)
            ways.append("shm")
        if (queue := libc.msgget(0, 0o1600)) >= 0:
            libc.msgctl(queue, 0, None)
            ways.append("msg")
        if (number := libc.semget(0, 1, 0o1600)) >= 0:
            libc.semctl(number, 0, 0)
            ways.append("sem")
        return Result(",".join(ways) or "none")
