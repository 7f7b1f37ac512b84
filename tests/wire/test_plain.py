"""Which texts from outside are taken as they are."""

import msgspec
import pytest

from gateway.wire.plain import decoded, header_text, plain


@pytest.mark.parametrize("value", ["a", "größer 1", "x" * 256])
def test_printable_text_is_taken(value: str) -> None:
    """Whole, of any script."""
    assert value == plain(value)


@pytest.mark.parametrize("value", ["", "x" * 257, "a\nb", "\u202ea", "\0", None, 7, b"a", ["a"]])
def test_what_is_no_such_text_is_not(value: object) -> None:
    """Empty, too long, unprintable, or no text at all."""
    assert plain(value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"a b", "a b"),
        (b"x" * 4, "x" * 4),
        (b"x" * 5, None),
        (b"", None),
        (b"\xfc", None),
        (b"a\n", None),
        (None, None),
    ],
)
def test_headers_are_ascii(value: bytes | None, expected: str | None) -> None:
    """Anything else could mean this or that."""
    assert expected == header_text(value, 4)


@pytest.mark.parametrize("raw", [None, b"", b"{", b'"\xff"', b"[" * 5_000, b"7"])
def test_json_of_another_shape_says_nothing(raw: bytes | None) -> None:
    """It is not an error."""
    assert decoded(raw, msgspec.json.Decoder(str).decode) is None
    assert "a" == decoded(b'"a"', msgspec.json.Decoder(str).decode)
