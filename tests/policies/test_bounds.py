"""A bound is never below what a request costs; where there is none, the reason says what would help."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.asked import Asked
from gateway.core.usage import Usage
from gateway.policies import bounds as bounds_module
from gateway.policies.bounds import FRAME, KIT, MOST_OUTPUT, PREAMBLE, PUT_IN, Bound, Bounds, Unbounded
from gateway.policies.model_facts import FactBook, Facts
from gateway.policies.pricing import PriceBook
from gateway.policies.routing import Provider
from gateway.wire.asked import read_asked
from gateway.wire.dialect import DIALECTS
from gateway.wire.paths import under_provider
from tests import exchanges

AT_S = 1_795_000_000
DEFAULT = (Decimal(5), Decimal(25))
OPENAI = Provider(name="openai", dialect="openai", host="api.openai.com", base_path="/v1")
ANTHROPIC = Provider(name="anthropic", dialect="anthropic", host="api.anthropic.com")
LOCAL = Provider(name="local", dialect="openai", host="127.0.0.1", tls=False, port=9)
HOSTS = {
    "openai": "api.openai.com",
    "anthropic": "api.anthropic.com",
    "gemini": "generativelanguage.googleapis.com",
    "groq": "api.groq.com",
    "mistral": "api.mistral.ai",
    "openrouter": "openrouter.ai",
    "deepseek": "api.deepseek.com",
    "zai": "api.z.ai",
    "cerebras": "api.cerebras.ai",
}
# Prices of a model of our own, in pico-USD a token: in 1, out 10, written to the cache 2 and for an hour 3.
MINE = {
    "input": Decimal("0.000001"),
    "output": Decimal("0.00001"),
    "cache_write_5m": Decimal("0.000002"),
    "cache_write_1h": Decimal("0.000003"),
}


def bounds(facts: Facts | None = None, prices: dict[str, Decimal] | None = None) -> Bounds:
    """Make the bounds of a snapshot in which `mine` costs what MINE says."""
    overrides = {"local": {"mine": MINE if prices is None else prices}}
    return Bounds(PriceBook(overrides, DEFAULT, "default_price"), FactBook({"mine": facts} if facts else {}))


def asked(dialect: str = "openai", **more: Any) -> Asked:
    """Ask for something: a body of 1,000 bytes, and 100 tokens."""
    more = {"endpoint": "chat", "body_bytes": 1_000, "text_bytes": 1_000, "max_output_tokens": 100} | more
    return Asked(dialect=dialect, **more)


def pico(request: Asked, facts: Facts | None = None, prices: dict[str, Decimal] | None = None) -> int:
    """Return the bound of a request to `mine`, a thousand times as fine as it is rounded."""
    scaled = {kind: price * 1_000 for kind, price in (MINE if prices is None else prices).items()}
    found = bounds(facts, scaled).upper(request, LOCAL, ("mine",), AT_S)
    assert isinstance(found, Bound), found
    return found.nano_usd


def reason(request: Asked, facts: Facts | None = None, prices: dict[str, Decimal] | None = None) -> str:
    """Return why a request to `mine` has no bound."""
    found = bounds(facts, prices).upper(request, LOCAL, ("mine",), AT_S)
    assert isinstance(found, Unbounded), found
    return found.reason


def test_text_is_bounded_by_its_bytes() -> None:
    """Every byte may be a token, at the dearest price of reading; what the provider adds is added."""
    request = asked("anthropic", framed=5, kits=2, choices=3)

    assert 1_000 + PREAMBLE + 5 * FRAME + 2 * KIT + 3 * 100 * 10 == pico(request)


def test_the_window_bounds_what_is_read() -> None:
    """A longer prompt is refused by the provider."""
    assert 50 + 1_000 == pico(asked("anthropic"), Facts(context_window=50))


@pytest.mark.parametrize(
    ("dialect", "cache", "price"),
    [("anthropic", "", 1), ("anthropic", "5m", 2), ("anthropic", "1h", 3), ("openai", "", 3), ("gemini", "", 3)],
)
def test_whoever_may_write_into_a_cache_pays_for_it(dialect: str, cache: str, price: int) -> None:
    """Anthropic at the caller's wish; of others nobody knows."""
    assert price * (1_000 + PREAMBLE) + 1_000 == pico(asked(dialect, cache=cache))


