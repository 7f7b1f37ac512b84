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
            "failures": 0,
            "input_tokens": 20,
            "output_tokens": 10,
            "cached_tokens": 0,
            "cost_nano_usd": 10**15 + 1,
            "cost_usd": "1000000.000000001",
        },
        {
            "team": "web",
            "requests": 1,
            "failures": 0,
            "input_tokens": 10,
            "output_tokens": 5,
            "cached_tokens": 0,
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


def test_two_sessions_of_a_key_add_up_to_it(tmp_path: Path) -> None:
    """And how sure each is stands beside it; what nobody claimed is a group of its own."""
    store(
        tmp_path,
        [
            record(session="s1", session_source="x-claude-code-session-id", cost_nano_usd=5),
            record(session="s2", cost_nano_usd=7),
            record(cost_nano_usd=1, tags=["a", "b"]),
        ],
    )
    sessions = run(tmp_path, "spend", "--by", "session", "--key", "ci", "--json").lines
    assert [("s2", 7, {}), ("s1", 5, {"x-claude-code-session-id": 1}), ("-", 1, {})] == [
        (one["session"], one["cost_nano_usd"], one["sources"]) for one in sessions
    ]
    shown = run(tmp_path, "spend", "--by", "session").text
    assert "x-claude-code-session-id 1" in shown
    assert "0.000000013" == shown.splitlines()[-1].split()[-1]
    tags = run(tmp_path, "spend", "--by", "tag", "--json").lines
    assert [("-", 12), ("a", 1), ("b", 1)] == [(one["tag"], one["cost_nano_usd"]) for one in tags]
    assert ["s2"] == [
        one["session"] for one in run(tmp_path, "spend", "--by", "session", "--limit", "1", "--json").lines
    ]
    assert "2 more are not shown" in run(tmp_path, "spend", "--by", "session", "--limit", "1").err


def test_spending_over_time(tmp_path: Path) -> None:
    """By step alone, or by group in each step, with how long requests took."""
    store(tmp_path, [record(NOON_MS + day * DAY_MS, team=team) for day in (0, 8) for team in ("a", "b")])
    months = run(tmp_path, "spend", "--over", "month", "--json").lines
    assert [("2026-11", 2), ("2026-12", 2)] == [(one["month"], one["requests"]) for one in months]
    assert 750.0 == months[0]["p50_ms"]
    weeks = run(tmp_path, "spend", "--by", "team", "--over", "week", "--team", "a")
    assert [["2026-11-23", "a"], ["2026-11-30", "a"]] == [line.split()[:2] for line in weeks.text.splitlines()[1:-1]]
    assert ["2026-11", "2026-12"] == [one["month"] for one in run(tmp_path, "spend", "--by", "month", "--json").lines]


def test_bad_options_are_usage_errors(tmp_path: Path) -> None:
    """A group or time that there is not is exit code 2."""
    assert 2 == run(tmp_path, "spend", "--by", "colour").code
    assert "--until" in run(tmp_path, "spend", "--until", "soon").err
    shown = run(tmp_path, "spend", "--since", "soon")
    assert 2 == shown.code
    assert "--since" in shown.err
