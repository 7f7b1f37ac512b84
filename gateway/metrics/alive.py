"""Is a process of this machine still there?"""

import os


def is_alive(pid: int) -> bool:
    """Whether there is such a process, whoever owns it; 0 is none."""
    if not pid:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
