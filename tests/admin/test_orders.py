"""An order is checked before anything is done, and what makes no sense is named."""

import contextlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admin.orders import BadOrder, amount, at_s, by, fields, part, until_s
from gateway.ledger.file import By
from gateway.ledger.lease import MOST
from gateway.policies.windows import Span
from tests.policies.test_budget import budget

BOTH = budget(usd=5, requests=7)
PARTED = budget(per=("user", "session"))
NOW_S = 1_795_435_200.5  # 2026-11-23T12:00:00Z
DAY = Span(1_795_392_000, 1_795_478_400)


def bad(read: Callable[[], object]) -> tuple[str, str]:
    """Return which field is said to make no sense, and why."""
    with pytest.raises(BadOrder) as error:
        read()
    return error.value.name, str(error.value)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"a":', b'"who"', b"[" * 100_000, b'{"who":"\\ud800"}'])
def test_a_body_must_be_an_object(body: bytes) -> None:
    """Whatever else comes is said to be none."""
    name, said = bad(lambda: fields(body, ("who", "why")))

    assert "" == name
    assert "JSON object with who, why" in said


def test_an_unknown_field_is_named() -> None:
    """A misspelt one would be left out in silence."""
    assert {"who": 1} == fields(b'{"who":1}', ("who", "why"))
    assert "wy" == bad(lambda: fields(b'{"who":1,"wy":2}', ("who", "why")))[0]


@pytest.mark.parametrize("value", [None, "", " \n", 5, "x" * 1001])
def test_who_and_why_are_never_empty(value: object) -> None:
    """They stand in the trail."""
    assert By("ann", "why") == by({"who": " ann", "why": "why\n"})
    for name in ("who", "why"):
        assert name == bad(lambda name=name: by({"who": "ann", "why": "x", name: value}))[0]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "unit", "read"),
    [
        ({"amount_usd": "20"}, "usd", 20 * 10**9),
        ({"amount_usd": -3}, "usd", -3 * 10**9),
        ({"amount_usd": "-0.000000001"}, "usd", -1),
        ({"amount_usd": "0.0000000005"}, "usd", 1),
        ({"amount_usd": "1e6", "amount_requests": None}, "usd", 10**15),
        ({"amount_requests": -7}, "requests", -7),
    ],
)
def test_amounts(given: dict[str, Any], unit: str, read: int) -> None:
    """USD as text or whole number, to the nano-dollar; requests as a number."""
    assert (unit, read) == amount(given, BOTH)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"amount_usd": "1", "amount_requests": 1},
        *({"amount_usd": one} for one in (0.5, True, "x", "NaN", "sNaN", "Infinity", "1e7", "1e-999999", "0", [], {})),
        *({"amount_usd": one} for one in ("1e999999999", "-1000000.1", 10**30)),
    ],
)
def test_what_is_no_amount_of_money(given: dict[str, Any]) -> None:
    """Neither inexact nor endless, nor nothing."""
    assert "amount_usd" == bad(lambda: amount(given, BOTH))[0]


@pytest.mark.parametrize("given", ["5", 1.5, True, 0, 10**12 + 1])
def test_what_is_no_number_of_requests(given: object) -> None:
    """Whole ones."""
    assert "amount_requests" == bad(lambda: amount({"amount_requests": given}, BOTH))[0]


def test_a_budget_counts_what_it_has_a_limit_of() -> None:
    """The other unit is not raised in silence."""
    assert "has a limit of usd" in bad(lambda: amount({"amount_requests": 1}, budget()))[1]


@given(st.binary() | st.from_type(dict).map(msgspec.json.encode))  # type: ignore[type-var]
def test_any_body_is_read_or_refused(body: bytes) -> None:
    """Nothing else is raised."""
    try:
        order = fields(body, ("amount_usd", "for", "until", "at", "values", "who", "why"))
        by(order)
        amount(order, BOTH)
    except BadOrder:
        pass


JUNK = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=3)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(["amount_usd", "for", "until", "at", "values", "who"], JUNK)))
def test_any_value_is_read_or_refused(order: dict[str, Any]) -> None:
    """Whatever somebody writes into a field."""
    for read in (
        lambda: amount(order, BOTH),
        lambda: until_s(order, NOW_S, DAY),
        lambda: at_s(order, NOW_S),
        lambda: part(order, PARTED),
        lambda: by(order),
    ):
        with contextlib.suppress(BadOrder):
            read()


@pytest.mark.parametrize(
    ("given", "end_s"),
    [
        ({}, MOST),
        ({"for": None, "until": None}, MOST),
        ({"for": "90m"}, 1_795_435_200 + 5400),
        ({"for": "1w"}, 1_795_435_200 + 604_800),
        ({"for": "window"}, DAY.end_s),
        ({"until": "2026-11-23T13:00:01+01:00"}, 1_795_435_201),
    ],
)
def test_how_long_a_raise_stands(given: dict[str, Any], end_s: int) -> None:
    """For good, for some time, until the window ends, or until then."""
    assert end_s == until_s(given, NOW_S, DAY)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"for": "1h", "until": "2027-01-01T00:00:00Z"}, "until"),
        ({"for": "0h"}, "for"),
        ({"for": "1y"}, "for"),
        ({"for": 3600}, "for"),
        ({"for": "999999999w"}, "for"),
        ({"until": "2026-11-23T12:00:00Z"}, "until"),
        ({"until": "2027-01-01"}, "until"),
        ({"until": "2027-01-01T00:00:00"}, "until"),
        ({"until": 5}, "until"),
    ],
)
def test_ends_that_make_no_sense(given: dict[str, Any], name: str) -> None:
    """In the past, without a zone, after all years."""
    assert name == bad(lambda: until_s(given, NOW_S, DAY))[0]


def test_a_window_without_an_end_ends_no_raise() -> None:
    """It would never end."""
    assert "say how long" in bad(lambda: until_s({"for": "window"}, NOW_S, None))[1]


def test_when_something_was_spent() -> None:
    """Now, unless it is said; never in the future."""
    assert NOW_S == at_s({}, NOW_S)
    assert DAY.start_s == at_s({"at": "2026-11-23T00:00:00Z"}, NOW_S)
    assert "at" == bad(lambda: at_s({"at": "2026-11-23T12:00:01Z"}, NOW_S))[0]


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (None, None),
        ({"session": "s/1", "user": "ann"}, "?user=ann&session=s%2F1"),
        ({"session": "", "user": "*"}, "?user=%2A&session="),
        ("shared", "?user=*&session=*"),
    ],
)
def test_whose_balance(values: object, name: str | None) -> None:
    """In any order of the values; nobody's in particular."""
    assert name == part({"values": values}, PARTED)


@pytest.mark.parametrize("values", ["all", [], {}, {"user": "ann"}, {"user": "ann", "session": 5}, 5])
def test_values_that_name_no_balance(values: object) -> None:
    """All of what parts it must be said."""
    assert "values" == bad(lambda: part({"values": values}, PARTED))[0]


def test_one_balance_alone_has_no_values() -> None:
    """Whoever names some means another budget."""
    assert "" == part({}, BOTH)
    assert "values" == bad(lambda: part({"values": {"user": "ann"}}, BOTH))[0]
