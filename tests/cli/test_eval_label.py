"""`tollway eval label`: what a person says is a score like any other, and they may change their mind."""

import getpass
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.eval_label import value_of
from tests.cli.desk import Desk
from tests.gateway import standing_before
from tests.provider import providing, until

CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("true", True), ("No", False), ("yes", True), ("3", 3.0), ("-0.5", -0.5), ("1e3", 1000.0), ("kind", "kind")],
)
def test_values_as_people_write_them(text: str, expected: Any) -> None:
    """Yes or no, a number, else a label."""
    assert (expected, type(expected)) == (value_of(text), type(value_of(text)))


@pytest.mark.parametrize("words", [[], ["ID", "--session", "s"]])
def test_exactly_one_target(words: list[str], tmp_path: Path) -> None:
    """An exchange, or a session."""
    said = Desk(tmp_path).run("label", "helpful", "true", *words)

    assert (2, True) == (said.code, "give the ID of an exchange, or --session" in said.err)


def test_without_a_gateway_it_says_so(tmp_path: Path) -> None:
    """The one who writes the log takes labels."""
    desk = Desk(tmp_path, '[server]\nadmin = "127.0.0.1:1"\n')
    said = desk.run("label", "helpful", "true", "ID")

    assert (2, True) == (said.code, "no gateway answers" in said.err)


def test_label_through_a_whole_gateway(tmp_path: Path) -> None:
    """It stands with the exchange; again by the same author it takes the place of the first, by another beside it."""
    with providing() as provider, standing_before(provider, tmp_path / "gateway") as run:
        exchange = dict(run.post("/v1/chat/completions", CHAT).headers)["x-tollway-request-id"]
        run.row(exchange)
        desk = Desk(tmp_path, f'[server]\nadmin = "127.0.0.1:{run.admin_port}"\n', "")

        def labels() -> list[tuple[str, str, float]]:
            told = run.row(exchange)["evaluations"]
            return sorted((each["source"], each["author"], each["scores"][0]["value"]) for each in told)

        first = desk.run("label", "helpful", "yes", exchange, "--comment", "to the point")
        until(lambda: [("human", getpass.getuser(), 1.0)] == labels(), "the label is in the log")
        again = desk.run("label", "helpful", "no", exchange)
        other = desk.run("label", "helpful", "yes", exchange, "--author", "bob", "--json")
        both = sorted([("human", getpass.getuser(), 0.0), ("human", "bob", 1.0)])
        until(lambda: both == labels(), "both authors' last words are in the log")
        missing = desk.run("label", "helpful", "yes", "ffff")

    assert (0, "helpful = yes is written down.\n", "") == first
    assert (0, 0) == (again.code, other.code)
    assert ["id"] == [*other.lines[0]]
    assert (1, True) == (missing.code, "no exchange" in missing.err)
