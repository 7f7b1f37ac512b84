"""`tollway budget` shows and changes the budgets of the running gateway, and says what is wrong and what to do."""

import asyncio
import getpass
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.ledger.bars import Crossing
from gateway.ledger.holds import Held, Short
from tests.admin.parts import NANO, TEAMS, Port, serving
from tests.ledger.parts import held

WHY = ("--why", "a launch")


class Terminal:
    """A person's terminal beside a running gateway. `run` gives the exit code and what was printed."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.config = port.folder / "config.toml"
        (port.folder / "teams").mkdir()
        for name, text in TEAMS.items():
            (port.folder / name).write_text(text)
        where = f"{port.client.host}:{port.client.port}"
        self.config.write_text(f'[server]\nadmin = "{where}"\n{TEAMS["config.toml"]}')

    async def run(self, *words: str) -> tuple[int, str, str]:
        """Run a command; the gateway goes on meanwhile."""
        line = ["budget", words[0], "--config", str(self.config), *words[1:]]
        done = await asyncio.to_thread(CliRunner().invoke, app, line, prog_name="tollway")
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stdout, done.stderr

    async def fine(self, *words: str) -> str:
        """Run a command that must succeed without a word of complaint."""
        code, out, err = await self.run(*words)
        assert (0, "") == (code, err)
        return out

    async def json(self, *words: str) -> list[Any]:
        """Run a command, and read what it prints for programs."""
        return [msgspec.json.decode(line) for line in (await self.fine(*words, "--json")).splitlines()]


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Terminal]:
    """A terminal beside an admin port with a real ledger."""
    async with serving(tmp_path) as port:
        yield Terminal(port)


def words(text: str) -> list[list[str]]:
    """Cut a table into words."""
    return [line.split() for line in text.splitlines()]


async def test_list_shows_every_budget(terminal: Terminal) -> None:
    """How much is spent of how much, what is left and with workers, and when it begins anew."""
    port = terminal.port
    one = await port.holder()
    await port.spend(one, port.terms("search/daily"), 40 * NANO + 12_345_678)
    assert isinstance(await held(one, (port.terms("search/daily"), 2 * NANO)), Held)
    await port.spend(one, port.terms("search/loop", ["ann", "s 1"]), NANO)
    header, *rows = words(await terminal.fine("list"))

    assert ["BUDGET", "WINDOW", "SPENT", "OF", "USED", "LEFT", "RESERVED", "RESETS", "IN"] == header
    assert ["company/all", "month", "$0.00", "of", "$1,000.00"] == [*rows[0][:3], "of", rows[0][3]]
    assert ["search/daily", "day", "$40.0123", "$50.00", "████████░░", "80", "%", "$7.9877", "$2.00"] == rows[1][:9]
    assert ["search/loop", "user=ann", "session=s", "1", "rolling:1h", "$1.00", "$2.00", "█████░░░░░"] == rows[2][:8]
    assert ["as", "it", "rolls"] == rows[2][-3:]
    assert ["0", "requests", "10", "requests"] == rows[3][2:6]
    assert "never" == rows[3][-1]
    assert ["search/daily", "search/loop", "search/ever"] == [
        one["id"] for one in await terminal.json("list", "--team", "search")
    ]


async def test_list_says_what_it_leaves_out(terminal: Terminal) -> None:
    """Five balances of each budget, unless somebody wants more."""
    port = terminal.port
    assert ["search/loop", "rolling:1h", "-", "$2.00", "and", "300", "requests", "each"] == words(
        await terminal.fine("list", "--team", "search")
    )[2][:8]
    one = await port.holder()
    for number in range(7):
        await port.spend(one, port.terms("search/loop", [f"u{number}", "s"], "requests"), 1 + number)
    text = await terminal.fine("list", "--team", "search")

    assert "search/loop has 2 more balances: `tollway budget show search/loop`" in text
    assert "user=u6" in text
    assert "user=u1 " not in text
    assert "user=u0" in await terminal.fine("list", "--limit", "9")
    assert "1 more balances are less busy" in await terminal.fine("show", "search/loop", "--limit", "6")


async def test_nothing_to_list_says_how_to_begin(terminal: Terminal) -> None:
    """It is no error."""
    code, out, err = await terminal.run("list", "--team", "web")

    assert (0, "") == (code, out)
    assert "[[budgets]]" in err


async def test_show_tells_everything_about_one(terminal: Terminal) -> None:
    """Its window, balances, leases, raises and trail."""
    port = terminal.port
    one = await port.holder()
    await port.spend(one, port.terms("search/daily"), 5 * NANO)
    await terminal.fine("raise", "search/daily", "20", "--for", "24h", "--who", "bob", *WHY)
    await terminal.fine("correct", "search/daily", "-1.5", "--who", "eve", "--why", "billed \x1b twice")
    text = await terminal.fine("show", "search/daily")

    for part in (
        "search/daily, soft", "$50.00", "day (UTC), since 2026-11-23T00:00:00Z, until 2026-11-24T00:00:00Z",
        f"{one.name}", "yes", "2026-11-24T12:00:00Z", "bob", "a launch", "+$20.00", "eve", "billed \\x1b twice",
        "-$1.50",
    ):  # fmt: skip
        assert part in text
    [found] = await terminal.json("show", "search/daily")
    assert ["correct", "raise"] == [deed["what"] for deed in found["trail"]]
    assert "3.5" == found["balances"][0]["spent_usd"]


async def test_raise_lets_a_refused_request_through(terminal: Terminal) -> None:
    """At once; it tells its number, by which it can be ended before its time."""
    port = terminal.port
    one, daily = await port.holder(), port.terms("search/daily")
    assert isinstance(await held(one, (daily, 50 * NANO)), Held)
    assert isinstance(await held(one, (daily, NANO)), Short)
    text = await terminal.fine("raise", "search/daily", "20", *WHY)
    assert isinstance(await held(one, (daily, NANO)), Held)
    assert "search/daily: +$20.00 from now on (raise 1)\n" in text
    assert "search/daily now: $0.00 of $70.00 spent, $20.00 left, $50.00 with workers\n" in text
    ended = await terminal.fine("raise", "search/daily", "--end", "1", *WHY)

    assert "search/daily: a raise was ended: -$20.00\n" in ended
    assert "$0.00 of $50.00 spent, -$" in ended
    [found] = await terminal.json("show", "search/daily")
    assert [("end", getpass.getuser()), ("raise", getpass.getuser())] == [
        (deed["what"], deed["who"]) for deed in found["trail"]
    ]


async def test_a_negative_amount_lowers(terminal: Terminal) -> None:
    """A minus sign begins no option here."""
    text = await terminal.fine("raise", "search/daily", "-45.5", "--for", "window", *WHY)
    lowered = await terminal.json("raise", "search/ever", "--requests", "-3", *WHY)

    assert "-$45.50 from now on until 2026-11-24T00:00:00Z" in text
    assert [(-3, 7)] == [
        (one["deeds"][0]["amount_requests"], one["budget"]["balances"][0]["limit_requests"]) for one in lowered
    ]


async def test_whose_balance_is_said_by_values(terminal: Terminal) -> None:
    """One, the shared one, or all."""
    ann = await terminal.json("raise", "search/loop", "1", "--user", "ann", "--value", "session=a=b", *WHY)
    shared = await terminal.json("correct", "search/loop", "--requests", "1", "--value", "shared", *WHY)
    every = await terminal.fine("raise", "search/loop", "1", *WHY)

    assert {"user": "ann", "session": "a=b"} == ann[0]["deeds"][0]["values"]
    assert shared[0]["deeds"][0]["shared"]
    assert every.startswith("search/loop, each balance: +$1.00 from now on")
    shown = await terminal.fine("show", "search/loop")
    assert {"all", "(shared)"} <= {word for line in words(shown) for word in line}


async def test_reset_and_correct(terminal: Terminal) -> None:
    """Both tell how it stands then."""
    port = terminal.port
    await port.spend(await port.holder(), port.terms("search/daily"), 5 * NANO)
    corrected = await terminal.fine("correct", "search/daily", "0.25", "--at", "2026-11-23T10:00", *WHY)
    reset = await terminal.fine("reset", "search/daily", *WHY)

    assert "search/daily: corrected: +$0.25 spent\n" in corrected
    assert "now: $5.25 of $50.00 spent" in corrected
    assert "search/daily: reset: -$5.25 spent\n" in reset
    assert "now: $0.00 of $50.00 spent, $50.00 left" in reset


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (["show", "search/dayly"], 1, "Did you mean 'search/daily'?"),
        (["show", "daily"], 2, "TEAM/NAME"),
        (["raise", "search/daily", *WHY], 2, "AMOUNT in USD, or --requests N"),
        (["correct", "search/daily", *WHY], 2, "AMOUNT in USD, or --requests N"),
        (["raise", "search/daily", "5", "--requests", "5", *WHY], 2, "AMOUNT in USD, or --requests N"),
        (["raise", "search/daily", "lots", *WHY], 2, "AMOUNT: an amount in USD"),
        (["raise", "search/daily", "5"], 2, "--why"),
        (["raise", "search/daily", "5", "--why", " "], 2, "--why: is required"),
        (["raise", "search/daily", "5", "--for", "ever", *WHY], 2, "--for: a length such as 90m"),
        (["raise", "search/daily", "5", "--fro", "24h", *WHY], 2, "--fro"),
        (["raise", "search/daily", "5", "--end", "1", *WHY], 2, "--end ends the raise"),
        (["raise", "search/daily", "--end", "7", *WHY], 1, "no raise 7 of search/daily is in force"),
        (["reset", "search/loop", "--user", "ann", *WHY], 2, "--value: a text for each of user, session"),
        (["reset", "search/loop", "--value", "ann", *WHY], 2, "NAME=VALUE"),
        (["correct", "search/daily", "5", "--at", "soon", *WHY], 2, "--at"),
        (["correct", "search/daily", "5", "--at", "40d", *WHY], 2, "--at: is in a window that is over"),
        (["list", "--limit", "0"], 2, "--limit"),
    ],
)
async def test_what_is_wrong_is_said_in_the_words_of_the_command_line(
    terminal: Terminal, line: list[str], code: int, said: str
) -> None:
    """And nothing was changed."""
    status, out, err = await terminal.run(*line)

    assert (code, "") == (status, out)
    assert said in err
    assert [] == (await terminal.port.get("/trail"))["trail"]


async def test_ids_are_completed_from_the_config(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without asking anybody; of a config that is wrong nothing is."""
    for name, value in {
        "_TOLLWAY_COMPLETE": "complete_bash",
        "COMP_WORDS": f"tollway budget show --config {terminal.config} search/",
        "COMP_CWORD": "5",
    }.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(app, [], prog_name="tollway")
    assert ["search/daily", "search/loop", "search/ever"] == done.stdout.split()

    terminal.config.write_text("nonsense")
    assert "search" not in CliRunner().invoke(app, [], prog_name="tollway").stdout


