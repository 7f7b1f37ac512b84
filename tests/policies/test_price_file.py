"""A source of prices is taken whole or not at all, and a kept list is read back as it was."""

import copy
import dataclasses
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from genai_prices import data_snapshot
from hypothesis import given
from hypothesis import strategies as st

from gateway.policies import price_file
from gateway.policies.price_file import BadPrices, Checked, Header, Reading, check, header_of, kept, prepare
from gateway.policies.price_table import PriceList, bundled
from tests import prices
from tests.prices import SMALL

AT_S = 1_795_600_000.0
DEEP = b"[" * 100_000


def source(providers: Any) -> bytes:
    """Write a source."""
    return json.dumps(providers).encode()


def written(checked: Checked) -> bytes:
    """Write a list as it is kept."""
    return kept(header_of(checked, "here", AT_S), checked)


def read(data: bytes) -> PriceList:
    """Read a kept list to its end."""
    reading = Reading(data)
    for _ in reading.steps():
        pass
    return reading.prices()


def changed(*way: Any, to: Any) -> bytes:
    """Write SMALL with one value changed, or a field added."""
    providers = copy.deepcopy(SMALL)
    *steps, last = way
    place: Any = providers
    for step in steps:
        place = place[step]
    place[last] = to
    return source(providers)


def test_the_bundled_list_comes_back_as_it_was() -> None:
    """Out as a source, checked, kept and read: the same providers, models and prices, to the last digit."""
    raw = prices.source()
    checked = check(raw, bundled().size)
    again = read(written(checked))

    without_extractors = [
        dataclasses.replace(provider, extractors=None) for provider in data_snapshot.get_snapshot().providers
    ]
    assert without_extractors == again._providers
    assert bundled().size == checked.models == again.size


def test_a_kept_list_is_read_in_small_steps() -> None:
    """A worker serves nobody during a step: no step holds more than some models, however many a provider has."""
    checked = check(prices.source(), 0)

    assert max(len(piece["models"]) for piece in checked.pieces) == price_file._STEP_MODELS
    prepare()
    assert len(checked.pieces) == len(list(Reading(written(checked)).steps()))


def test_a_kept_list_is_json_and_says_what_it_is() -> None:
    """People and scripts can look at it; the version names content and instant."""
    checked = check(source(SMALL), 0)
    header, *pieces = msgspec.json.decode(written(checked))

    expected = Header(
        version=f"prices.json {checked.sha256[:8]} 2026-11-25T09:46Z",
        sha256=checked.sha256,
        obtained_at=AT_S,
        source="here",
        models=2,
    )
    assert expected == msgspec.convert(header, Header)
    assert expected.version == read(written(checked)).version
    assert ["acme"] == [piece["id"] for piece in pieces]


def test_prices_of_a_source_apply() -> None:
    """Dates, tiers and classes as in the bundled list."""
    listed = read(written(check(source(SMALL), 0)))
    october_s, november_s = 1_793_000_000, 1_795_000_000

    before = listed.find("x", "https://api.acme.example/v1", ["acme-1-small"], {}, october_s)
    after = listed.find("acme", "", ["acme-1"], {"processing": "batch"}, november_s)

    assert before is not None
    assert after is not None
    assert (1_500_000, [(1000, 9_000_000)]) == (
        before.base.input,
        [(start, each.output) for start, each in before.tiers],
    )
    assert (1_000_000, 8_000_000) == (after.base.input, after.base.output)


def test_amounts_are_exact_decimals() -> None:
    """A float never comes between the source and the list."""
    exact = b"0.1000000000000000055"
    listed = read(written(check(source(SMALL).replace(b"1.5", exact), 0)))
    found = listed.look("acme", "", ["acme-1"])

    assert found is not None
    assert Decimal(exact.decode()) == found.model.get_prices(datetime(2026, 10, 1, tzinfo=UTC)).input_mtok


def test_what_a_later_list_adds_does_not_hurt() -> None:
    """Unknown members, kinds of price and ways to extract usage are left alone: we count ourselves."""
    providers: Any = copy.deepcopy(SMALL)
    providers[0] |= {"new": 1, "extractors": [{"kind": "of tomorrow"}]}
    providers[0]["models"][1] |= {"new": {}}
    providers[0]["models"][1]["prices"] |= {"dreams_kcount": 5}

    assert 2 == check(source(providers), 0).models


