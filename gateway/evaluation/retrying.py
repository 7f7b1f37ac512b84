"""Is a run that went wrong worth another try, and after which time?"""

from typing import Final

from gateway.evaluation.quarantine import FATAL

ATTEMPTS: Final = 4  # where another try may help: a provider was busy, a connection broke
FATAL_ATTEMPTS: Final = 2  # a plugin that dies on a target mostly dies again
FIRST_MS: Final = 2_000
LONGEST_MS: Final = 300_000


def delay_ms(result: str, reason: str | None, attempts: int, draw: float) -> int | None:
    """Return how long to wait before the next try; None: that was the last.

    `result`, `reason`: as in Told. `attempts`: that were made before this one. `draw`: 0 to 1, at random, so that many
    that failed together do not come back together.
    """
    made = attempts + 1
    allowed = ATTEMPTS if result == "retry" else FATAL_ATTEMPTS if result == "error" and reason in FATAL else 1
    if made >= allowed:
        return None
    return int(draw * min(FIRST_MS << (2 * attempts), LONGEST_MS))
