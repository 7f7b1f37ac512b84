"""What was read says nothing where nothing was read."""

from gateway.evaluation.api import ResponseFormat, ToolChoice
from gateway.evaluation.normal.shape import Asked, Said


def test_nothing_read_is_nothing_said() -> None:
    """An empty request asks for text, and lets the model choose."""
    assert ((), (), ToolChoice("auto"), ResponseFormat("text"), None) == Asked()
    assert ((), None) == Said()
