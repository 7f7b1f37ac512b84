"""Stopping and reloading under load are part of every day: no request may feel it."""

import signal
from pathlib import Path

import pytest

from tests.faults.harness import Load, check_books, played
from tests.gateway import standing_before, team_file
from tests.provider import providing, until

AGENTS = 24
RELOADS = 20
# The last stream takes about a second, of five that the drain allows.
MIX = [(0, 0), (8, 0), (0, 0), (10, 100)]
QUICK = [(0, 0), (8, 0), (0, 0), (10, 10)]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_drain_cuts_nothing(tmp_path: Path, workers: int) -> None:
    """After SIGTERM everything that was asked is answered whole, and what was answered is in the log, no more, no less.

    Only a question that meets a kept connection on its way out stays unanswered; then no provider saw it, either.
    """
    with (
        providing(played) as provider,
        standing_before(provider, tmp_path, ["openai"], server=f"workers = {workers}") as run,
        Load(run.port, AGENTS, MIX, leaves=True) as load,
    ):
        load.more(200)
        assert 0 == run.stop()
        calls = load.stop()

    assert [] == load.faults()
    records = check_books(calls, provider.asked, tmp_path)
    answered = {call.nonce for call in calls if call.said_all}
    assert answered == {record.session for record in records}
    raced = sum(call.raced for call in calls)
    assert len(calls) - raced == len(records) == len(provider.asked)
    print(f"\n{workers} workers: {len(records)} answers, {raced} met a connection on its way out")


@pytest.mark.slow
def test_a_drain_ends_what_takes_too_long(tmp_path: Path) -> None:
    """A stream that outlives drain_timeout is cut so that its client can tell, and stands in the log as cut."""
    with (
        providing(played) as provider,
        standing_before(provider, tmp_path, ["openai"], server="") as run,
        Load(run.port, 4, [(200, 100)], leaves=True) as load,
    ):
        until(lambda: len([call for call in load.calls if call.answered]) == 4, "streams run")
        assert 0 == run.stop()
        calls = load.stop()

    assert 4 == len(calls)
    assert all(call.status == 200 and not call.said_all and "IncompleteRead" in call.fault for call in calls)
    records = check_books(calls, provider.asked, tmp_path)
    assert ["gateway_error"] * 4 == [record.outcome for record in records]
    assert all("drain" in (record.error or "") for record in records), records
    assert all(record.usage is not None and record.cost_nano_usd for record in records)


@pytest.mark.slow
def test_reloads_cut_nothing(tmp_path: Path) -> None:
    """A new config is for the requests that begin after it: 20 of them under load, and none is felt.

    Each names the provider's host in another way, so that its connections are new ones, too.
    """
    with (
        providing(played) as provider,
        standing_before(provider, tmp_path, ["openai"], server="workers = 2") as run,
        Load(run.port, AGENTS, QUICK) as load,
    ):
        first = (tmp_path / "config.toml").read_text()
        for number in range(2, RELOADS + 2):
            load.more(40)
            host = ("127.0.0.1", "localhost")[number % 2]
            replace(tmp_path / "config.toml", first.replace("http://127.0.0.1", f"http://{host}"))
            replace(tmp_path / "teams" / "search.toml", team_file(more=f"# {number}\n"))
            run.process.send_signal(signal.SIGHUP)
        until(lambda: generation(run.metrics()) > RELOADS, "every worker has taken every config")
        load.more(40)
        calls = load.stop()
        assert 0 == run.stop()

    assert [] == [call for call in calls if call.fault]
    assert len(calls) == len(check_books(calls, provider.asked, tmp_path))


def replace(file: Path, text: str) -> None:
    """Put a new file in an old one's place, as editors do."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.rename(file)


def generation(metrics: str) -> int:
    """Return the oldest config that a worker uses."""
    lines = [line for line in metrics.splitlines() if line.startswith("tollway_config_generation{")]
    return min(int(float(line.split()[1])) for line in lines)
