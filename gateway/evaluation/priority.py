"""How does a process let all others go first?"""

import os
from typing import Final

LOWEST: Final = 19


def yield_to_others() -> str:
    """Have this process, and what it starts, run when nobody else does; say how. Raise OSError.

    Linux weighs that within a session or control group, so whoever shall come first must be in the same (decision 016).
    """
    os.nice(LOWEST)
    if not hasattr(os, "SCHED_IDLE"):
        return f"nice {LOWEST}"
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    return "runs when a processor has nothing else to do (SCHED_IDLE)"
