"""A cost explains itself: its lines are what was booked, and a sentence says whose prices they are."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.record import JOB_STATES, PRICE_SOURCES, Attempt, Job, public_json
from gateway.core.usage import Usage
from gateway.policies.explained import _JOBS, BadRates, applied, explain, public_bill, rate_text, units
from gateway.policies.rates import KINDS, Line, Schedule, rates_from_pico
from tests.records import record

RATES = msgspec.Raw(b'{"input":150000,"cache_read":75000,"output":600000}')
USAGE = Usage(input_total=1_001, input_cached_read=1, output_total=20)


def test_lines_add_up_to_what_was_booked() -> None:
    """Each kind with its amount, its rate and its cost; their sum, rounded up, is the cost."""
    one = record(usage=USAGE, rates=RATES, cost_nano_usd=162_075)
    own = explain(one).own

    assert [
        Line("input", 1_000, 150_000, 150_000_000),
        Line("cache_read", 1, 75_000, 75_000),
        Line("output", 20, 600_000, 12_000_000),
    ] == own.lines
    assert (162_075_000, 162_075, True) == (own.pico_usd, own.nano_usd, own.adds_up)


def test_what_does_not_add_up_says_so() -> None:
    """A bill that is not what was booked must not look as if it were."""
    assert not explain(record(usage=USAGE, rates=RATES, cost_nano_usd=162_076)).own.adds_up


def test_other_models_have_bills_of_their_own() -> None:
    """By their own rates; what the model itself cost is the rest."""
    advice = Usage(model="claude-opus-4-1", input_total=10, rates=RATES, cost_nano_usd=1_500)
    usage = msgspec.structs.replace(USAGE, elsewhere=(advice,))
    explained = explain(record(usage=usage, rates=RATES, cost_nano_usd=163_575))

    assert (162_075, 163_575) == (explained.own.nano_usd, explained.cost_nano_usd)
    assert [("claude-opus-4-1", 1_500_000, True)] == [
        (one.model, one.pico_usd, one.adds_up) for one in explained.elsewhere
    ]


@pytest.mark.parametrize(
    ("source", "fields", "said", "advised"),
    [
        ("provider", {}, "named this cost itself", "invoice"),
        ("config", {"rates": RATES}, "[providers.openai]", None),
        ("genai-prices", {"rates": RATES, "price_version": "genai-prices 1.2"}, "(genai-prices 1.2)", None),
        ("default", {"rates": RATES}, "Nobody knows what 'gpt-4o-mini' costs", '{ "gpt-4o-mini" = { input ='),
        ("none", {"rates": msgspec.Raw(b"{}")}, "books that at nothing", '{ "gpt-4o-mini" = { input ='),
        ("free", {}, "marked free", "free = true"),
        ("genai-prices", {}, "An earlier version", None),
        ("genai-prices", {"rates": msgspec.Raw(b"[")}, "`tollway audit`", None),
    ],
)
def test_every_source_is_told_in_a_sentence_and_what_to_do(
    source: str, fields: Any, said: str, advised: str | None
) -> None:
    """Whoever wonders about a price reads where it is from, and how to name another."""
    explained = explain(record(price_source=source, **fields))

    assert said in explained.told
    assert advised in explained.advice if advised and explained.advice else advised == explained.advice
    assert source in PRICE_SOURCES


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"attempts": []}, "No provider was asked"),
        ({"attempts": [Attempt(provider="openai", result="connect")]}, "took nothing"),
        ({"attempts": [Attempt(provider="openai", status=429)]}, "answered 429"),
        ({"attempts": [Attempt(provider="openai", status=200)], "endpoint": "models"}, "(models) are free"),
    ],
)
def test_why_nothing_was_booked_is_told(fields: Any, said: str) -> None:
    """Without usage there is no cost, and there are few reasons for it."""
    explained = explain(record(usage=None, cost_nano_usd=0, price_source="none", **fields))

    assert said in explained.told
    assert None is explained.own.lines


@pytest.mark.parametrize(
    ("state", "usage", "said"),
    [
        ("open", None, "costs nothing yet"),
        ("seen", None, "stands with the exchange that asked"),
        ("booked", USAGE, "was booked here"),
        ("lapsed", USAGE, "an estimate was booked"),
    ],
)
def test_work_that_goes_on_says_where_its_cost_stands(state: str, usage: Usage | None, said: str) -> None:
    """A background response costs nothing when it begins; whoever asks how far it is pays nothing for that."""
    explained = explain(record(usage=usage, rates=RATES, job=Job(id="resp_1", state=state)))

    assert said in explained.told
    assert "resp_1" in explained.told
    assert (usage is None) == ("public list" not in explained.told)


def test_every_state_of_a_job_is_told() -> None:
    """States that are added later need a sentence, too."""
    assert set(JOB_STATES) == _JOBS.keys()


def test_tier_is_told_where_the_list_can_be_asked() -> None:
    """The rates alone do not tell that they are those of a long context."""
    usage = Usage(input_total=300_000)
    high, base = rates_from_pico({"input": 2}), rates_from_pico({"input": 1})
    listed = Schedule(base, ((200_000, high),))
    one = record(usage=usage, rates=msgspec.Raw(high.given))
    assert 200_000 == explain(one, listed).tier
    assert None is explain(one).tier
    one.rates = msgspec.Raw(base.given)

    assert None is explain(one, listed).tier
    one.rates = msgspec.Raw(b"[")
    assert None is explain(one, listed).tier


@pytest.mark.parametrize("raw", [b"[", b'{"input":"1"}', b'{"input":1.5}', b'{"gold":1}', b"\xff", b"[]"])
def test_rates_that_are_none_are_refused(raw: bytes) -> None:
    """An explanation of something else would be worse than none."""
    with pytest.raises(BadRates):
        applied(msgspec.Raw(raw))
    assert None is applied(msgspec.Raw(b""))


def test_public_bill_has_exact_texts_and_integers() -> None:
    """For programs: nothing is a float, and every amount says its unit."""
    shown = public_bill(explain(record(usage=USAGE, rates=RATES, cost_nano_usd=162_075)))

    assert {
        "kind": "cache_read",
        "amount": 1,
        "unit": "tokens",
        "rate_usd": "0.075",
        "rate_per": "1M tokens",
        "cost_pico_usd": 75_000,
        "cost_usd": "0.000000075",
    } == shown["lines"][1]
    assert (162_075_000, 162_075, "0.000162075") == (shown["sum_pico_usd"], shown["cost_nano_usd"], shown["cost_usd"])
    assert (162_075, "0.000162075") == (shown["total_cost_nano_usd"], shown["total_cost_usd"])


def test_numbers_that_nobody_can_reckon_with_have_no_lines() -> None:
    """A damaged record is explained as far as it goes."""
    assert None is explain(record(usage=Usage(seconds=1e308), rates=msgspec.Raw(b'{"audio_hour":1}'))).own.lines


def test_absurd_amounts_are_shown_too() -> None:
    """The largest count that is believed, at a dear price: beyond 64 bits of pico-USD, and still JSON."""
    one = record(usage=Usage(input_total=1 << 40), rates=msgspec.Raw(b'{"input":75000000}'))
    shown = json.loads(public_json(public_bill(explain(one))))

    assert (75_000_000 << 40, 75_000_000 << 40) == (shown["sum_pico_usd"], shown["lines"][0]["cost_pico_usd"])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_is_counted(kind: str) -> None:
    """Kinds that are added later at least say their own name."""
    counted, priced = units(kind)

    assert counted
    assert priced


@given(st.sampled_from(sorted(KINDS)), st.integers(0, 10**15))
def test_rates_are_written_exactly(kind: str, rate_pico_usd: int) -> None:
    """In USD for as many as the kind is priced by."""
    text = rate_text(Line(kind, 1, rate_pico_usd, rate_pico_usd))

    assert Decimal(rate_pico_usd) * KINDS[kind].per == Decimal(text) * 10**12