def test_pictures_are_bounded_by_what_one_can_be() -> None:
    """Else by the window; with neither there is no bound."""
    request = asked("anthropic", images=2, text_bytes=400)

    assert 400 + PREAMBLE + 2 * 300 + 1_000 == pico(request, Facts(max_image_tokens=300))
    assert 5_000 + 1_000 == pico(request, Facts(context_window=5_000))
    assert "max_image_tokens or context_window" in reason(request)


def test_pictures_are_read_again_at_each_step() -> None:
    """With whatever the tools find beside them."""
    request = asked("anthropic", images=1, steps=3)

    assert 3 * 5_000 + 3 * 1_000 == pico(request, Facts(context_window=5_000, max_image_tokens=3))


def test_what_is_not_in_the_body_is_bounded_by_the_window() -> None:
    """Whatever it is, the model cannot read more."""
    request = asked("anthropic", elsewhere="a file", images=1)

    assert 5_000 + 1_000 == pico(request, Facts(context_window=5_000, max_image_tokens=3))
    assert "a file" in reason(request)
    assert "context_window" in reason(request)


def test_each_step_reads_everything_again() -> None:
    """Where tools run at the provider; each search has its fee, and without a known one there is no bound."""
    request = asked("anthropic", steps=3, searches=2, file_searches=2)
    prices = MINE | {"web_search": Decimal("0.000007"), "file_search": Decimal("0.000004")}

    found = pico(request, Facts(context_window=5_000), prices)

    assert 3 * 5_000 + 3 * 1_000 + (2 * 7 + 2 * 4) * 1_000 == found
    assert "no price web_search" in reason(request, Facts(context_window=5_000))
    assert "what tools find" in reason(request)


def test_without_a_maximum_the_models_own_counts() -> None:
    """Else its window; with neither there is no bound, and the reason says both ways out."""
    request = asked("anthropic", max_output_tokens=None)

    assert 1_000 + PREAMBLE + 700 * 10 == pico(request, Facts(max_output_tokens=700, context_window=9_000))
    assert 1_000 + PREAMBLE + 9_000 * 10 == pico(request, Facts(context_window=9_000))
    assert "send a maximum of tokens" in reason(request)
    assert 'max_output_tokens or strict_ceiling_usd under [models."mine"]' in reason(request)


def test_the_callers_maximum_counts_even_beyond_the_models() -> None:
    """Our table may be wrong, and the provider honours what it is asked for."""
    assert 1_000 + PREAMBLE + 100 * 10 == pico(asked("anthropic"), Facts(max_output_tokens=7))


def test_who_thinks_beyond_the_maximum_is_bounded_by_the_window() -> None:
    """Such as xAI's models, of whose thoughts no document says that they are held to it."""
    xai = Provider(name="xai", dialect="openai", host="api.x.ai")
    found = bounds().upper(asked(), xai, ("grok-4.5",), AT_S)
    window = FactBook().facts(xai, ("grok-4.5",)).context_window

    assert isinstance(found, Bound)
    assert window is not None
    output = bounds()._prices.price(xai, "grok-4.5", None, Usage(output_total=window), AT_S)
    assert found.nano_usd > output.nano_usd


def test_a_model_that_nobody_prices_has_no_bound() -> None:
    """Whatever is booked for unknown models otherwise."""
    for unknown_model in ("default_price", "zero", "deny"):
        found = Bounds(PriceBook({}, DEFAULT, unknown_model), FactBook()).upper(asked(), LOCAL, ("mine",), AT_S)

        assert isinstance(found, Unbounded)
        assert "[providers.local]" in found.reason


