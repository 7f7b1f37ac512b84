"""How the bench reads its instruments and what it makes of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import gateway_config, processes
from bench.__main__ import summarise
from bench.measure import Load, Result, parse
from gateway.config import load

REPORT = """\
Running 5s test @ http://127.0.0.1:9101/v1/chat/completions
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.02ms    1.10ms  20.01ms   90.00%
    Req/Sec    10.61k     1.02k   12.00k    80.00%
  Latency Distribution
     50%  980.00us
     75%    3.30ms
     90%    4.00ms
     99%    1.05s
  53012 requests in 5.00s, 60.67MB read
  Socket errors: connect 0, read 2, write 0, timeout 1
  Non-2xx or 3xx responses: 7
Requests/sec:  10601.20
Transfer/sec:     12.13MB
"""


def test_report_of_wrk_is_read() -> None:
    """Units differ from line to line; every kind of failure counts."""
    assert Load(53012, 10601.2, 0.98, 1050.0, 10) == parse(REPORT)


def test_report_without_requests_is_refused() -> None:
    """A broken report must not become a figure."""
    with pytest.raises(ValueError, match="requests in"):
        parse("unable to connect")


def test_ratios_are_taken_round_by_round() -> None:
    """A slow minute of the machine hits both sides of a round: the ratio's median is not the medians' ratio."""
    load_ = Load(1, 1.0, 1.0, 1.0, 0)
    ours = [Result(load_, 10.0, 5.0), Result(load_, 100.0, 50.0), Result(load_, 30.0, 15.0)]
    theirs = [Result(load_, 10.0), Result(load_, 50.0), Result(load_, 60.0)]

    rows = {row["contender"]: row for row in summarise({("json", "tollway"): ours, ("json", "envoy"): theirs})}

    assert (30.0, 1.0, 0.5) == tuple(rows["tollway"][name] for name in ("cpu_us", "ratio", "serving_ratio"))
    assert 1.0 == rows["envoy"]["ratio"]


def test_cpu_of_a_whole_tree_is_seen() -> None:
    """What a child of a child burns belongs to the contender."""
    burn = "import time\nwhile time.process_time() < 0.2: pass\nprint('done', flush=True)\ninput()"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        spent = processes.cpu_s(parent.pid)
        processes.stop(parent)

    assert 2 == len(spent)
    assert sum(spent.values()) >= 0.2


def test_resident_memory_is_in_megabytes() -> None:
    """A Python process takes some megabytes, not kilobytes and not gigabytes."""
    assert 5 < processes.rss_mb(os.getpid()) < 5000


def test_written_configuration_is_valid(tmp_path: Path) -> None:
    """The measured gateway starts from files that pass the usual check, full bodies on."""
    config = gateway_config.write(tmp_path, gateway_config.Setup())

    parsed = load.parse(load.read(config), {})

    assert "full" == parsed.teams["bench"].logging.bodies
    assert 1 == parsed.company.server.workers
