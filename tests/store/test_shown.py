"""One exchange for programs: the public record and both bodies, with nothing left out silently."""

import base64

from gateway.core.record import public
from gateway.policies.explained import explain, public_bill
from gateway.store.interface import Body, Exchange, Spend
from gateway.store.shown import joined, public_exchange, public_spend
from tests.records import record


def test_text_stays_text_and_bytes_are_marked() -> None:
    """A body that is text is shown as such, another one as base64 that says so, and none as null."""
    one = record()
    shown = public_exchange(Exchange(one, Body([(0, "grüß".encode())], 6), Body([(0, b"\xff\x00")], 2)))

    assert {
        **public(one),
        "bill": public_bill(explain(one)),
        "request_body": "grüß",
        "response_body": {"base64": base64.b64encode(b"\xff\x00").decode()},
        "bodies_removed": False,
    } == shown
    assert None is public_exchange(Exchange(one, None, None))["request_body"]


def test_gaps_are_marked_with_their_length() -> None:
    """Where bytes were not kept, in the middle or at the end, the text says how many."""
    assert b"ab\n[\xe2\x80\xa6 8 bytes not kept \xe2\x80\xa6]\nz" == joined(Body([(0, b"ab"), (10, b"z")], 11))
    assert b"ab\n[\xe2\x80\xa6 3 bytes not kept \xe2\x80\xa6]\n" == joined(Body([(0, b"ab")], 5))
    assert b"ab" == joined(Body([(0, b"ab")], 2))


def test_spend_has_exact_amounts() -> None:
    """Money is an integer and its exact decimal text, never a float."""
    shown = public_spend(Spend(name="search", requests=2, cost_nano_usd=1_000_000_001), "team")

    assert {
        "team": "search",
        "requests": 2,
        "input_tokens": 0,
        "output_tokens": 0,
        "cost_nano_usd": 1_000_000_001,
        "cost_usd": "1.000000001",
    } == shown