def test_an_operator_may_vouch_for_what_has_no_bound() -> None:
    """Only there: where there is one it counts."""
    facts = Facts(strict_ceiling_nano_usd=77)
    held = bounds(facts)

    assert Bound(77, declared=True) == held.upper(asked(unbounded="tools"), LOCAL, ("mine",), AT_S)
    assert not held.upper(asked(), LOCAL, ("mine",), AT_S).declared  # type: ignore[union-attr]


def test_what_is_free_is_bounded_by_nothing() -> None:
    """Counting tokens, and a provider of one's own."""
    free = Provider(name="local", dialect="openai", host="127.0.0.1", free=True)

    assert Bound(0) == bounds().upper(asked(unbounded="tools"), free, ("nobody-knows",), AT_S)
    assert Bound(0) == bounds().upper(asked(free=True), LOCAL, ("nobody-knows",), AT_S)


def test_the_reason_names_what_was_asked_for() -> None:
    """A request's own doing, and a model's."""
    assert "for 'mine' it cannot: nothing limits the tool" in reason(asked(unbounded="nothing limits the tool"))
    found = bounds().upper(asked(), OPENAI, ("o3-deep-research",), AT_S)
    assert isinstance(found, Unbounded)
    assert "searches on its own" in found.reason


@pytest.mark.parametrize(
    ("model", "tier", "dearest"),
    [
        ("gpt-5.6-sol", None, {"service_tier": "priority"}),
        ("gpt-5.6-sol", "auto", {"service_tier": "priority"}),
        ("gpt-5.6-sol", "priority", {"service_tier": "priority"}),
        ("gpt-5.6-sol", "default", {}),
        ("gpt-5.6-sol", "flex", {}),
        ("gpt-5.6-sol", "standard", {}),
        ("gpt-5.6-sol", "standard_only", {}),
    ],
)
def test_a_price_class_counts_unless_the_request_pins_another(
    model: str, tier: str | None, dearest: dict[str, str]
) -> None:
    """The provider's account decides where the request does not; an answer may be of a cheaper class than asked for."""
    book = PriceBook({}, DEFAULT, "deny")
    usage = Usage(input_total=1_000 + PREAMBLE, input_cache_write_other=1_000 + PREAMBLE, output_total=100, **dearest)

    found = Bounds(book, FactBook()).upper(asked(service_tier=tier), OPENAI, (model,), AT_S)

    assert Bound(book.price(OPENAI, model, None, usage, AT_S).nano_usd) == found


def test_price_classes_are_not_mixed_up() -> None:
    """What was worked out for one request does not stand for another."""
    requests = [
        asked("openai", service_tier="priority"),
        asked("openai", service_tier="flex"),
        asked("anthropic", speed="fast", geo="us"),
        asked("anthropic", geo="us"),
        asked("anthropic", geo="global"),
    ]
    providers = [OPENAI, OPENAI, ANTHROPIC, ANTHROPIC, ANTHROPIC]
    models = ["gpt-5.6-sol", "gpt-5.6-sol", "claude-opus-5-5", "claude-opus-5-5", "claude-opus-5-5"]
    book = Bounds(PriceBook({}, DEFAULT, "deny"), FactBook())

    together = [
        book.upper(request, *where, AT_S)
        for request, *where in zip(requests, providers, [(model,) for model in models], strict=True)
    ]

    alone = [
        Bounds(PriceBook({}, DEFAULT, "deny"), FactBook()).upper(request, provider, (model,), AT_S)
        for request, provider, model in zip(requests, providers, models, strict=True)
    ]
    assert alone == together
    assert 5 == len(set(alone))


@pytest.mark.parametrize(
    ("speed", "geo"), [(None, None), ("fast", None), ("fast", "us"), ("fast", "global"), (None, "global")]
)
def test_speed_and_place_of_an_answer_count(speed: str | None, geo: str | None) -> None:
    """Only who asks for speed pays for it; of the place the account decides."""
    book = PriceBook({}, DEFAULT, "deny")
    usage = Usage(input_total=1_000 + PREAMBLE, output_total=100, speed=speed, geo=None if geo == "global" else "us")

    found = Bounds(book, FactBook()).upper(
        asked("anthropic", speed=speed, geo=geo), ANTHROPIC, ("claude-opus-5-5",), AT_S
    )

    assert Bound(book.price(ANTHROPIC, "claude-opus-5-5", None, usage, AT_S).nano_usd) == found


