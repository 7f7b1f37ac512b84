"""The measurement of streams runs, and sees what it says it sees."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.streams import Way


@pytest.mark.slow
def test_a_small_measurement_is_whole() -> None:
    """Every event arrives, with a gateway and without, and every figure is printed."""
    words = [sys.executable, "-m", "bench.streams", "--streams", "20", "--seconds", "1", "--idle", "20"]
    done = subprocess.run(words, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True, timeout=120)

    assert "20 streams, an event each 200 ms, 100 events:" in done.stdout
    assert "broken streams: 0\n" in done.stdout
    assert 5 == len(re.findall(r"added -?\d+ us|KiB,|KiB each", done.stdout))


def test_shares_are_of_all_events() -> None:
    """The median is in the middle, and all events are within the longest time."""
    way = Way([1.0, 2.0, 3.0, 4.0], 0)

    assert (3.0, 4.0, 1.0) == (way.at(0.5), way.at(1), way.at(0))
