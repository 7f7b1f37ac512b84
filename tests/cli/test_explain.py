"""`tollway explain` tells a newcomer why one exchange went as it did, and every line of its bill."""

from pathlib import Path

import msgspec
import pytest

from gateway.config.compile import from_sources
from gateway.core.record import Attempt, Record, public
from gateway.core.usage import Usage
from gateway.exchange.books import price
from gateway.policies.explained import explain, public_bill
from tests.cli.commands import Result, run, store
from tests.records import NOON_MS, finished, record

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
        one.id, "search/ci, user ann (python/1)", "POST /v1/chat/completions, for gpt-4o-mini, streamed",
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
        "why": {"by": "pattern", "told": "openai serves 'gpt-*', by the config of now."},
        "bill": public_bill(explain(one)),
    } == found


def test_ids_that_name_nothing(tmp_path: Path) -> None:
    """Not found is 1, no id is 2."""
    shown(tmp_path, record())

    assert 1 == run(tmp_path, "explain", "ffff").code
    assert 2 == run(tmp_path, "explain", "zz").code
