"""Instants are written as RFC 3339 with microseconds."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.clock import Stamps, stamp

stamps = Stamps()


@given(st.integers(0, 4 * 10**18))
def test_text_reads_back(now_ns: int) -> None:
    """Whatever the order of instants, each text names its own microsecond in UTC."""
    text = stamps.text(now_ns)

    assert text.endswith("Z")
    at = datetime.fromisoformat(text)
    seconds = (at - datetime(1970, 1, 1, tzinfo=UTC)) // (at.resolution)
    assert now_ns // 1000 == seconds


def test_a_second_is_written_without_its_parts() -> None:
    """For people, who are told when something begins anew."""
    assert "2026-12-01T00:00:00Z" == stamp(1_796_083_200)
    assert "2026-12-01T00:00:00Z" == stamp(1_796_083_200.9)
