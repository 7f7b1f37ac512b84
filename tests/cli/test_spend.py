"""`tollway spend` adds up to the nano-dollar."""

from pathlib import Path

from gateway.core.usage import Usage
from tests.cli.commands import run, store
from tests.records import DAY_MS, NOON_MS, record

USAGE = Usage(input_total=10, output_total=5)


def test_sums_are_exact(tmp_path: Path) -> None:
    """As integers and as exact decimal text, by any group."""
    store(
        tmp_path,
        [
            record(NOON_MS, cost_nano_usd=1, usage=USAGE),
            record(NOON_MS + DAY_MS, cost_nano_usd=10**15, usage=USAGE),
            record(NOON_MS, team="web", cost_nano_usd=7, usage=USAGE),
        ],
    )

    assert [
        {
            "team": "search",
            "requests": 2,
            "input_tokens": 20,
            "output_tokens": 10,
            "cost_nano_usd": 10**15 + 1,
            "cost_usd": "1000000.000000001",
        },
        {
            "team": "web",
            "requests": 1,
            "input_tokens": 10,
            "output_tokens": 5,
            "cost_nano_usd": 7,
            "cost_usd": "0.000000007",
        },
    ] == run(tmp_path, "spend", "--json").lines
    days = run(tmp_path, "spend", "--json", "--by", "day").lines
    assert [("2026-11-23", 8), ("2026-11-24", 10**15)] == [(one["day"], one["cost_nano_usd"]) for one in days]
    since = run(tmp_path, "spend", "--json", "--by", "key", "--since", "2026-11-24").lines
    assert [("search/ci", 10**15)] == [(one["key"], one["cost_nano_usd"]) for one in since]
    until = run(tmp_path, "spend", "--json", "--by", "key", "--until", "2026-11-24").lines
    assert [("web/ci", 7), ("search/ci", 1)] == [(one["key"], one["cost_nano_usd"]) for one in until]


def test_table_has_a_total(tmp_path: Path) -> None:
    """People see the groups, dearest first, and their sum."""
    store(tmp_path, [record(cost_nano_usd=10**9), record(team="web", cost_nano_usd=2 * 10**9)])
    header, *rows = run(tmp_path, "spend").text.splitlines()

    assert header.startswith("TEAM")
    assert ["web", "search", "total"] == [row.split()[0] for row in rows]
    assert "3" == rows[-1].split()[-1]


def test_bad_options_are_usage_errors(tmp_path: Path) -> None:
    """A group or time that there is not is exit code 2."""
    assert 2 == run(tmp_path, "spend", "--by", "colour").code
    assert "--until" in run(tmp_path, "spend", "--until", "soon").err
    shown = run(tmp_path, "spend", "--since", "soon")
    assert 2 == shown.code
    assert "--since" in shown.err
