"""What the store's vocabulary says of itself."""

from gateway.store.interface import Body


def test_body_knows_whether_it_is_whole() -> None:
    """Kept bytes are compared with the true length."""
    assert Body([(0, b"abc")], 3).is_whole
    assert not Body([(0, b"a"), (2, b"c")], 3).is_whole
    assert Body([], 0).is_whole
