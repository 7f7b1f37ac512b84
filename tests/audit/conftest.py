"""Fixtures of the audit's tests."""

import pytest

from tests.audit.settled import Books


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Books:
    """Something that settles answers."""
    return Books(tmp_path_factory.mktemp("journal"))
