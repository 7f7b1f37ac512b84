"""Where clients put their key."""

from gateway.wire.credentials import candidates


def test_every_place_of_a_key_is_tried_the_most_explicit_first() -> None:
    """Both headers of an Anthropic client count, and `x-tollway-key` before them."""
    index = {
        b"x-tollway-key": b"tw-1",
        b"authorization": b"Bearer tw-2",
        b"x-api-key": b"tw-3",
        b"x-goog-api-key": b"tw-4",
        b"api-key": b"tw-5",
    }

    assert [b"tw-1", b"tw-2", b"tw-3", b"tw-4", b"tw-5", b"tw-6"] == candidates(index, b"tw-6")


def test_only_bearer_authorization_carries_a_key() -> None:
    """Basic authentication is no key; the scheme's case does not matter."""
    assert [] == candidates({b"authorization": b"Basic dXNlcg=="}, None)
    assert [b"tw"] == candidates({b"authorization": b"bearer tw"}, None)