def test_a_tier_counts_once_it_may_be_reached() -> None:
    """A long prompt costs more for every token: where the bytes may be so many tokens, that price counts."""
    book = PriceBook({}, DEFAULT, "deny")

    def found(text_bytes: int) -> int:
        request = asked("anthropic", text_bytes=text_bytes, body_bytes=text_bytes, geo="global")
        bound = Bounds(book, FactBook()).upper(request, ANTHROPIC, ("claude-haiku-5-5",), AT_S)
        assert isinstance(bound, Bound)
        return bound.nano_usd

    edge = 100_000 - PREAMBLE
    assert 100_000 * 100 + 100 * 500 == found(edge)
    assert 100_001 * 500 + 100 * 2_500 == found(edge + 1)


def test_pictures_and_speech_have_prices_of_their_own() -> None:
    """By the piece and by the character; without such a price there is no bound."""
    pictures = asked(endpoint="image", choices=3, text_only_answer=False, max_output_tokens=None)
    speech = asked(endpoint="audio", text_bytes=900, text_only_answer=False, max_output_tokens=None)

    assert 3 * 4_000_000 == pico(pictures, prices={"image": Decimal("0.000004")})
    assert 1_000 * 5 == pico(speech, prices={"character": Decimal("0.000005")})
    assert "no price image" in reason(pictures, prices={"input": Decimal(1)})
    assert "no price character" in reason(speech, prices={"input": Decimal(1)})
    assert "no price character" in reason(speech, prices={"audio_hour": Decimal(1), "character": Decimal(1)})
    assert "how much it writes" in reason(pictures, prices={"output_image": Decimal(1)})


@pytest.mark.parametrize("kind", ["page", "audio_hour"])
def test_files_that_are_billed_by_their_length_have_no_bound(kind: str) -> None:
    """Nobody knows how many pages there are, or hours."""
    prices = MINE | {kind: Decimal(1)}

    assert "billed by its length" in reason(asked(elsewhere="a document"), Facts(context_window=9), prices)


# Kinds of tokens, and whether a request that is all text can be billed for them.
READ = {
    "input": True,
    "cache_read": True,
    "cache_write": True,
    "cache_write_5m": True,
    "cache_write_1h": True,
    "input_audio": False,
    "input_image": False,
    "input_video": False,
    "cache_read_audio": False,
    "cache_read_image": False,
    "cache_read_video": False,
}
WRITTEN = {
    "output": True,
    "output_reasoning": True,
    "output_citation": True,
    "output_audio": False,
    "output_image": False,
    "output_video": False,
}


@pytest.mark.parametrize("kind", READ)
@pytest.mark.parametrize("text_only", [True, False])
def test_the_dearest_kind_of_reading_counts(kind: str, text_only: bool) -> None:
    """Whichever it is; sound, pictures and film only where there may be some."""
    prices = dict.fromkeys(READ, Decimal("0.000001")) | {"output": Decimal(0), kind: Decimal("0.000009")}
    request = asked("openai", elsewhere="" if text_only else "a file")

    each = 9 if READ[kind] or not text_only else 1
    assert 900 * each == pico(request, Facts(context_window=900), prices)


@pytest.mark.parametrize("kind", WRITTEN)
@pytest.mark.parametrize("text_only", [True, False])
def test_the_dearest_kind_of_writing_counts(kind: str, text_only: bool) -> None:
    """Thoughts and citations, too."""
    prices = dict.fromkeys(WRITTEN, Decimal("0.000001")) | {"input": Decimal(0), kind: Decimal("0.000009")}

    each = 9 if WRITTEN[kind] or not text_only else 1
    assert 100 * each == pico(asked("openai", text_only_answer=text_only), prices=prices)


