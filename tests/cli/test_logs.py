"""`tollway logs` lists what happened, newest first, for people and programs, with or without a running gateway."""

import subprocess
import time
from pathlib import Path

import msgspec
import pytest

from gateway.cli.filters import FILTERS
from gateway.core.record import public
from gateway.core.usage import Usage
from gateway.metrics.totals import Tally
from gateway.store import asking
from gateway.store.sqlite import SqliteStore
from tests.cli.commands import ROOT, command, run, store
from tests.records import NOON_MS, finished, record

LIMIT_S = 20.0


def test_table_shows_what_people_look_for(tmp_path: Path) -> None:
    """Who, what, how it ended, tokens, cost, time, and an id to go on with."""
    one = record(NOON_MS, outcome="upstream_error", status=502)
    store(tmp_path, [one, record(NOON_MS + 1, team="web")])
    shown = run(tmp_path, "logs")
    header, newest, older = shown.text.splitlines()

    assert 0 == shown.code
    assert header.startswith("TIME")
    assert "web/ci" in newest
    for cell in ("search/ci", "gpt-4o-mini", "openai", "502", "upstream_error", "100", "20", "0.000027", "812 ms"):
        assert cell in older
    assert one.id.startswith(older.split()[-1])


def test_json_is_one_public_record_a_line(tmp_path: Path) -> None:
    """The same record as in the admin API."""
    records = [record(NOON_MS + number) for number in range(3)]
    store(tmp_path, records)

    assert [public(one) for one in reversed(records)] == run(tmp_path, "logs", "--json").lines
    assert [public(records[2])] == run(tmp_path, "logs", "--json", "--limit", "1").lines


def test_json_holds_what_the_provider_said_of_its_usage(tmp_path: Path) -> None:
    """Also numbers that are larger than any count."""
    raw = b'{"prompt_tokens":1,"x":123456789012345678901234567890}'
    one = record(usage=Usage(input_total=1, raw=msgspec.Raw(raw)))
    store(tmp_path, [one])

    assert raw in run(tmp_path, "logs", "--json").out
    assert raw in run(tmp_path, "logs", "show", one.id, "--json").out


def test_filters_reach_the_store(tmp_path: Path) -> None:
    """Options are the store's filters; each of them is offered."""
    store(tmp_path, [record(session="a"), record(session="b", status=500), record(session="c", cost_nano_usd=10**9)])

    assert {"cursor", "limit"} == set(asking._READERS) - set(FILTERS)
    for options, expected in (
        (("--status", "5xx"), "b"),
        (("--min-cost", "0.5"), "c"),
        (("--session", "a"), "a"),
        (("--since", "1h"), ""),
        (("--until", "2026-11-23T12:00:01", "--session", "a"), "a"),
    ):
        assert list(expected) == [line["session"] for line in run(tmp_path, "logs", "--json", *options).lines]


@pytest.mark.parametrize(("option", "value"), [("--since", "soon"), ("--limit", "0"), ("--min-cost", "free")])
def test_bad_options_are_named(tmp_path: Path, option: str, value: str) -> None:
    """A mistake in the command line is exit code 2, with the option's name."""
    shown = run(tmp_path, "logs", option, value)

    assert 2 == shown.code
    assert option in shown.err


def test_nothing_logged_yet_is_said_and_fine(tmp_path: Path) -> None:
    """No store is an empty list with a hint, and nothing on standard output."""
    for arguments in (("logs",), ("logs", "--json"), ("spend",), ("spend", "--json")):
        shown = run(tmp_path, *arguments)

        assert (0, b"") == (shown.code, shown.out)
        assert "tollway serve" in shown.err
    assert not (tmp_path / "data").exists()


def test_filters_that_match_nothing_are_said(tmp_path: Path) -> None:
    """An empty table looks like a broken command; programs get nothing."""
    store(tmp_path, [record()])

    for arguments, said in (
        (("logs", "--team", "none"), "No exchange matches.\n"),
        (("logs", "--json", "--user", "x"), ""),
    ):
        shown = run(tmp_path, *arguments)
        assert (0, b"", said) == (shown.code, shown.out, shown.err)


def test_names_cannot_steer_the_terminal(tmp_path: Path) -> None:
    """Control characters that a client sent as model are shown, not obeyed."""
    store(tmp_path, [record(model_requested="\x1b[2Jgone[bold]", model_served=None)])
    shown = run(tmp_path, "logs")

    assert b"\x1b" not in shown.out
    assert "\\x1b[2Jgone[bold]" in shown.text


@pytest.mark.parametrize("as_json", [True, False])
def test_follow_prints_each_exchange_once(tmp_path: Path, as_json: bool) -> None:
    """From now on, in the order of storing, also through batches and restarts of the recorder."""
    store(tmp_path, [record(session="before")])
    line = command(tmp_path, "logs", "--follow", "--team", "search", *(["--json"] if as_json else []))
    with (tmp_path / "out").open("wb") as out:
        follower = subprocess.Popen(line, stdout=out, cwd=ROOT)
    expected: list[str] = []
    end = time.monotonic() + LIMIT_S
    try:
        # It begins with what comes after its start; that moment cannot be seen from outside, so write until it sees.
        while len([one for one in expected if one[:18] in (tmp_path / "out").read_text()]) < 3:
            assert time.monotonic() < end
            day_files = SqliteStore(tmp_path / "data" / "store", Tally().count)
            # Instants of their own: of one instant two ids in some thousands begin alike.
            at_ms = NOON_MS + len(expected)
            batch = [record(at_ms), record(at_ms + 1), record(at_ms, team="web")]
            day_files.commit([finished(one) for one in batch], {})
            day_files.close()
            expected += [one.id for one in batch[:2]]
            time.sleep(0.1)
        while expected[-1][:18] not in (tmp_path / "out").read_text():
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        follower.terminate()
        follower.wait()
    text = (tmp_path / "out").read_text()
    seen = [one for one in expected if one in text] if as_json else [one for one in expected if one[:18] in text]

    assert expected[-len(seen) :] == seen
    assert len(seen) == len([line for line in text.splitlines() if "search" in line])
    assert "web" not in text
