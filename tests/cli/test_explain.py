"""`tollway explain` tells a newcomer why one exchange went as it did, and every line of its bill."""

from pathlib import Path

import msgspec
import pytest

from gateway.config.compile import from_sources
from gateway.core.record import Attempt, Hold, Record, public
from gateway.core.usage import Usage
from gateway.exchange.books import price
from gateway.policies.explained import explain, public_bill
from tests.cli.commands import Result, run, store
from tests.records import NOON_MS, finished, record
from tests.scores import evaluation

CONFIG = '[server]\ndata_dir = "data"\n[providers.openai]\n[providers.anthropic]\n[providers.gemini]\n'
SNAPSHOT = from_sources({"config.toml": CONFIG}, "/", {}, 1)


def priced(usage: Usage, **fields: object) -> Record:
    """Make a record with its price."""
    asked = fields.get("model_requested", "gpt-4o-mini")
    attempts = [Attempt(provider="openai", model=str(asked), status=200, duration_ms=800.0)]
    one = record(usage=usage, attempts=attempts, **fields)
    provider = SNAPSHOT.routing.provider(one.provider or "")
    assert provider is not None
    price(one, SNAPSHOT.prices, provider, NOON_MS / 1000)
    return one


def shown(folder: Path, one: Record) -> Result:
    """Store an exchange and explain it."""
    (folder / "config.toml").write_text(CONFIG)
    store(folder, [finished(one)])
    return run(folder, "explain", one.id[:30])


def test_who_what_where_why_and_how_much(tmp_path: Path) -> None:
    """Everything in one place, the bill line by line to the nano-dollar."""
    usage = Usage(input_total=1250, output_total=340, input_cached_read=512, output_reasoning=128)
    one = priced(usage, user="ann", client="python/1", stream=True)
    result = shown(tmp_path, one)

    assert (0, "") == (result.code, result.err)
    for part in (
        one.id, "search/ci (python/1)", "ann (as claimed)", "POST /v1/chat/completions, for gpt-4o-mini, streamed",
        "openai serves 'gpt-*'", "ok (200), from gpt-4o-mini in 812 ms", "told by the provider",
        "read, tokens      1,250", "from the cache    512", "reasoning         128", "0.0003531 USD",
        "the public list (genai-prices",
    ):  # fmt: skip
        assert part in result.text
    bill = [line.split() for line in result.text.splitlines()[-7:]]
    assert [
        ["KIND", "AMOUNT", "RATE", "USD", "PER", "COST", "USD"],
        ["input", "738", "0.15", "1M", "tokens", "0.0001107"],
        ["cache_read", "512", "0.075", "1M", "tokens", "0.0000384"],
        ["output", "212", "0.6", "1M", "tokens", "0.0001272"],
        ["output_reasoning", "128", "0.6", "1M", "tokens", "0.0000768"],
        ["sum", "353,100,000", "pico-USD", "0.0003531"],
        ["booked", "353,100", "nano-USD", "0.0003531"],
    ] == bill
    assert max(map(len, result.text.splitlines())) <= 100


def test_points_stand_below_each_other(tmp_path: Path) -> None:
    """A column of amounts can be read as one."""
    result = shown(tmp_path, priced(Usage(input_total=1, output_total=340)))
    bill = result.text.splitlines()[-4:]

    assert 1 == len({line.rindex(".") for line in bill})


def test_other_models_and_tiers(tmp_path: Path) -> None:
    """An advisor has a bill of its own; a long context says so."""
    advice = Usage(model="claude-opus-4-1", input_total=1000, output_total=99)
    usage = Usage(input_total=5000, output_total=340, web_searches=3, elsewhere=(advice,))
    one = priced(
        usage, provider="anthropic", dialect="anthropic", model_served="claude-sonnet-4-5", path="/v1/messages"
    )
    text = shown(tmp_path, one).text
    assert "claude-opus-4-1\nKIND" in text
    assert "web_search" in text
    assert "1,000 searches" in text
    long = priced(Usage(input_total=300_000), provider="gemini", dialect="gemini", model_served="gemini-2.5-pro")

    assert "more than 200,000 tokens read" in " ".join(shown(tmp_path, long).text.split())


