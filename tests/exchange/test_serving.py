"""A request is served to its end by the config that it began with."""

from pathlib import Path

from gateway.exchange.serving import Serving
from gateway.metrics.board import Board
from tests.exchange.parts import snapshot


def test_paths_are_looked_up_in_this_config(tmp_path: Path) -> None:
    """The directory belongs to the snapshot: another config may have a provider of that name, or none."""
    serving = Serving(snapshot(), {}, Board(tmp_path / "board").claim(0))

    found = serving.directory.find(b"GET", b"/keyless/models", anthropic=False, google=False)
    assert found.choice is not None
    assert serving.snapshot.routing.provider("keyless") is found.choice.candidates[0].provider
