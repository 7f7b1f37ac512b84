"""A record's usage is held against the provider's own object, and must add up."""

from typing import Any

import msgspec
import pytest

from gateway.audit.findings import Findings
from gateway.audit.usage import check_usage, without_prices
from gateway.core.record import Job, Record
from gateway.core.usage import Usage
from tests.audit.settled import Books
from tests.records import record

CHAT = (
    b'{"model":"gpt-4o-mini","choices":[],"service_tier":"flex","usage":{"prompt_tokens":100,"completion_tokens":20,'
    b'"prompt_tokens_details":{"cached_tokens":60},"completion_tokens_details":{"reasoning_tokens":5}}}'
)
ADVISED = (
    b'{"model":"claude-sonnet-4-5","usage":{"input_tokens":10,"output_tokens":20,"iterations":['
    b'{"type":"advisor_message","model":"claude-opus-4-1","input_tokens":7,"output_tokens":8}]}}'
)
CUT = (
    b'event: message_start\ndata: {"type":"message_start","message":{"model":"claude-sonnet-4-5",'
    b'"usage":{"input_tokens":10,"output_tokens":1}}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"Hello, how are you? I am well, thank you."}}\n\n'
)


def differences(one: Record) -> dict[str, tuple[Any, Any]]:
    """Check a record; return what differs by name."""
    found = Findings()
    check_usage(one, found)
    return {each.what: (each.recorded, each.recomputed) for each in found.take()}


def test_what_the_object_says_is_what_is_paid_for(books: Books) -> None:
    """The usage that goes on to be priced is read again, with what stood around the object (here: the tier)."""
    settled = books.settle(CHAT).record
    found = Findings()
    again = check_usage(settled, found)

    assert [] == found.take()
    assert again is not settled.usage
    assert settled.usage is not None
    assert again is not None
    assert without_prices(settled.usage) == without_prices(again)
    assert "flex" == again.service_tier


@pytest.mark.parametrize(
    "name",
    [
        "input_total", "output_total", "input_cached_read", "output_reasoning", "input_audio", "provider_cost_nano_usd",
    ],
)  # fmt: skip
def test_a_field_that_differs_is_named(books: Books, name: str) -> None:
    """Each with what stands there and what it must be."""
    settled = books.settle(CHAT).record
    assert settled.usage is not None
    told = getattr(settled.usage, name)
    setattr(settled.usage, name, (told or 0) + 1)

    assert ((told or 0) + 1, told) == differences(settled)[f"usage.{name}"]


def test_a_digit_in_the_object_is_seen(books: Books) -> None:
    """The record's numbers no longer follow from it."""
    settled = books.settle(CHAT).record
    assert settled.usage is not None
    settled.usage.raw = msgspec.Raw(bytes(settled.usage.raw).replace(b":100,", b":101,"))

    assert {"usage.input_total": (100, 101)} == differences(settled)


def test_a_value_that_was_left_out_stays_told(books: Books) -> None:
    """Else nobody would know that the numbers are not all that the provider named."""
    spoiled = CHAT.replace(b'"cached_tokens":60', b'"cached_tokens":-1')
    settled = books.settle(spoiled).record
    assert {} == differences(settled)
    assert settled.usage is not None
    settled.usage.suspect = False

    assert {"usage.suspect": (False, True)} == differences(settled)


def test_what_other_models_did_is_compared_too(books: Books) -> None:
    """One by one; one that is missing is missed."""
    settled = books.settle(ADVISED, dialect="anthropic").record
    assert {} == differences(settled)
    assert settled.usage is not None
    (advice,) = settled.usage.elsewhere
    advice.output_total += 1
    assert {"usage.elsewhere[0].output_total": (9, 8)} == differences(settled)
    settled.usage.elsewhere = ()
    assert {"usage.elsewhere": (0, 1)} == differences(settled)
    settled.usage.elsewhere = (advice,)
    settled.usage.raw = msgspec.Raw(b'{"input_tokens":10,"output_tokens":20}')

    assert {"usage.elsewhere": (1, 0)} == differences(settled)


def test_a_picture_that_a_tool_drew_stands_beside_the_object(books: Books) -> None:
    """Its usage is a sibling of the answer's: only the stored answer can prove it, and that is said."""
    drawn = b'"tool_usage":{"image_gen":{"input_tokens":5,"output_tokens":7}},"usage"'
    settled = books.settle(CHAT.replace(b'"usage"', drawn)).record
    assert settled.usage is not None
    assert 7 == settled.usage.elsewhere[0].output_total
    found = Findings()
    again = check_usage(settled, found)

    assert [] == found.take()
    assert {"usage: what other models did stands beside the provider's own object": 1} == found.skipped
    assert again is not None
    assert settled.usage.elsewhere == again.elsewhere


