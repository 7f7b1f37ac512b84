"""One exchange is one record under one set of names."""

import msgspec

from gateway.core.errors import REFUSALS
from gateway.core.record import OUTCOMES, Attempt, Record, decode, encode, public
from gateway.core.usage import Usage


def a_record() -> Record:
    """A record with something in every group."""
    raw = msgspec.Raw(b'{"prompt_tokens":3, "x":1.0}')
    return Record(
        id="01a20a31-7720-71c7-8d56-4365b3ed0dd5",
        started_at="2026-11-23T20:55:43.648783Z",
        team="search",
        key="ci",
        tags=["a", "b"],
        outcome="ok",
        status=200,
        usage=Usage(input_total=3, output_total=2, output_reasoning=1, raw=raw),
        cost_nano_usd=1500,
        attempts=[Attempt(provider="openai", status=200)],
    )


def test_record_survives_the_journal() -> None:
    """What is encoded comes back equal, the provider's own usage object byte for byte."""
    record = a_record()

    back = decode(encode(record))

    assert public(record) == public(back)
    assert back.usage is not None
    assert b'{"prompt_tokens":3, "x":1.0}' == bytes(back.usage.raw)


def test_public_record_has_every_field() -> None:
    """People and programs see every field, set or not, and the cost as a decimal string."""
    shown = public(a_record())

    assert set(Record.__struct_fields__) | {"cost_usd"} == set(shown)
    assert "0.0000015" == shown["cost_usd"]
    usage = shown["usage"]
    assert b'{"prompt_tokens":3, "x":1.0}' == bytes(usage.pop("raw"))
    assert {"input_total": 3, "output_total": 2, "output_reasoning": 1} == usage


def test_a_provider_is_asked_for_the_model_of_the_last_attempt() -> None:
    """A route's name is ours; without an attempt there is only what the caller asked for."""
    record = Record(id="i", started_at="t", team="search", key="ci", model_requested="fast")
    before = record.model_asked
    record.attempts = [Attempt(provider="openai", model="gpt-4o-mini")]

    assert ("fast", "gpt-4o-mini") == (before, record.model_asked)


def test_what_other_models_used_is_shown_like_a_usage() -> None:
    """Through the journal and for programs."""
    record = a_record()
    assert record.usage is not None
    record.usage.elsewhere = (Usage(model="m", input_total=1),)

    shown = public(decode(encode(record)))

    assert [{"model": "m", "input_total": 1, "output_total": 0}] == shown["usage"]["elsewhere"]


def test_every_refusal_has_a_known_outcome() -> None:
    """What a refusal is booked as is a word of the closed list."""
    assert {kind.outcome for kind in REFUSALS.values()} <= set(OUTCOMES)
