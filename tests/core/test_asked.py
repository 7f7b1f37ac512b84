"""What counts as text only."""

import pytest

from gateway.core.asked import Asked


@pytest.mark.parametrize(
    ("more", "text_only"),
    [({}, True), ({"images": 1}, False), ({"elsewhere": "a file"}, False), ({"steps": 2}, False), ({"kits": 3}, True)],
)
def test_text_only_is_what_bytes_can_bound(more: dict[str, int | str], text_only: bool) -> None:
    """Pictures, what the body does not hold, and what tools find are no text of the body."""
    asked = Asked(dialect="openai", endpoint="chat", body_bytes=10, text_bytes=10, **more)  # type: ignore[arg-type]

    assert text_only is asked.text_only
