"""Questions to the store end in an answer or in a sentence and an exit code."""

from collections.abc import Coroutine
from typing import NoReturn

import pytest
import typer

from gateway.cli.reading import answer
from gateway.store.filters import BadFilter
from gateway.store.interface import AmbiguousId, NoSuchExchange, StoreRefused
from gateway.store.reader import QueryTimeout


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
    ],
)
def test_no_answer_is_a_sentence_and_a_code(error: Exception, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Mistakes of the command line are 2, everything else 1; no traceback."""
    with pytest.raises(typer.Exit) as caught:
        answer(failing(error))

    assert code == caught.value.exit_code
    assert "what?" in capsys.readouterr().err
    assert (code == 2) == isinstance(error, BadFilter)
