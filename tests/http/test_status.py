"""Status lines are prepared for every status an answer can have."""

from gateway.http.status import BODILESS, STATUS_LINES


def test_every_status_has_a_line() -> None:
    """Also those that no standard names."""
    assert b"HTTP/1.1 200 OK\r\n" == STATUS_LINES[200]
    assert b"HTTP/1.1 529 Overloaded\r\n" == STATUS_LINES[529]
    assert set(range(100, 600)) == set(STATUS_LINES)
    assert {204, 304} == BODILESS
