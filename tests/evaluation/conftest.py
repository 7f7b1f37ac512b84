"""Places to look at, closed at the end of each test."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from gateway.policies.evaluating import Evaluating
from tests.evaluation.looking import Place

MakePlace = Callable[..., Place]


@pytest.fixture
def make_place(tmp_path: Path) -> Iterator[MakePlace]:
    """Make a place in this test's folder."""
    made: list[Place] = []

    def make(config: Evaluating, units: Mapping[str, str] | None = None, judged: tuple[str, ...] = ()) -> Place:
        made.append(Place(tmp_path, config, units, judged))
        return made[-1]

    yield make
    for place in made:
        place.close()
