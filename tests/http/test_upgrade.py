"""An h2c offer is ignored without losing the request."""

from gateway.http.upgrade import head_without_upgrade


def test_only_the_offer_is_left_out() -> None:
    """Every other header and connection option stays."""
    lines = [
        (b"Host", b"a"),
        (b"Connection", b"Upgrade, HTTP2-Settings, close"),
        (b"Upgrade", b"h2c"),
        (b"HTTP2-Settings", b"AAMA"),
        (b"X", b"y"),
    ]

    head = head_without_upgrade(b"POST", b"/v1/x", "1.1", [(name.lower(), name, value) for name, value in lines])

    assert b"POST /v1/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: y\r\n\r\n" == head


def test_a_connection_header_with_nothing_else_goes() -> None:
    """An empty Connection header is not left behind."""
    head = head_without_upgrade(b"GET", b"/", "1.1", [(b"connection", b"Connection", b"upgrade")])

    assert b"GET / HTTP/1.1\r\n\r\n" == head
