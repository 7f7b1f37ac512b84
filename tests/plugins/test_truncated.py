"""How answers end."""

import pytest

from gateway.evaluation.api import Usage
from gateway_plugins.truncated import Truncated
from tests.plugins.making import CALL, made, outcome, said

PLUGIN = made(Truncated)
THOUGHT = Usage(10, 500, reasoning_tokens=500)


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        (said("Paris"), "no"),
        (said(calls=(CALL,), finish="tool_calls"), "no"),
        (said("", finish="content_filter"), "no"),
        (said("Pa", finish="length"), "length"),
        (said("Pa", finish="length", usage=THOUGHT), "length"),
        (said(calls=(CALL,), finish="length", usage=THOUGHT), "length"),
        (said(" \n", finish="length", usage=THOUGHT), "reasoning_exhausted"),
        (said("", finish="length", usage=Usage(10, 500)), "length"),
        (said("Pa", finish=None, is_complete=False, stream=True), "no_finish"),
        (said("Pa", finish=None, is_complete=False, outcome="cancelled"), "aborted"),
        (said(choices=(), finish=None, is_complete=False, outcome="cancelled", status=None), "aborted"),
        (said("Pa", finish="length", max_tokens=17), "length"),
        (said("Pa", finish="length", max_tokens=16), "skip intended"),
        (said("Paris", max_tokens=1), "skip intended"),
        (said("Pa", finish=None, is_complete=False, status=500), "skip failed"),
        (said("", endpoint="embeddings"), "skip other_endpoint"),
        (said(choices=()), "skip no_answer"),
    ],
)
def test_end(exchange: object, expected: str) -> None:
    """Each way to end has its label."""
    assert expected == outcome(PLUGIN, exchange)
