"""The head of `tollway explain`: a line for each thing that is known, and none for what is not."""

from rich.text import Text

from gateway.cli.explain_head import head
from gateway.policies.budget import Budgets
from gateway.policies.explained_exchange import Now, story
from gateway.policies.limit import Limits
from gateway.policies.routing import Routing
from tests.policies.test_explained_exchange import NOW
from tests.records import record

NOTHING = Now(Routing([], {}), Budgets(), Limits(), NOW.prices)


def lines(**fields: object) -> dict[str, str]:
    """Give the head's lines of an exchange, by label."""
    return {label: str(text) for label, text in head(story(record(**fields), NOTHING))}


def test_what_is_not_known_has_no_line() -> None:
    """A plain exchange has a short head."""
    assert ["id", "caller", "asked", "went to", "because", "ended", "privacy"] == list(lines())


def test_error_of_an_exchange_that_went_well_is_told() -> None:
    """Something may be wrong although the client got everything."""
    assert "odd" == lines(error="odd")["error"]


def test_budget_that_no_longer_covers_it_says_so() -> None:
    """A refusal names what the config of now does not know any more."""
    error = "budget_exceeded: Budget exceeded for team 'search' (budget search/daily): $50.00 of $50.00 used today."
    found = lines(outcome="budget_blocked", status=429, provider=None, error=error)

    assert "budget search/daily, of team search (no longer configured, or no longer for such requests)" == found["by"]


def test_no_escape_sequence_reaches_the_terminal() -> None:
    """What a provider wrote as its error is shown, not executed."""
    found = dict(head(story(record(model_served="\x1b[2J"), NOTHING)))["ended"]

    assert isinstance(found, Text)
    assert "\x1b" not in found.plain
