"""Which headers pass a proxy."""

from gateway.http.headers import HOP_BY_HOP, Header, Passing, named_in_connection, write_block


def headers(*names: bytes) -> list[Header]:
    """Headers of these names, each with its name as value."""
    return [(name.lower(), name, b"v") for name in names]


def test_order_case_and_repeats_survive() -> None:
    """What passes is written as it came."""
    block = write_block(headers(b"X-B", b"Accept", b"x-b"), Passing(HOP_BY_HOP))

    assert b"X-B: v\r\nAccept: v\r\nx-b: v\r\n" == block


def test_dropped_names_and_prefixes_do_not_pass() -> None:
    """By name, by prefix, and with underscores for hyphens."""
    passing = Passing(frozenset((b"x-api-key",)), (b"x-tollway-",))

    block = write_block(headers(b"X-Api-Key", b"X_API_KEY", b"X-Tollway-Key", b"x_tollway_key", b"session_id"), passing)

    assert b"session_id: v\r\n" == block


def test_invented_names_are_not_remembered_for_ever() -> None:
    """Callers can invent names; what is remembered of them is bounded."""
    passing = Passing(HOP_BY_HOP)

    assert all(passing[b"x-%d" % number] for number in range(10_000))
    assert len(passing) <= 2_000


def test_connection_names_headers_but_not_itself() -> None:
    """`Connection: close` names no header; what it lists otherwise is hop-by-hop."""
    assert frozenset() == named_in_connection(b"keep-alive, Close")
    assert {b"x-secret", b"te"} == named_in_connection(b"TE, X-Secret ,close")


def test_a_message_can_be_stricter() -> None:
    """Names that one message's Connection header lists are dropped for that message only."""
    passing = Passing(HOP_BY_HOP)

    assert b"" == write_block(headers(b"X-Secret"), passing.without(frozenset((b"x-secret",))))
    assert b"X-Secret: v\r\n" == write_block(headers(b"X-Secret"), passing)
