"""Options that choose exchanges are the store's filters, the same for every command that takes them."""

import pytest
import typer

from gateway.cli.filters import FILTERS, OFFERED, read
from gateway.store import asking
from gateway.store.interface import Query


def test_every_filter_is_offered() -> None:
    """What the store can filter by, people can ask for: how many and from where is the command's own."""
    assert {"cursor", "limit"} == set(asking._READERS) - set(FILTERS)
    assert FILTERS.keys() == OFFERED.keys()


def test_options_that_are_not_given_ask_for_nothing() -> None:
    """Only what was said counts."""
    assert Query(team="web", any_tag=("a", "b")) == read({"team": "web", "tag": "a,b", "user": None})


def test_what_makes_no_sense_ends_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """With the option's name, as it is written."""
    with pytest.raises(typer.Exit) as caught:
        read({"min_cost": "free"})

    assert 2 == caught.value.exit_code
    assert "--min-cost: " in capsys.readouterr().err
