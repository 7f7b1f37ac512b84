"""Tables and texts for people are short and harmless."""

import pytest
from rich.console import Console

from gateway.cli.output import duration, outcome_text, printable, table


@pytest.mark.parametrize(
    ("duration_ms", "expected"),
    [
        (None, None),
        (0.4, "0.4 ms"),
        (12.3, "12 ms"),
        (812.345, "812 ms"),
        (3400.0, "3.4 s"),
        (125_000.0, "2 min 5 s"),
        (119_999.0, "2 min 0 s"),
    ],
)
def test_durations_are_short(duration_ms: float | None, expected: str | None) -> None:
    """In the unit that people would use."""
    assert expected == duration(duration_ms)


def test_control_characters_are_shown() -> None:
    """Escape sequences become text; line ends, tabs and letters of all scripts stay."""
    assert "\\x1b[31mred\\x07\n\tgrüß 你好" == printable("\x1b[31mred\x07\n\tgrüß 你好")


def test_cells_are_text_not_markup() -> None:
    """A name with brackets is not an instruction; nothing is a dash."""
    console = Console(width=60)
    with console.capture() as captured:
        console.print(table(("A", "B"), [("[bold]x[/bold]", None)], right=frozenset({"B"})))

    assert ["A               B", "[bold]x[/bold]  -"] == [line.rstrip() for line in captured.get().splitlines()]


def test_only_success_is_green() -> None:
    """An outcome that nobody thought of is shown as a problem."""
    assert ("green", "red", "red") == tuple(outcome_text(name).style for name in ("ok", "timeout", None))