def test_a_fee_for_each_request_counts() -> None:
    """Beside its tokens."""
    prices = MINE | {"request": Decimal("0.000004")}

    assert 4_000 + 1_000 + PREAMBLE + 1_000 == pico(asked("anthropic"), prices=prices)


def test_the_memory_is_bounded_and_prices_are_looked_up_again_when_they_change() -> None:
    """Model names are the callers' to invent; some prices change by the hour."""
    held = Bounds(PriceBook({"local": {"mine-*": MINE}}, DEFAULT, "deny"), FactBook())
    for number in range(bounds_module.CACHED_MOST + 10):
        assert isinstance(held.upper(asked(), LOCAL, (f"mine-{number}",), AT_S), Bound)
    assert 0 < len(held._schedules) <= bounds_module.CACHED_MOST

    deepseek = Provider(name="deepseek", dialect="openai", host="api.deepseek.com")
    by_hour = {held.upper(asked(), deepseek, ("deepseek-chat",), 1_742_000_000 + 1_800 * n) for n in range(48)}
    assert len(by_hour) > 1


@given(st.integers(0, 10**7), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**5), st.integers(1, 4))
def test_more_of_anything_costs_no_less(text: int, more_text: int, output: int, more_output: int, choices: int) -> None:
    """A bound grows with the body and with what is asked for."""

    def found(text_bytes: int, output_tokens: int) -> int:
        request = asked("anthropic", text_bytes=text_bytes, max_output_tokens=output_tokens, choices=choices)
        bound = HELD.upper(request, ANTHROPIC, ("claude-haiku-5-5",), AT_S)
        assert isinstance(bound, Bound)
        return bound.nano_usd

    assert found(text, output) <= found(text + more_text, output) <= found(text + more_text, output + more_output)


@given(st.integers(0, 10**6), st.none() | st.integers(0, 200_000), st.integers(1, 3), st.integers(0, 10**10))
def test_what_is_shrunk_fits_and_one_token_more_would_not(
    text: int, output: int | None, choices: int, left: int
) -> None:
    """Or it is all that was asked for, or all that the model can write. A maximum that is put in is read, too."""
    request = asked("anthropic", text_bytes=text, max_output_tokens=output, choices=choices)
    sent = msgspec.structs.replace(request, text_bytes=text + (PUT_IN if output is None else 0))
    models = ("claude-haiku-5-5",)

    def cost(maximum: int) -> int:
        bound = HELD.upper(msgspec.structs.replace(sent, max_output_tokens=maximum), ANTHROPIC, models, AT_S)
        assert isinstance(bound, Bound)
        return bound.nano_usd

    shrunk = HELD.shrink(request, ANTHROPIC, models, AT_S, left)

    whole = 128_000 if output is None else output
    if shrunk is None:
        assert whole < 16 or cost(16) > left
    else:
        assert cost(shrunk) <= left
        assert shrunk == whole or cost(shrunk + 1) > left
        assert 16 <= shrunk <= whole


HELD = Bounds(PriceBook({}, DEFAULT, "deny"), FactBook())


def test_no_answer_is_asked_for_that_is_too_short_to_be_one() -> None:
    """Providers refuse less than 16 tokens."""
    request = asked("anthropic")
    prices = {kind: price * 1_000 for kind, price in MINE.items()}
    read = 1_000 + PREAMBLE

    found = [bounds(prices=prices).shrink(request, LOCAL, ("mine",), AT_S, read + 10 * most) for most in (15, 16)]

    assert [None, 16] == found


def test_what_is_read_must_fit_where_writing_costs_nothing() -> None:
    """Any maximum would do, but none helps."""
    prices = {"input": Decimal("0.001")}

    found = [
        bounds(prices=prices).shrink(asked("anthropic"), LOCAL, ("mine",), AT_S, 1_000 + PREAMBLE + more)
        for more in (-1, 0)
    ]

    assert [None, 100] == found


