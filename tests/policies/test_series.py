"""The name of a balance is read as it was written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policies.budget import REQUESTS, USD, head
from gateway.policies.budget import series as written
from gateway.policies.scope import DIMENSIONS, shared_name
from gateway.policies.series import Series, every, every_of, is_every, read
from gateway.policies.series import head as head_of
from tests.policies.test_budget import budget

VALUES = st.dictionaries(st.sampled_from(DIMENSIONS), st.text(max_size=15), max_size=3)


@given(VALUES, st.sampled_from([USD, REQUESTS]))
def test_what_was_written_is_read(values: dict[str, str], unit: str) -> None:
    """Whatever callers claim to be: signs that stand in names, wildcards, nothing."""
    one = budget(per=tuple(values))
    name = written(one, unit, list(values.values()))

    assert Series("search/daily", unit, values) == read(name)
    assert head(one, unit) == head_of(name)
    assert (every_of(head(one, unit)) if values else None) == every(name)
    assert not is_every(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a/x" + shared_name(["user", "session"]), Series("a/x", "usd", {"user": "*", "session": "*"}, shared=True)),
        ("a/x?user=%2A", Series("a/x", "usd", {"user": "*"})),
        ("a/x#requests?", Series("a/x", "requests", {}, every=True)),
        ("a/x#concurrent", Series("a/x", "concurrent", {})),
    ],
)
def test_special_names(name: str, said: Series) -> None:
    """The shared balance, one of somebody who is called like it, all of them, and what is no budget's."""
    assert said == read(name)
