"""Who goes last on a busy machine."""

import os

from tests.evaluation.alone import ROOT, alone
from tests.evaluation.lanes import linux


@linux
def test_what_it_starts_goes_last_too() -> None:
    """From the first instruction on: a process that loads Python takes a processor, too."""
    said = alone(
        f"""
import subprocess
from gateway.evaluation import priority
print(priority.yield_to_others())
child = [sys.executable, "-c", "import os; print(os.nice(0), os.sched_getscheduler(0))"]
print(subprocess.run(child, cwd={str(ROOT)!r}, capture_output=True, text=True, check=True).stdout)
"""
    )
    how, child = said.splitlines()

    assert "SCHED_IDLE" in how
    assert f"19 {os.SCHED_IDLE}" == child
