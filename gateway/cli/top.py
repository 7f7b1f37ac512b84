"""`tollway top`: traffic, spend, latency and budgets of a running gateway, live in the terminal or once for scripts."""

import contextlib
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

import typer
from rich.console import Console
from rich.live import Live

from gateway.cli.admin_port import AdminPort, NoAnswer
from gateway.cli.options import USAGE, AsJson, ConfigFile, Offered, fail, with_options
from gateway.cli.output import print_json_line
from gateway.cli.top_numbers import History
from gateway.cli.top_scrape import Scrape, parse
from gateway.cli.top_screen import screen
from gateway.cli.top_view import GROUPS, SINCE, View, balances, busiest, failures, public_view
from gateway.metrics.catalogue import BUILD

EVERY_S: Final = 2.0
LEAST_S: Final = 0.1
# The tables are asked for less often than the numbers: adding up an hour costs more than a scrape.
TABLES_EVERY_S: Final = 10.0
_FAILURES: Final = 20
_BALANCES: Final = 5  # of each budget
_ONCE: Final = (100, 40)  # of a pipe, which has no size
_OPTIONS: Final = {"by": "--by"}

By = Literal["team", "model", "key", "user", "session", "agent", "provider"]


_ELSEWHERE: Final = {
    "url": Offered(str, "URL", "The admin port of a gateway elsewhere. Default: the configuration's."),
    "token": Offered(str, "SECRET", "Its admin_token, with --url: 'env:NAME' or 'file:PATH'."),
    "every": Offered(float, "SECONDS", f"How often to look. Default: {EVERY_S:g}."),
}


@with_options(_ELSEWHERE)
def top(
    config: ConfigFile = None,
    by: Annotated[By, typer.Option("--by", help="Whom the busiest are told by.")] = "team",
    once: Annotated[bool, typer.Option("--once", help="Look twice, print one screen, and end.")] = False,
    as_json: AsJson = False,
    **given: Any,
) -> None:
    """Watch the running gateway: requests, failures, latency, spend, budgets. Quit with q."""
    token = given["token"]
    every_s = EVERY_S if given["every"] is None else given["every"]
    if token is not None and token.partition(":")[0] not in ("env", "file"):
        fail("--token: never the token itself, which others could read: 'env:NAME' or 'file:PATH'", USAGE)
    if every_s < LEAST_S:
        fail(f"--every: at least {LEAST_S:g} s, not {every_s:g}", USAGE)
    watch = Watch(AdminPort(config, _OPTIONS, given["url"], token), by)
    try:
        if once or as_json:
            _print_once(watch, every_s, as_json=as_json)
        elif sys.stdin.isatty() and sys.stdout.isatty():
            _follow(watch, every_s)
        else:
            fail("this is no terminal: `tollway top --once` prints one screen, --json one object", USAGE)
    except NoAnswer as error:
        fail(str(error), error.code)


class Watch:
    """Look at a gateway again and again. `view`: as it was seen last."""

    def __init__(self, port: AdminPort, by: str) -> None:
        self.view: View
        self.by = by
        self._port = port
        self._history = History()
        self._tables_at_s = float("-inf")

    def look(self) -> View:
        """Look at the numbers, now and then at the tables; raise NoAnswer."""
        page = self._port.text("/metrics")
        try:
            scrape = parse(page, time.time())
        except ValueError:
            scrape = Scrape(0.0, {})
        if BUILD.name not in scrape.samples:
            raise NoAnswer(f"what {self._port.url}/metrics answers are no metrics of a gateway ([server] admin)")
        numbers = self._history.add(scrape)
        before = getattr(self, "view", None)
        self.view = View(self._port.url, self.by, numbers)
        if time.monotonic() - self._tables_at_s >= TABLES_EVERY_S or before is None or before.by != self.by:
            self._tables_at_s = time.monotonic()
            self._ask()
        else:
            self.view.busiest, self.view.budgets, self.view.failures = before.busiest, before.budgets, before.failures
            self.view.missing = before.missing
        return self.view

    def fail(self, error: NoAnswer) -> View:
        """Show what was seen last, and that nothing new comes."""
        self.view.trouble = f"no news: {error}"
        return self.view

    def _ask(self) -> None:
        """Fill the tables; what one of them cannot be filled with stands in its place."""
        view, port = self.view, self._port
        with self._tolerant("busiest"):
            found = port.ask("/api/spend", {"by": self.by, "since": SINCE})
            view.busiest = busiest(found["spend"], self.by)
        with self._tolerant("budgets"):
            view.budgets = balances(port.ask("/api/budgets", {"limit": _BALANCES})["budgets"])
        with self._tolerant("failures"):
            found = port.ask("/api/exchanges", {"ok": "false", "since": SINCE, "limit": _FAILURES})
            view.failures = failures(found["exchanges"])

    @contextlib.contextmanager
    def _tolerant(self, table: str) -> Iterator[None]:
        try:
            yield
        except NoAnswer as error:
            self.view.missing[table] = str(error)
        except (LookupError, TypeError):
            self.view.missing[table] = "the gateway is of another version: it answers otherwise"


def _print_once(watch: Watch, every_s: float, *, as_json: bool) -> None:
    """Print what is to be seen: rates are known once it was looked at twice."""
    watch.look()
    time.sleep(every_s)
    view = watch.look()
    if as_json:
        print_json_line(public_view(view))
        return
    console = Console(highlight=False)
    width, height = (console.width, console.height) if console.is_terminal else _ONCE
    sized = Console(width=width, highlight=False)
    sized.print(screen(view, width, height))


def _follow(watch: Watch, every_s: float) -> None:
    """Show it until q or Ctrl-C; letters switch what the busiest are told by."""
    watch.look()  # who is not there is said in a line, not on a screen
    console = Console(highlight=False)
    by_key = {key: name for name, key in GROUPS.items()}
    with (
        contextlib.suppress(KeyboardInterrupt, OSError),  # a terminal that is gone can be neither read nor written
        _keys(),
        Live(console=console, screen=True, auto_refresh=False) as live,
    ):
        next_s = time.monotonic() + every_s
        while True:
            live.update(screen(watch.view, console.width, console.height), refresh=True)
            key = _pressed(next_s - time.monotonic())
            if key in ("q", "Q", "\x03", "\x04"):
                return
            if key is not None and key not in by_key:
                continue
            watch.by = by_key.get(key or "", watch.by)
            try:
                watch.look()
            except NoAnswer as error:
                watch.fail(error)
            next_s = time.monotonic() + every_s


@contextlib.contextmanager
def _keys() -> Iterator[None]:
    """Have single keys come at once, unseen."""
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):  # it may be gone
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _pressed(wait_s: float) -> str | None:
    """Wait for a key; None: nobody pressed one. A terminal that is gone ends it."""
    ready, _, _ = select.select([sys.stdin], [], [], max(0.0, wait_s))
    # Not by way of sys.stdin, which would read ahead, where select looks no more.
    return (os.read(sys.stdin.fileno(), 1).decode(errors="replace") or "q") if ready else None