def test_who_thinks_beyond_the_maximum_is_not_shrunk() -> None:
    """A smaller one would not hold it."""
    xai = Provider(name="xai", dialect="openai", host="api.x.ai")

    assert HELD.shrink(asked(), xai, ("grok-4.5",), AT_S, 10**12) is None


@pytest.mark.parametrize("endpoint", ["image", "audio"])
def test_what_has_no_maximum_is_not_shrunk(endpoint: str) -> None:
    """Pictures and speech are billed in tokens by some, and take no such field."""
    request = asked(endpoint=endpoint, text_only_answer=False, max_output_tokens=None)
    prices = MINE | {"image": Decimal(1), "character": Decimal(1)}

    assert bounds(Facts(context_window=9_000), prices).shrink(request, LOCAL, ("mine",), AT_S, 10**18) is None


def test_a_maximum_is_put_in_where_nothing_bounds_the_answer() -> None:
    """That is what shrinking is for: the money that is left says how much."""
    request = asked("anthropic", max_output_tokens=None)
    prices = {kind: price * 1_000 for kind, price in MINE.items()}

    assert 50 == bounds(prices=prices).shrink(request, LOCAL, ("mine",), AT_S, 1_000 + PREAMBLE + PUT_IN + 505)
    assert MOST_OUTPUT == bounds(prices=prices).shrink(request, LOCAL, ("mine",), AT_S, 1 << 60)


@pytest.mark.parametrize(
    "more",
    [
        {"unbounded": "tools"},
        {"elsewhere": "a file"},
        {"writes": False},
        {"free": True},
        {"least_output_tokens": 101},
    ],
)
def test_what_a_smaller_maximum_would_not_help_is_not_shrunk(more: dict[str, Any]) -> None:
    """No bound of another kind, nothing written, or thoughts that need more."""
    assert bounds().shrink(asked(**more), LOCAL, ("mine",), AT_S, 10**12) is None


def exchange_bound(exchange: dict[str, Any], *, exactly: bool) -> tuple[Bound | Unbounded, int] | None:
    """Bound a recorded request, and price its answer. `exactly`: as if the client had known how long it would be."""
    dialect = exchanges.dialect_of(exchange)
    place = under_provider(dialect, exchange["method"], exchanges.path_of(exchange))
    batch = exchange["request"].get("requests")
    model = exchange["request"].get("model") or place.model or (batch and batch[0]["model"])
    if not place.endpoint.meters or not model:
        return None
    meter = DIALECTS[dialect].new_meter(place.endpoint, streamed=exchange["stream"], strip_usage=False)
    meter.feed(exchanges.answer_bytes(exchange))
    meter.finish()
    usage = meter.usage()
    if usage is None:
        return None
    body = json.dumps(exchange["request"], separators=(",", ":"), ensure_ascii=False).encode()
    request = read_asked(place.dialect, place.endpoint, body)
    if exactly:
        request.max_output_tokens = -(-usage.output_total // (request.choices * request.steps))
    name = exchange["provider"]
    provider = Provider(name=name, dialect=dialect, host=HOSTS.get(name, f"{name}.example"))
    cost = HELD._prices.price(provider, meter.model, model, usage, AT_S)
    return HELD.upper(request, provider, (model,), AT_S), cost.nano_usd


@pytest.mark.parametrize("exactly", [False, True], ids=["as sent", "with the exact maximum"])
def test_no_recorded_exchange_cost_more_than_its_bound(exactly: bool) -> None:
    """Over every recorded exchange that has a bound, also where nothing is to spare on the side of the answer."""
    compared, beyond = 0, []
    for exchange in exchanges.load():
        found = exchange_bound(exchange, exactly=exactly)
        if found is None or isinstance(found[0], Unbounded):
            continue
        compared += 1
        bound, cost = found
        if cost > bound.nano_usd:
            beyond.append((exchange["name"], bound.nano_usd, cost))

    assert [] == beyond
    assert compared > 550
