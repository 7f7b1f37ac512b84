"""What need Python's garbage collector not look at again? Whatever a process has made by the time it is ready."""

import gc


def freeze() -> None:
    """Call it once, when a process is ready: what stands now stays, and what comes then, a batch of exchanges or an
    answer, is thousands of objects without a cycle."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