async def test_a_barred_model_is_listed_and_acknowledged(terminal: Terminal) -> None:
    """With what crossed which bound, and what to do; then it is no more."""
    await terminal.port.server.bars.cross([Crossing("openai/gpt-x", "e1", 0, 7 * NANO, 5 * NANO)])
    listed = await terminal.fine("list")
    [bar] = [one for one in await terminal.json("list") if "barred" in one]
    assert ["openai/gpt-x", "2026-11-23", "12:00:00", "e1", "$7.00", "$5.00"] in words(listed)
    assert "tollway budget acknowledge PROVIDER/MODEL" in listed
    assert ("openai/gpt-x", "e1", "7") == (bar["barred"], bar["exchange"], bar["cost_usd"])
    code, _, err = await terminal.run("acknowledge", "openai/gpt-y", *WHY)
    assert (1, True) == (code, "is not barred. Barred: openai/gpt-x" in err)

    said = await terminal.fine("acknowledge", "openai/gpt-x", *WHY, "--who", "bob")
    assert "strict budgets use openai/gpt-x again from now on\n" == said
    assert "gpt-x" not in await terminal.fine("list")
    assert ["bob", "tollway"] == [deed.who for deed in await terminal.port.server.trail(9)]


async def test_programs_get_what_was_acknowledged(terminal: Terminal) -> None:
    """The deed, and what is still barred."""
    await terminal.port.server.bars.cross(
        [Crossing(f"openai/{name}", "e1", 0, 7 * NANO, 5 * NANO) for name in ("x", "y")]
    )
    [done] = await terminal.json("acknowledge", "openai/x", *WHY)

    assert ["openai/x"] == [deed["model"] for deed in done["deeds"]]
    assert ["openai/y"] == [bar["model"] for bar in done["barred"]]