def test_unknown_model_says_how_to_name_its_price(tmp_path: Path) -> None:
    """As text that can be copied into the config."""
    text = shown(tmp_path, priced(Usage(input_total=5), model_requested="mine", model_served=None)).text

    assert "Nobody knows what 'mine' costs" in text
    assert '[providers.openai]\n        prices = { "mine" = { input = "…", output = "…" } }' in text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"rates": msgspec.Raw(b'{"input":1}')}, "These lines are not what was booked"),
        ({"provider": "gone"}, "The config that chose gone is no longer in force"),
        ({"usage": Usage(input_total=1, suspect=True)}, "a value that none can be"),
        ({"usage": None, "usage_source": "none", "price_source": "none", "cost_nano_usd": 0}, "No provider was asked"),
        ({"error": "it was\x1b[2J bad", "outcome": "timeout", "status": None}, "nothing was sent"),
    ],
)
def test_odd_records_are_explained_too(tmp_path: Path, fields: dict[str, object], said: str) -> None:
    """Whatever stands in the log: no traceback, and no escape sequence of anybody's."""
    result = shown(tmp_path, record(**fields))

    assert (0, True) == (result.code, said in " ".join(result.text.split()))
    assert b"\x1b" not in result.out


def test_json_is_one_object(tmp_path: Path) -> None:
    """The public record, why it went there, and the bill."""
    one = priced(Usage(input_total=5, output_total=7))
    shown(tmp_path, one)
    (found,) = run(tmp_path, "explain", one.id, "--json").lines

    assert {
        **public(one),
        "rates": msgspec.json.decode(one.rates),
        "why": {"by": "pattern", "told": "openai serves 'gpt-*', by the config of now.", "source": "config"},
        "candidates": [
            {
                "provider": "openai",
                "model": "gpt-4o-mini",
                "weight": None,
                "chosen": True,
                "told": "serves 'gpt-*', and stands first",
            }
        ],
        "balances": [],
        "limits": [],
        "trouble": None,
        "bill": public_bill(explain(one)),
        "evaluations": [],
        "evaluators": [],
    } == found


TEAM = """
[[budgets]]
name = "daily"
limit_usd = "50"
window = "day"
timezone = "Europe/Paris"
[[budgets]]
name = "mine"
limit_usd = "2"
window = "rolling:1h"
per = ["user"]
[[limits]]
requests_per_minute = 600
"""
NIGHT_S = NOON_MS // 1000 - 46_800  # midnight in Paris


def as_shown(folder: Path, **fields: object) -> str:
    """Explain an exchange of a team that has budgets; white space is as long as it is."""
    (folder / "teams").mkdir(exist_ok=True)
    (folder / "teams" / "search.toml").write_text(TEAM)
    result = shown(folder, record(**fields))
    assert (0, "") == (result.code, result.err)
    return " ".join(result.text.split())


