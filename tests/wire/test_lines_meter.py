"""Answers of a JSON document a line, as Ollama's own API gives them."""

import json

import pytest

from gateway.core.usage import Usage
from gateway.wire.lines_meter import LinesMeter

LINES = [
    *({"model": "smollm2", "message": {"role": "assistant", "content": word}, "done": False} for word in ("Hi", "!")),
    {"model": "smollm2", "done": True, "done_reason": "stop", "prompt_eval_count": 26, "eval_count": 2},
]
BODY = b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in LINES)


def test_the_last_line_tells() -> None:
    """Model, usage and end, however the lines are cut."""
    for size in (1, 7, len(BODY)):
        meter = LinesMeter(ends=True)
        for at in range(0, len(BODY), size):
            piece = BODY[at : at + size]
            assert piece is meter.feed(piece) or piece == BODY
        assert b"" == meter.finish()
        assert (True, True, "smollm2", None) == (meter.terminal, meter.complete(200), meter.model, meter.error)
        assert Usage(input_total=26, output_total=2) == meter.usage()


@pytest.mark.parametrize("cut", [10, 80, len(BODY) - 20])
def test_without_its_last_line_an_answer_is_not_whole(cut: int) -> None:
    """What came of it is estimated, a token a line."""
    meter = LinesMeter(ends=True)
    meter.feed(BODY[:cut])

    assert (False, False, None) == (meter.terminal, meter.complete(200), meter.usage())
    assert meter.estimate(40).input_total == 10
    assert meter.estimate(40).output_total >= 1


def test_a_prompt_from_the_cache_is_not_counted() -> None:
    """Then only the answer is."""
    meter = LinesMeter(ends=True)
    meter.feed(b'{"model":"m","done":true,"eval_count":5}')

    assert Usage(output_total=5) == meter.usage()


def test_an_error_in_a_line_is_told() -> None:
    """The answer had begun."""
    meter = LinesMeter(ends=True)
    meter.feed(BODY[:80] + b'\n{"error":"out of memory"}\n')

    assert "out of memory" == meter.error


def test_embeddings_come_in_one_line_without_an_end() -> None:
    """They write nothing."""
    meter = LinesMeter(ends=False)
    meter.feed(b'{"model":"m","embeddings":[[0.1]],"prompt_eval_count":7}')

    assert Usage(input_total=7) == meter.usage()
    assert meter.complete(200)
    assert 0 == meter.estimate(40).output_total


def test_words_about_the_end_are_not_the_end() -> None:
    """A model may write them."""
    meter = LinesMeter(ends=True)
    meter.feed(b'{"model":"m","message":{"content":"\\"done\\":true"},"done":false}\n')
    meter.feed(b'{"model":"m","message":{"done":true},"done":false}\n')

    assert not meter.terminal
