"""What is text in Gemini's answers, and what is not."""

from typing import Any

import pytest

from gateway.wire.gemini_words import ANSWERS
from gateway.wire.guess import GEMINI, Guess

TEXT = "four"  # a token
CALL = GEMINI.call_tokens + 1
SEAL = "x" * (64 + 160)  # thirty tokens


def counted(*parts: Any) -> tuple[float, float]:
    """Return what flows and what does not."""
    guess = Guess(GEMINI)
    ANSWERS.read({"candidates": [{"content": {"parts": list(parts)}, "index": 0}], "responseId": TEXT}, guess)
    return round(guess.flow()), round(guess.once())


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"text": TEXT}, (1, 0)),
        ({"text": TEXT, "thought": True}, (1, 0)),
        ({"text": TEXT, "thoughtSignature": SEAL}, (1, 30)),
        ({"text": TEXT * 10, "thought": True, "thoughtSignature": SEAL}, (10, 20)),
        ({"functionCall": {"name": TEXT, "args": {"a": "b"}}, "thoughtSignature": SEAL}, (0, CALL + 2 + 30)),
        ({"executableCode": {"language": "PYTHON", "code": TEXT}}, (1, 0)),
        ({"codeExecutionResult": {"output": TEXT * 99}}, (0, 0)),
        ({"inlineData": {"data": SEAL}}, (0, 0)),
        ({"toolResponse": {"response": TEXT}, "thoughtSignature": SEAL * 99}, (0, 0)),
        ({"toolCall": {"args": TEXT}, "thoughtSignature": SEAL * 99}, (0, 0)),
    ],
)
def test_a_part_says_its_text_thoughts_calls_and_code(part: dict[str, Any], expected: tuple[float, float]) -> None:
    """A picture is no text; what a tool answered was read, and the seal beside it holds that."""
    assert expected == counted(part)


@pytest.mark.parametrize(
    "value", [None, 7, "x", [], ["x"], {"parts": 7}, [{"content": 7}], [{"content": {"parts": 7}}]]
)
def test_odd_shapes_say_nothing(value: Any) -> None:
    """And never raise."""
    guess = Guess(GEMINI)
    ANSWERS.read({"candidates": value}, guess)

    assert (0, 0) == (guess.flow(), guess.once())
    assert (0, 0) == counted(value)
