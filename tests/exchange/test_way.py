"""What Tollway says of the way that it chose."""

from gateway.exchange.way import route_lines
from gateway.policies.routing import Choice, Target
from tests.exchange.parts import OPENAI


def test_route_is_named_where_one_chose() -> None:
    """Route, provider and model, none of which can break out of its header."""
    lines = route_lines(Choice("fa\r\nst", (Target(OPENAI, "gpt-4o"),)), "fast").split(b"\r\n")

    assert [b"x-tollway-route: fa%0D%0Ast", b"x-tollway-provider: openai", b"x-tollway-model: gpt-4o"] == lines[:3]


def test_nothing_is_said_where_no_route_chose() -> None:
    """The client asked for that model and gets it."""
    assert b"" == route_lines(Choice(None, (Target(OPENAI, None),)), "gpt-4o")