def test_work_that_lapsed_may_have_told_a_part(books: Books) -> None:
    """A background stream told its input; the rest was estimated when nobody fetched the result."""
    settled = books.settle(CHAT).record
    assert settled.usage is not None
    settled.usage_source, settled.job = "estimated", Job(id="resp_1", state="lapsed")
    settled.usage.output_total += 50
    assert {} == differences(settled)
    settled.usage.input_total += 1

    assert {"usage.input_total": (101, 100)} == differences(settled)


def test_what_a_model_that_draws_wrote_is_pictures(books: Books) -> None:
    """Its usage object need not say so: the kind of call does."""
    answer = b'{"data":[],"usage":{"input_tokens":5,"output_tokens":700,"total_tokens":705}}'
    settled = books.settle(answer, path="/v1/images/generations").record
    assert settled.usage is not None
    assert (700, {}) == (settled.usage.output_image, differences(settled))
    settled.usage.output_image = 699

    assert {"usage.output_image": (699, 700)} == differences(settled)


def test_pages_stand_in_an_object_of_their_own(books: Books) -> None:
    """OCR tells pages instead of tokens."""
    answer = b'{"model":"mistral-ocr-latest","usage_info":{"pages_processed":3,"doc_size_bytes":9}}'
    settled = books.settle(answer, path="/v1/ocr").record
    assert settled.usage is not None
    assert (3, {}) == (settled.usage.pages, differences(settled))
    settled.usage.pages = 4

    assert {"usage.pages": (4, 3)} == differences(settled)


def test_output_that_was_not_told_may_be_more_than_the_object_says(books: Books) -> None:
    """A message that was cut tells one token of output; the text that passed is an estimate on top of it."""
    settled = books.settle(CUT, dialect="anthropic", content_type="text/event-stream", whole=False).record
    assert settled.usage is not None
    assert "partial" == settled.usage_source
    assert settled.usage.output_total > 1
    assert {} == differences(settled)
    settled.usage.output_total = 0

    assert {"usage.output_total": (0, 1)} == differences(settled)


def test_estimate_stands_beside_what_cannot_be_believed_only(books: Books) -> None:
    """With an object that tells the usage, an estimate would be a mistake, and so would a believed one without."""
    settled = books.settle(b'{"model":"m","usage":{"prompt_tokens":-1,"completion_tokens":2}}').record
    assert ("estimated", {}) == (settled.usage_source, differences(settled))
    assert settled.usage is not None
    spoiled = settled.usage.raw
    settled.usage.raw = msgspec.Raw(b'{"prompt_tokens":1,"completion_tokens":2}')
    assert "usage_source" in differences(settled)
    settled.usage.raw = spoiled
    settled.usage_source = "provider"

    assert "usage_source" in differences(settled)


@pytest.mark.parametrize(
    ("usage", "name"),
    [
        (Usage(input_total=1, input_cached_read=2), "usage.input_uncached"),
        (Usage(input_total=1, input_cache_write_1h=2), "usage.input_uncached"),
        (Usage(output_total=1, output_reasoning=2), "usage.output_visible"),
        (Usage(input_total=1, input_audio=2), "usage.input_audio"),
        (Usage(output_total=1, output_image=2), "usage.output_image"),
        (Usage(input_total=9, input_cached_audio=2), "usage.input_cached_audio"),
        (Usage(input_total=-1), "usage.input_total"),
        (Usage(web_searches=-1), "usage.web_searches"),
        (Usage(elsewhere=(Usage(output_total=1, output_reasoning=2),)), "usage.elsewhere[0].output_visible"),
    ],
)
def test_parts_are_at_most_their_totals(usage: Usage, name: str) -> None:
    """Whatever a provider says: else the disjoint token types would not add up."""
    assert name in differences(record(usage=usage))


def test_what_cannot_be_read_again_is_counted() -> None:
    """Without the provider's object, or with a dialect of another version, only the sums are proven."""
    found = Findings()
    check_usage(record(), found)
    check_usage(record(usage=Usage(raw=msgspec.Raw(b"{}")), dialect="cobol"), found)
    check_usage(record(usage=None), found)

    assert [] == found.take()
    assert {
        "usage: the provider's own object is not in the record": 1,
        "usage: this version does not know the dialect cobol": 1,
    } == found.skipped