BAD = {
    "empty": (b"", "no JSON"),
    "no list": (b"{}", "no array of providers"),
    "a newer form": (b'{"units":{},"providers":[]}', "no array of providers"),
    "of nothing": (b"[]", "no models"),
    "of numbers": (b"[1]", "no array of providers"),
    "HTML": (b"<!DOCTYPE html><title>Sign in</title>", "begins with b'<!DOCTYPE html>"),
    "cut": (source(SMALL)[:-20], "no JSON"),
    "no text": (b"\xff\xfe[", "no JSON"),
    "deep": (DEEP, "no JSON"),
    "twice": (source(SMALL + SMALL), "it lists 'acme' twice"),
    "no models": (changed(0, "models", to=[]), "no models"),
    "models of another kind": (changed(0, "models", to={}), "'acme' has no array of models"),
    "a model of another kind": (changed(0, "models", 0, to=7), "provider 'acme': "),
    "no name": (changed(0, "id", to=None), "provider 'None': id"),
    "a negative price": (changed(0, "models", 1, "prices", "input_mtok", to=-1), "acme-2: input_mtok is not between"),
    "an absurd price": (changed(0, "models", 1, "prices", "input_mtok", to=1e9), "acme-2: input_mtok is not between"),
    "NaN": (changed(0, "models", 1, "prices", "input_mtok", to="NaN"), "provider 'acme': "),
    "a word": (changed(0, "models", 1, "prices", "input_mtok", to="much"), "provider 'acme': input_mtok"),
    "a dear class": (
        changed(0, "models", 0, "price_variants", 0, "prices", "input_mtok", to=-1),
        "acme-1: input_mtok is not between",
    ),
    "a class of nothing": (changed(0, "models", 0, "price_variants", 0, "when", to={}), "provider 'acme': "),
    "no prices": (changed(0, "models", 1, "prices", to=[]), "model acme-2 has no prices"),
    "a tier below nothing": (
        changed(0, "models", 0, "prices", 0, "prices", "output_mtok", "tiers", 0, "start", to=-5),
        "a tier starts below 0",
    ),
    "a dear tier": (
        changed(0, "models", 0, "prices", 0, "prices", "output_mtok", "tiers", 0, "price", to=-5),
        "acme-1: output_mtok is not between",
    ),
    "a broken pattern": (changed(0, "api_pattern", to="("), "provider 'acme': "),
    "a broken match": (changed(0, "models", 0, "match", "or", 1, "regex", to="["), "provider 'acme': "),
    "a broken match inside": (changed(0, "model_match", to={"and": [{"regex": "["}]}), "provider 'acme': "),
    "no match": (changed(0, "models", 1, "match", to={}), "provider 'acme': "),
    "a match of tomorrow": (changed(0, "models", 1, "match", to={"like": "x"}), "provider 'acme': "),
    "no date": (changed(0, "models", 0, "prices", 1, "constraint", "start_date", to="soon"), "provider 'acme': "),
    "large": (b" " * (price_file.MAX_BYTES + 1), "larger than 32 MiB"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_source_is_refused_and_the_reason_is_named(name: str) -> None:
    """Whatever is wrong anywhere, nothing of it counts; the words are short and safe to print."""
    raw, why = BAD[name]

    with pytest.raises(BadPrices) as refused:
        check(raw, 0)

    assert why in str(refused.value)
    assert len(str(refused.value)) < 400
    assert str(refused.value).isprintable()


def test_a_list_that_lost_its_models_is_refused() -> None:
    """Less than half of what is in force is a mistake of somebody; half of it may be a wish."""
    assert 2 == check(source(SMALL), 4).models
    with pytest.raises(BadPrices, match="it has 2 models, less than half of the 5 of the list in force"):
        check(source(SMALL), 5)


@given(st.integers(0, 10**6))
def test_a_damaged_kept_list_is_noticed(at: int) -> None:
    """Cut anywhere, it is refused and not half of a list."""
    whole = written(check(source(SMALL), 0))
    cut = whole[: at % (len(whole) - 3)]

    with pytest.raises(BadPrices):
        read(cut)


def test_a_kept_list_without_its_end_is_noticed() -> None:
    """Also where what is left is sound, line by line."""
    lines = written(check(prices.source(), 0)).splitlines(keepends=True)

    with pytest.raises(BadPrices, match=r"it is damaged: \d+ of \d+ models are left"):
        read(b"".join(lines[:-1]))


hostile = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
places = [
    (0,),
    (0, "id"),
    (0, "models"),
    (0, "model_match"),
    (0, "models", 0),
    (0, "models", 0, "match"),
    (0, "models", 0, "match", "or"),
    (0, "models", 0, "prices"),
    (0, "models", 0, "prices", 1, "constraint"),
    (0, "models", 0, "prices", 0, "prices", "output_mtok"),
    (0, "models", 0, "price_variants"),
    (0, "models", 1, "prices"),
    (0, "models", 1, "prices", "input_mtok"),
]


@given(st.sampled_from(places), hostile)
def test_hostile_data_is_refused_or_can_be_used(place: tuple[Any, ...], value: Any) -> None:
    """What passes the check also prices: no list that is taken can break a request later."""
    try:
        checked = check(changed(*place, to=value), 0)
    except BadPrices:
        return
    listed = read(written(checked))

    for model in ("acme-1", "acme-2", "", "x" * 50):
        listed.find("acme", "https://api.acme.example", [model], {"processing": "batch"}, AT_S)
