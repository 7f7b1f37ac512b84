"""How long things are kept is told in words, and under the settings' names."""

import pytest

from gateway.cli.kept import kept_json, kept_text
from gateway.policies.retention import Keep


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        (Keep(), "everything for good"),
        (Keep(30), "everything for 30 days"),
        (Keep(30, 7), "bodies for 7 days, the rest for 30 days"),
        (Keep(None, 1), "bodies for 1 day, the rest for good"),
        (Keep(7, 30), "everything for 7 days"),
    ],
)
def test_words(keep: Keep, said: str) -> None:
    """What goes first is named first, and only where it goes by itself."""
    assert said == kept_text(keep)


def test_json() -> None:
    """Scripts find the settings' own names."""
    assert {"retention_days": 30, "body_retention_days": None} == kept_json(Keep(30))
