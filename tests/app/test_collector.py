"""What a process has made when it is ready is not looked at again."""

import gc
from collections.abc import Iterator

import pytest

from gateway.app.collector import freeze


@pytest.fixture(autouse=True)
def _unsettled() -> Iterator[None]:
    """Leave the collector of the tests as it is."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_what_stands_stays() -> None:
    """A turn of the collector costs what is new, not what was loaded."""
    thing = {"a": ["b"]}
    freeze()

    assert gc.get_freeze_count() > 1_000
    assert not any(one is thing for one in gc.get_objects())
    assert gc.get_threshold()[0] > 700
