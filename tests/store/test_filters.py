"""Filters become conditions over bound values; ids become the bytes of the files."""

import sqlite3
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.store import schema
from gateway.store.filters import TABLES, BadFilter, conditions, id_bounds, key_of, named
from gateway.store.interface import Query
from tests.records import new_id

WORDS = st.text(max_size=12)


@settings(deadline=None)
@given(WORDS, WORDS, WORDS, WORDS)
def test_text_never_becomes_sql(team: str, model: str, session: str, user: str) -> None:
    """Whatever stands in a filter is a value: the statement is always one that SQLite takes."""
    asked = Query(
        team=team,
        model=model,
        session=session,
        user=user,
        any_tag=(team,),
        all_tags=(user,),
        metadata=(model, session),
        error=user,
        trace_id=team,
        response_id=user,
    )
    connection = sqlite3.connect(":memory:")
    connection.executescript(schema.SCHEMA)

    clauses = {"exchanges": [conditions(asked)]}
    for table in TABLES:
        of_names = named(asked, table)
        clauses[table] = [of_names.exact, of_names.perhaps]

    for table, each in clauses.items():
        for clause in each:
            assert [] == connection.execute(f"SELECT 1 FROM {table} WHERE {clause.sql}", clause.values).fetchall()
    connection.close()


@pytest.mark.parametrize(("wanted", "low", "high"), [("429", 429, 429), ("5xx", 500, 599), ("2XX", 200, 299)])
def test_status_is_a_number_or_a_class(wanted: str, low: int, high: int) -> None:
    """429 is itself, 5xx a hundred."""
    asked = Query(status=wanted)

    assert [(low, high), (low, high)] == [conditions(asked).values, named(asked, "kinds").exact.values]


@pytest.mark.parametrize("wanted", ["9xx", "abc", "", "-1", "5x", "12345", "²00"])
def test_bad_status_is_named(wanted: str) -> None:
    """A status that is none is an error that names the filter."""
    with pytest.raises(BadFilter) as caught:
        conditions(Query(status=wanted))
    assert "status" == caught.value.name


def test_patterns_only_where_there_are_signs() -> None:
    """A plain name is compared as it is, so that it can use an index and means nothing else."""
    assert "team = ?" in conditions(Query(team="web")).sql
    assert "team GLOB ?" in conditions(Query(team="web-*")).sql


def test_id_prefix_is_a_range() -> None:
    """Every id lies within the bounds of each of its beginnings, with or without dashes."""
    exchange_id = new_id()
    for length in range(1, 37):
        lowest, highest = id_bounds(exchange_id[:length]) if exchange_id[:length].strip("-") else (b"", b"\xff")
        assert lowest <= UUID(exchange_id).bytes <= highest
    assert id_bounds(exchange_id) == (UUID(exchange_id).bytes,) * 2


@pytest.mark.parametrize("prefix", ["", "-", "xyz", "0" * 33, "é"])
def test_what_begins_no_id_is_refused(prefix: str) -> None:
    """Anything but hexadecimal digits and dashes is no id."""
    with pytest.raises(BadFilter):
        id_bounds(prefix)


def test_cursor_must_be_an_id() -> None:
    """A cursor is the last id of the page before."""
    with pytest.raises(BadFilter):
        key_of("01a2")


def test_what_sums_can_answer_is_told_by_table() -> None:
    """Kinds know teams and models, claims teams and sessions; times are no matter of either."""
    for query, tables in (
        (Query(), {"kinds", "claims", "tags"}),
        (Query(team="web", since_ms=5), {"kinds", "claims", "tags"}),
        (Query(model="gpt"), {"kinds"}),
        (Query(session="s1", key="ci"), {"claims"}),
        (Query(session="s1", model="gpt"), set()),
        (Query(any_tag=("x",)), set()),
        (Query(min_cost_nano_usd=1), set()),
    ):
        assert tables == {table for table in TABLES if named(query, table).whole}


def test_names_beyond_the_bound_are_perhaps_there() -> None:
    """What callers make up may stand under the name that all others share; a team never does."""
    assert "= 'other'" in named(Query(session="s1"), "claims").perhaps.sql
    assert "= 'other'" not in named(Query(session="s1"), "claims").exact.sql
    assert named(Query(team="web"), "kinds").perhaps == named(Query(team="web"), "kinds").exact
