"""One exchange for programs: the public record and both bodies, with nothing left out silently."""

import base64

from gateway.core.record import public
from gateway.policies.explained import explain, public_bill
from gateway.store.interface import Body, Exchange, Spend, Spending
from gateway.store.shown import joined, public_exchange, public_spend, public_spending
from tests.records import NOON_MS, record


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
        "evaluations": [],
    } == shown
    assert None is public_exchange(Exchange(one, None, None))["request_body"]


def test_gaps_are_marked_with_their_length() -> None:
    """Where bytes were not kept, in the middle or at the end, the text says how many."""
    assert b"ab\n[\xe2\x80\xa6 8 bytes not kept \xe2\x80\xa6]\nz" == joined(Body([(0, b"ab"), (10, b"z")], 11))
    assert b"ab\n[\xe2\x80\xa6 3 bytes not kept \xe2\x80\xa6]\n" == joined(Body([(0, b"ab")], 5))
    assert b"ab" == joined(Body([(0, b"ab")], 2))


def test_spend_has_exact_amounts() -> None:
    """Money is an integer and its exact decimal text, never a float."""
    shown = public_spend(Spend(name="search", requests=2, failures=1, cost_nano_usd=1_000_000_001), "team")

    assert {
        "team": "search",
        "requests": 2,
        "failures": 1,
        "input_tokens": 0,
        "output_tokens": 0,
        "cached_tokens": 0,
        "cost_nano_usd": 1_000_000_001,
        "cost_usd": "1.000000001",
    } == shown


def test_spend_over_time_names_its_step_and_how_long_it_took() -> None:
    """Steps are written as people write them; nobody timed is null."""
    one = Spend(
        name="s1", start_s=NOON_MS // 1000, timed=2, duration_us=3_000, buckets=[2, *[0] * 14], sources={"x": 2}
    )

    assert ("2026-11-23T12:00Z", 1.5, 25.0) == tuple(
        public_spend(one, None, "hour")[n] for n in ("hour", "mean_ms", "p50_ms")
    )
    assert {"month": "2026-11", "session": "s1", "sources": {"x": 2}}.items() <= public_spend(
        one, "session", "month"
    ).items()
    assert None is public_spend(Spend(start_s=0, buckets=[0] * 15), None, "day")["mean_ms"]


def test_sums_tell_their_total_and_what_is_not_shown() -> None:
    """A group that is a step is one."""
    told = Spending([Spend(start_s=0, requests=2)], Spend(name="total", requests=9), 3)
    shown = public_spending(told, "day")

    assert (None, "day", "1970-01-01", 9, 3) == (
        shown["by"],
        shown["step"],
        shown["spend"][0]["day"],
        shown["total"]["requests"],
        shown["rest"],
    )
