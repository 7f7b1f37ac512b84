"""How repetition is measured."""

import pytest

from gateway_plugins.repetition import Loop, Repetition, rep4, tail_loop, zratio
from tests.plugins.making import made, outcome, results, said

PLUGIN = made(Repetition)
SORRY = "I am sorry, I cannot do that. " * 30
PARAGRAPH = (
    "The tower was built for the fair of 1889 and stands at the edge of the river. Visitors climb its stairs or take "
    "one of the lifts, and from the highest platform they see most of the city. At night thousands of lamps light it, "
    "and every hour it glitters for five minutes while people on the lawns below take pictures."
)
TABLE = "Here are the numbers.\n\n" + "| city | count |\n" * 60 + "\nThat is all there is to say about it."


@pytest.mark.parametrize(
    ("text", "repeated", "ratio", "loop"),
    [(SORRY, 0.9662, 0.0522, Loop(870, 30, 29)), ("0" * 500, 0, 0.028, Loop(500, 1, 500))],
)
def test_vectors(text: str, repeated: float, ratio: float, loop: Loop) -> None:
    """The worked examples of the definition."""
    assert repeated == pytest.approx(rep4(text)[0], abs=5e-5)
    assert ratio == pytest.approx(zratio(text), abs=5e-5)
    assert loop == tail_loop(text)
    assert outcome(PLUGIN, said(text)) is True


def test_ordinary_paragraph() -> None:
    """Prose repeats nothing, and can be compressed by a third or so."""
    found = {name: each.value for name, each in results(PLUGIN, said(PARAGRAPH)).items()}

    assert {"": False, "rep4": 0, "tail_loop_chars": 0} == {
        name: found[name] for name in ("", "rep4", "tail_loop_chars")
    }
    assert 0.5 < found["zratio"] < 0.75


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one two three", (0.0, 3)),
        ("one two three four", (0.0, 4)),
        ("a b c d a b c d", (pytest.approx(0.2), 8)),
        ("A b C d, a B c D!", (pytest.approx(0.2), 8)),
        ("", (0.0, 0)),
        ("今日は天気がいい", (0.0, 8)),
        ("今日は天気がいい今日は天気がいい", (pytest.approx(1 - 8 / 9), 16)),
    ],
)
def test_rep4(text: str, expected: object) -> None:
    """Words in one spelling; of Chinese and Japanese characters, eight at a time."""
    assert expected == rep4(text)


@pytest.mark.parametrize(
    ("text", "loop"),
    [
        ("ab" * 3, Loop()),
        ("ab" * 4, Loop(8, 2, 4)),
        ("x" + "abc" * 5 + " \n", Loop(15, 3, 5)),
        ("ab" * 8, Loop(16, 2, 8)),
        (("y" * 199 + "z") * 4, Loop(800, 200, 4)),
        (("y" * 200 + "z") * 4, Loop()),
        ("", Loop()),
    ],
)
def test_tail_loop(text: str, loop: Loop) -> None:
    """Four times or more at the end, units of up to 200 characters, the shortest that covers most."""
    assert loop == tail_loop(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abcd" * 19, False),
        ("abcd" * 20, True),
        (PARAGRAPH + PARAGRAPH[::-1] + " abcdefgh" * 12, False),
        (PARAGRAPH + " abcdefgh" * 15, True),
        ("a b c d e f g " * 10 + "and there it ends", False),
        ("a b c d e f g " * 14 + "and there it ends", True),
        ("all work and no play makes jack dull. " * 20 + PARAGRAPH, True),
        ("a b " * 10 + PARAGRAPH, False),
        (TABLE, False),
        (f"```\n{'x = 1; ' * 100}\n```\n{PARAGRAPH}", False),
        (f"{'iVBORw0KGgoAAAANSUhEUgAA' * 60} {PARAGRAPH}", False),
        ("-" * 300 + PARAGRAPH, False),
        ("-" * 900 + "\n" + PARAGRAPH[:60], True),
    ],
)
def test_verdict(text: str, expected: bool) -> None:
    """The loop at the end counts from 80 characters and a quarter of the text on; code, tables and data are exempt."""
    assert expected is outcome(PLUGIN, said(text))


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        (said(SORRY, is_complete=False), True),
        (said(SORRY, is_truncated=True), True),
        (said(" "), "skip no_text"),
        (said(SORRY, status=500), "skip failed"),
    ],
)
def test_broken_off_answers_are_looked_at(exchange: object, expected: object) -> None:
    """That is what people do with an answer that goes round in circles."""
    assert expected == outcome(PLUGIN, exchange)


def test_evidence_tells_the_loop() -> None:
    """The unit's length and how often, not its words."""
    assert {"loop": {"unit": 30, "repeats": 29}} == results(PLUGIN, said(SORRY))[""].evidence
