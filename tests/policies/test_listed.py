"""The price list in force is asked again for an exchange as it was priced then."""

from datetime import UTC, datetime
from decimal import Decimal

from gateway.core.record import Attempt
from gateway.core.usage import Usage
from gateway.policies.listed import listed_prices
from gateway.policies.pricing import PriceBook
from gateway.policies.rates import rates_for
from gateway.policies.routing import Provider
from tests.exchange.parts import OPENAI
from tests.records import record

BOOK = PriceBook({}, (Decimal(1), Decimal(1)), "deny")
AT = "2026-11-23T12:00:00.000000Z"
AT_UNIX_S = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()


def test_the_same_prices_are_found_again() -> None:
    """By the model that served, else the one asked for; by the price class; at the instant of the beginning."""
    gemini = Provider("gemini", "gemini", "generativelanguage.googleapis.com")
    for provider, served, asked, usage in (
        (OPENAI, "gpt-4o-mini-2024-07-18", "x", Usage(input_total=5)),
        (OPENAI, None, "gpt-5-mini", Usage(input_total=5, service_tier="flex")),
        (OPENAI, "gpt-5-mini", None, Usage(input_total=5, service_tier="priority")),
        (gemini, "gemini-2.5-pro", None, Usage(input_total=300_000)),
    ):
        cost = BOOK.price(provider, served, asked, usage, AT_UNIX_S)
        attempts = [Attempt(provider=provider.name, model=asked)]
        one = record(started_at=AT, model_served=served, attempts=attempts, usage=usage)
        listed = listed_prices(one, provider, BOOK.listed)

        assert listed is not None
        assert cost.rates == rates_for(usage, listed).given


def test_what_the_list_does_not_know_has_none() -> None:
    """Neither has an exchange without a model."""
    assert None is listed_prices(record(model_served="nobody-knows", model_requested="nobody"), OPENAI, BOOK.listed)
    assert None is listed_prices(record(model_served=None, model_requested=None, usage=None), OPENAI, BOOK.listed)
    assert None is listed_prices(record(started_at="yesterday"), OPENAI, BOOK.listed)
