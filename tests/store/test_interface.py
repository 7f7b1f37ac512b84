"""What the store's vocabulary says of itself."""

from gateway.store.interface import Body, Spend


def test_body_knows_whether_it_is_whole() -> None:
    """Kept bytes are compared with the true length."""
    assert Body([(0, b"abc")], 3).is_whole
    assert not Body([(0, b"a"), (2, b"c")], 3).is_whole
    assert Body([], 0).is_whole


def test_spend_adds_up() -> None:
    """Sums of several files add field by field."""
    spend = Spend(name="x")
    spend.add(1, 2, 3, 4)
    spend.add(10, 20, 30, 40)

    assert Spend(name="x", requests=11, input_tokens=22, output_tokens=33, cost_nano_usd=44) == spend
