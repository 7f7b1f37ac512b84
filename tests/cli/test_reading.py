"""Questions to the store end in an answer or in a sentence and an exit code."""

from collections.abc import Coroutine
from sqlite3 import DatabaseError
from typing import NoReturn

import pytest
import typer

from gateway.cli.reading import answer, instant
from gateway.store.filters import BadFilter
from gateway.store.interface import AmbiguousId, NoSuchExchange, StoreRefused
from gateway.store.opening import QueryTimeout


def failing(error: Exception) -> Coroutine[None, None, NoReturn]:
    """Make a question that fails."""

    async def ask() -> NoReturn:
        raise error

    return ask()


async def _seven() -> int:
    return 7


def test_an_answer_is_returned() -> None:
    """The usual case."""
    assert 7 == answer(_seven())


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadFilter("min_cost", "what?"), 2),
        (NoSuchExchange("what?"), 1),
        (AmbiguousId("what?"), 1),
        (QueryTimeout("what?"), 1),
        (StoreRefused("what?"), 1),
        (DatabaseError("what?"), 1),
    ],
)
def test_no_answer_is_a_sentence_and_a_code(error: Exception, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Mistakes of the command line are 2, everything else 1; no traceback."""
    with pytest.raises(typer.Exit) as caught:
        answer(failing(error))

    assert code == caught.value.exit_code
    assert "what?" in capsys.readouterr().err
    assert (code == 2) == isinstance(error, BadFilter)


def test_times_are_read_or_end_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Not given is no bound; a mistake is one of the command line, and names its option."""
    assert None is instant("since", None)
    assert 1_795_435_200_000 == instant("since", "2026-11-23T12:00")
    with pytest.raises(typer.Exit) as caught:
        instant("until", "soon")

    assert 2 == caught.value.exit_code
    assert "--until" in capsys.readouterr().err