def test_budgets_and_limits_of_an_exchange(tmp_path: Path) -> None:
    """What was held of which balance, whose mode and window it is, and when it begins anew."""
    text = as_shown(
        tmp_path,
        user="ann",
        holds=[
            Hold("search/daily", NIGHT_S, "usd", 40_000_000, 27_000_000, 1_000_000),
            Hold("search/mine?user=ann", NOON_MS // 1000, "usd", 40_000_000, 27_000_000),
            Hold("search/gone", NIGHT_S, "usd", 10**9, 0),
            Hold("search/daily", NIGHT_S - 1, "usd", 10**9, 0),
        ],
    )

    assert "search/daily $0.04 $0.027 $0.001 soft $50.00 day Europe/Paris 2026-11-23 23:00:00" in text
    assert "search/mine (user ann) $0.04 $0.027 - soft $2.00 rolling:1h 2026-11-23 13:01:00" in text
    assert "search/gone $1.00 $0.00 - no longer configured" in text
    assert "its window is another now" in text
    assert "limits search/limit-1: 600 requests per minute" in text


def test_refused_for_a_budget(tmp_path: Path) -> None:
    """Which budget said no, how much of it was used, whose it is, until when, and what to do."""
    text = as_shown(
        tmp_path,
        provider=None, status=429, outcome="budget_blocked", usage=None, usage_source="none", price_source="none",
        error="budget_exceeded: Budget exceeded for team 'search' (budget search/daily): $50.00 of $50.00 used today.",
    )  # fmt: skip

    for part in (
        "refused by Tollway: Budget exceeded for team 'search' (budget search/daily): $50.00 of $50.00 used today.",
        "by budget search/daily, of team search, free again by 2026-11-23T23:00:00Z",
        "tollway budget raise search/daily AMOUNT",
        "configured in teams/search.toml",
        "went to nobody",
        "search/daily - - - soft $50.00",
    ):
        assert part in text


def test_refused_for_a_limit(tmp_path: Path) -> None:
    """Which limit of whom, with whose share of it."""
    text = as_shown(
        tmp_path,
        provider=None, status=429, outcome="rate_limited", usage=None, usage_source="none", price_source="none",
        error="rate_limited: Rate limit reached for company/fast?user=ann: 5 requests per minute. Please try again.",
    )  # fmt: skip

    assert "by limit company/fast?user=ann, of the company" in text
    assert "configured in config.toml" in text


def test_who_claims_to_be_who_and_how_it_ended(tmp_path: Path) -> None:
    """Every claim with its source; why the model stopped; times; what is kept of the bodies; the provider's limits."""
    text = as_shown(
        tmp_path,
        user="ann", user_source="metadata.user_id", session="s-1", agent="helper", parent_agent="main",
        tags=["a", "b"], metadata={"run": "7"}, response_id="chatcmpl-1", finish_reason="tool_calls", tool_calls=2,
        waited_us=12_000, overhead_us=400, first_byte_ms=300.0, bodies="redacted", redactions=3, truncated=True,
        attempts=[
            Attempt(
                provider="openai", upstream_request_id="req_1", duration_ms=5.0, left_requests=9, left_tokens=12_000
            )
        ],
    )  # fmt: skip

    for part in (
        "ann (said by metadata.user_id)", "session s-1 (as claimed)", "agent helper, under main (as claimed)",
        "tags a, b",
        "metadata run=7", "answer chatcmpl-1", "stopped tool_calls, with 2 tool calls",
        "waited for a limit 12 ms, Tollway itself 0.4 ms, first byte after 300 ms",
        "without secrets and personal details; 3 taken out; cut by max_body", "req_1",
        "The provider's own limits leave 9 requests and 12,000 tokens.",
    ):  # fmt: skip
        assert part in text


def test_candidates_of_a_route(tmp_path: Path) -> None:
    """Whom the route could have drawn, how often, and who it was."""
    (tmp_path / "config.toml").write_text(
        CONFIG + '[[routes]]\nmodel = "fast"\ntargets = [ { provider = "openai", model = "a", weight = 3 }, '
        '{ provider = "openai", model = "b" } ]\n'
    )
    one = record(route="fast", model_requested="fast", attempts=[Attempt(provider="openai", model="b")])
    store(tmp_path, [finished(one)])
    text = " ".join(run(tmp_path, "explain", one.id).text.split())

    assert "openai a 3 gets 3 of 4 requests, by lot * openai b 1 gets 1 of 4 requests, by lot" in text


def test_newest_exchange(tmp_path: Path) -> None:
    """`--last` is the one that began last; an ID beside it, or nothing at all, is a mistake."""
    store(tmp_path, [finished(record()), finished(newest := record(NOON_MS + 5))])

    assert newest.id in run(tmp_path, "explain", "--last").text
    assert 2 == run(tmp_path, "explain").code
    assert 2 == run(tmp_path, "explain", newest.id, "--last").code


def test_ids_that_name_nothing(tmp_path: Path) -> None:
    """Not found is 1, no id is 2."""
    shown(tmp_path, record())

    assert 1 == run(tmp_path, "explain", "ffff").code
    assert 2 == run(tmp_path, "explain", "zz").code


EVALUATED = '[evaluation]\nevaluators = ["refusal", "json_valid"]\n'


def test_says_why_nobody_evaluated_it(tmp_path: Path) -> None:
    """For each evaluator of its team that has not looked at it; those that have stand with their scores."""
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams" / "search.toml").write_text(EVALUATED)
    (tmp_path / "config.toml").write_text(CONFIG)
    one = record()
    store(tmp_path, [one], [evaluation(one.id)])
    text = run(tmp_path, "explain", one.id).text
    [found] = run(tmp_path, "explain", one.id, "--json").lines

    assert "refusal  not_seen  no evaluator has run here yet" in text
    assert "json_valid  not_seen" not in text
    assert {"refusal": "not_seen", "json_valid": "evaluated"} == {
        each["evaluator"]: each["state"] for each in found["evaluators"]
    }


def test_unreadable_queue_hides_nothing_else(tmp_path: Path) -> None:
    """What stands in the log is told, and that the evaluator's file cannot be read."""
    (tmp_path / "data" / "evaluation").mkdir(parents=True)
    (tmp_path / "data" / "evaluation" / "queue.db").write_bytes(b"no database" * 100)
    result = shown(tmp_path, record())

    assert (0, True) == (result.code, "queue.db cannot be read" in result.err)
    assert "search/ci" in result.text
