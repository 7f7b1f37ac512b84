"""Tables and texts for people are short and harmless."""

import pytest
from rich.console import Console

from gateway.cli.output import amounts, duration, outcome_text, print_facts, printable, table


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


def test_sentences_are_wrapped_beside_their_label(capsys: pytest.CaptureFixture[str]) -> None:
    """No wider than is easily read, lines that end stay so, and what somebody sent steers no terminal."""
    long = "word " * 40
    print_facts([("why", long), ("advice", "do this:\n[a]\nb = 1"), ("ended", outcome_text("ok")), ("id", "\x1b[2J")])
    lines = capsys.readouterr().out.splitlines()

    assert max(map(len, lines)) <= 100
    assert ["why     word word", "        word word", "        word word"] == [line[:17] for line in lines[:3]]
    assert ["advice  do this:", "        [a]", "        b = 1", "ended   ok", "id      \\x1b[2J"] == lines[3:]


def test_amounts_stand_below_each_other() -> None:
    """Names left, numbers right, no head."""
    console = Console(width=60)
    with console.capture() as captured:
        console.print(amounts([("read", "1,250"), ("  from the cache", "5")]))

    assert ["read              1,250", "  from the cache      5"] == [
        line.rstrip() for line in captured.get().splitlines()
    ]
