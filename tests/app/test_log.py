"""Log: one line per event."""

import logging
import re
from collections.abc import Iterator

import pytest

from gateway.app import log


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_event_is_one_line_with_time_level_and_role(capsys: pytest.CaptureFixture[str]) -> None:
    """Tracebacks and messages with newlines stay on their line: tools split logs by line."""
    log.configure("worker 100%")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("x").exception("it failed id=%d", 7)
    logging.getLogger("x").debug("not shown")

    (line,) = capsys.readouterr().err.splitlines()
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ERROR worker 100%: it failed id=7\\nTraceback", line)


def test_role_is_what_the_command_line_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`… worker.py 0` is worker 0."""
    monkeypatch.setattr("sys.argv", ["/x/gateway/app/worker.py", "0"])
    log.configure()
    logging.getLogger("x").warning("hello")

    assert "WARNING worker 0: hello" in capsys.readouterr().err


def test_watcher_does_not_report_our_own_log(capsys: pytest.CaptureFixture[str]) -> None:
    """`tollway serve > log` beside the config must not write for ever about its own writing."""
    log.configure("supervisor")
    logging.getLogger("watchfiles.main").info("1 change detected")

    assert "" == capsys.readouterr().err
