"""Runs code in a Python of its own: what a process gives up for good cannot be tried in ours."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def alone(code: str) -> str:
    """Run it, and return what it printed; what it raised fails the test."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout.strip()
