"""Many streams at a time on one worker: every one of them ends whole, with the bytes that were meant for it."""

import os
from pathlib import Path

import pytest

from tests.faults.harness import Load, check_books, played
from tests.gateway import standing_before
from tests.provider import providing, until

# `python -m bench.streams` measures 1,000 of them.
STREAMS = int(os.environ.get("TOLLWAY_STREAMS", "200"))
EVENTS = 20


@pytest.mark.slow
def test_many_paced_streams_are_whole_and_intact(tmp_path: Path) -> None:
    """All run at the same time; each client gets its own events, in order, and each stream has its row."""
    with (
        providing(played) as provider,
        standing_before(provider, tmp_path, ["openai"]) as run,
        Load(run.port, STREAMS, [(EVENTS, 100)]) as load,
    ):
        until(lambda: f'in_flight{{worker="0"}} {STREAMS}.0' in run.metrics(), f"{STREAMS} streams run at a time")
        load.more(STREAMS)
        calls = load.stop()
        assert 0 == run.stop()

    assert [] == [call for call in calls if call.fault]
    records = check_books(calls, provider.asked, tmp_path)
    assert len(calls) == len(records)
    assert {EVENTS} == {record.usage.output_total for record in records if record.usage}
    assert {"provider"} == {record.usage_source for record in records}
