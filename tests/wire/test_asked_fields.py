"""What is not known to be harmless, or is written oddly, has no bound."""

import msgspec
import pytest

from gateway.core.asked import Asked
from gateway.core.errors import Refusal
from gateway.wire.asked_fields import (
    at_least_one,
    decoded,
    is_elsewhere,
    no_bound,
    note_picture,
    note_type,
    read_fields,
    whole_number,
)

KNOWN = frozenset(("model", "n", "stop"))
READ = frozenset(("n",))


def nothing() -> Asked:
    """Ask for nothing yet."""
    return Asked(dialect="openai", endpoint="chat", body_bytes=100, text_bytes=100)


def test_a_field_that_nobody_knows_has_no_bound() -> None:
    """Providers invent fields that cost something; which one it is is told."""
    one = nothing()

    assert {"n": b"2"} == read_fields(b'{"model":"m","n":2,"stop":null}', one, KNOWN, READ)
    assert "" == one.unbounded
    read_fields(b'{"n":2,"web_search_options":{},"audio":{}}', one, KNOWN, READ)
    assert "'audio'" in one.unbounded


def test_null_is_as_if_it_were_not_there() -> None:
    """That is how SDKs write what is not set."""
    assert {} == read_fields(b'{"n":null}', nothing(), KNOWN, READ)


@pytest.mark.parametrize("body", [b'{"n":1,"n":99}', b'{"n":1, "n":99}', b'{"n":1,"N":99}'])
def test_a_field_that_could_be_read_in_two_ways_is_refused(body: bytes) -> None:
    """What is checked is what is sent."""
    with pytest.raises(Refusal):
        read_fields(body, nothing(), KNOWN | {"N"}, READ)


@pytest.mark.parametrize(("raw", "number"), [(None, None), (b"0", 0), (b"12", 12), (b"999999999999999", 10**15 - 1)])
def test_whole_numbers(raw: bytes | None, number: int | None) -> None:
    """Digits."""
    one = nothing()

    assert number == whole_number(one, "n", raw)
    assert "" == one.unbounded


@pytest.mark.parametrize("raw", [b"-1", b"1.0", b"1e3", b'"5"', b"[1]", b"true", b"9" * 16])
def test_a_number_that_is_written_oddly_has_no_bound(raw: bytes) -> None:
    """One provider reads it in this way, another one in that; for some servers -1 is as much as there is."""
    one = nothing()

    assert whole_number(one, "n", raw) is None
    assert "'n' is not a whole number" in one.unbounded


def test_factors_are_at_least_one() -> None:
    """What is not said, or said to be none, is one."""
    assert [1, 1, 3] == [at_least_one(number) for number in (None, 0, 3)]


def test_the_first_reason_is_told() -> None:
    """One is enough to act on."""
    one = nothing()
    for word in ("first", "second"):
        no_bound(one, word)
        is_elsewhere(one, word)

    assert ("first", "first") == (one.unbounded, one.elsewhere)


def test_what_is_shaped_otherwise_has_no_bound() -> None:
    """It is not what the provider documents, so that nobody knows what it makes of it."""
    one = nothing()

    assert decoded(one, msgspec.json.Decoder(list[int]), b"[1]", "stop") == [1]
    assert decoded(one, msgspec.json.Decoder(list[int]), b"{}", "stop") is None
    assert "'stop'" in one.unbounded


def test_endless_nesting_has_no_bound() -> None:
    """And does not break anything."""
    one = nothing()

    assert decoded(one, msgspec.json.Decoder(list[object]), b"[" * 100_000 + b"]" * 100_000, "stop") is None
    assert one.unbounded


def test_a_picture_in_the_body_is_no_text_and_one_behind_an_address_is_not_there() -> None:
    """The bytes of the first are not read as text; the second may be anything."""
    inside, outside, other = nothing(), nothing(), nothing()
    url = msgspec.Raw(b'"data:image/png;base64,AAAA"')

    note_picture(inside, msgspec.Raw(b'{"url":"data:image/png;base64,AAAA"}'), url)
    note_picture(outside, url, msgspec.Raw(b'"https://example.org/a.png"'))
    note_picture(other, url, msgspec.Raw(b'"data:application/pdf;base64,AAAA"'))

    assert (1, 64, "") == (inside.images, inside.text_bytes, inside.elsewhere)
    for one in (outside, other):
        assert (0, 100, "a picture behind an address") == (one.images, one.text_bytes, one.elsewhere)


@pytest.mark.parametrize(
    ("kind", "told"), [("text", ""), ("video", "a part 'video'"), (None, "a part"), (["text"], "a part")]
)
def test_what_an_unknown_part_stands_for_is_not_in_the_body(kind: object, told: str) -> None:
    """So that the model's window bounds it."""
    one = nothing()

    assert (told == "") is note_type(one, kind, ("text",), "a part")
    assert told == one.elsewhere
