"""Log: one line per event, floods told once, and what nobody catches told, too."""

import io
import logging
import sys
import threading
import warnings
from collections.abc import Iterator

import orjson
import pytest

from gateway.app import log
from gateway.app.log_lines import Lines
from gateway.app.log_throttle import MOST, WINDOW_S
from gateway.config.compile import from_sources
from gateway.config.load import Sources


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, hooks = root.handlers[:], root.level, (sys.excepthook, threading.excepthook)
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    sys.excepthook, threading.excepthook = hooks
    logging.captureWarnings(False)


class Time:
    """A clock that is moved by hand, and a handler that goes by it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.written = io.StringIO()
        self.handler = log.Handler(Lines("worker 0"), lambda: self.now_s)
        self.handler.setStream(self.written)
        self.logger = logging.getLogger("tollway.test")
        self.logger.handlers[:] = [self.handler]
        self.logger.propagate = False

    @property
    def lines(self) -> list[str]:
        """What was written, without time and role."""
        return [line.partition("worker 0: ")[2] for line in self.written.getvalue().splitlines()]


@pytest.fixture
def clock() -> Iterator[Time]:
    """A handler with a clock."""
    time = Time()
    yield time
    time.logger.handlers.clear()
    time.logger.propagate = True
    time.handler.close()


def use(text: str = "", role: str = "worker 0") -> None:
    """Configure the log by a config."""
    sources: Sources = {"config.toml": text}
    log.configure(role, from_sources(sources, "/", {"THE_KEY": "my-own-secret"}, 1))


def test_event_is_one_line_with_time_level_and_role(capsys: pytest.CaptureFixture[str]) -> None:
    """Also before there is any config."""
    log.configure("worker 100%")
    logging.getLogger("x").error("it failed %d", 7, extra={"id": 5})
    logging.getLogger("x").debug("not shown")

    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("Z ERROR worker 100%: it failed 7 id=5")


def test_config_chooses_format_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    """From the next line on, as often as it changes."""
    use('[server]\nlog_format = "json"\nlog_level = "warning"')
    logging.getLogger("tollway.x").info("not shown")
    logging.getLogger("tollway.x").warning("shown")
    use('[server]\nlog_level = "debug"')
    logging.getLogger("tollway.x").debug("now, too")

    first, second = capsys.readouterr().err.splitlines()
    assert ("warning", "shown", "worker 0") == tuple(orjson.loads(first)[name] for name in ("level", "message", "role"))
    assert second.endswith("DEBUG worker 0: now, too")


def test_keys_of_the_config_are_never_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever they look like."""
    for text in ('[providers.openai]\napi_keys = ["env:THE_KEY"]', '[server]\nadmin_token = "env:THE_KEY"'):
        use(text)
        logging.getLogger("tollway.x").error("it said my-own-secret is wrong")

    assert 2 == capsys.readouterr().err.count("it said [hidden] is wrong")


def test_role_is_what_the_command_line_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`… worker.py 0` is worker 0."""
    monkeypatch.setattr("sys.argv", ["/x/gateway/app/worker.py", "0"])
    log.begin()
    logging.getLogger("x").warning("hello")

    assert "WARNING worker 0: hello" in capsys.readouterr().err


def test_libraries_are_heard_when_something_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """`tollway serve > log` beside the config must not write for ever about its own writing."""
    log.begin("supervisor")
    logging.getLogger("watchfiles.main").info("1 change detected")
    logging.getLogger("asyncio").debug("Using selector")
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <…>")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("ERROR supervisor: Task exception was never retrieved")
    assert "DeprecationWarning: old" in second


def test_what_nobody_catches_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """In the process and in threads; Ctrl-C is no defect."""
    log.begin("recorder")

    def fail() -> None:
        raise ValueError("two\nlines")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)

    (line,) = capsys.readouterr().err.splitlines()
    assert "CRITICAL recorder: a defect of Tollway ended this process or a thread of it" in line
    assert "ValueError: two\\nlines" in line


def test_flood_is_a_few_lines_and_a_number(clock: Time) -> None:
    """When the minute is over it is told how many there were, by whatever is logged next."""
    for number in range(MOST + 38):
        clock.logger.warning("a child died", extra={"pid": number})
    clock.now_s = WINDOW_S
    clock.logger.warning("something else")

    assert MOST + 2 == len(clock.lines)
    flood, other = clock.lines[MOST:]
    assert f"a child died pid={MOST + 37} (37 more like this in the last minute)" == flood
    assert "something else" == other


def test_flood_is_told_though_nothing_else_happens(monkeypatch: pytest.MonkeyPatch, clock: Time) -> None:
    """A timer sees to it; a flood that goes on is told again."""
    rung: list[tuple[float, object]] = []

    class Timer:
        def __init__(self, wait_s: float, ring: object) -> None:
            rung.append((wait_s, ring))

        def start(self) -> None:
            """Nothing: the test rings."""

        cancel = start

    monkeypatch.setattr(threading, "Timer", Timer)
    for _ in range(MOST + 2):
        clock.logger.warning("again")
    [(wait_s, ring)] = rung
    clock.now_s = WINDOW_S
    ring()  # type: ignore[operator]

    assert WINDOW_S == wait_s
    assert "again (1 more like this in the last minute)" == clock.lines[-1]


def test_flood_is_told_at_the_end(clock: Time) -> None:
    """A process that ends, or a config that is reloaded, loses no count."""
    for _ in range(MOST + 3):
        clock.logger.warning("again")
    clock.handler.close()

    assert "again (2 more like this in the last minute)" == clock.lines[-1]


def test_lines_that_cannot_be_made_end_nothing(clock: Time) -> None:
    """A mistake in a log line costs that line; its arguments are not shown."""
    bad = {"name": "tollway.test", "msg": "%d", "args": ("the prompt of somebody",)}
    clock.handler.handle(logging.makeLogRecord(bad))
    clock.logger.warning("goes on")

    assert clock.written.getvalue().startswith("a line of the log was lost: tollway.test TypeError\n")
    assert "goes on" == clock.lines[-1]


def test_held_back_lines_keep_no_frames_alive(clock: Time) -> None:
    """In them stands what a request holds: a minute is long for that."""
    for _ in range(MOST + 1):
        try:
            raise ValueError("x")
        except ValueError:
            clock.logger.exception("failed")
    clock.handler.close()

    assert [True] * MOST + [False] == ["ValueError" in line for line in clock.lines]
