"""Where what must go stands, over pieces of a text and through escapes in escapes."""

import time

from gateway.exchange.looking import Edit, Text, look
from gateway.policies.redaction import DEFAULT, Effort
from gateway.wire.fragments import Fragment


def pieces(*texts: bytes) -> list[Fragment]:
    """Make pieces that stand at 100, 200 and so on."""
    return [Fragment(number * 100, number * 100 + len(text), text) for number, text in enumerate(texts, 1)]


def edits(*texts: Text, escaped: bool = True, cut: bool = False) -> tuple[list[Edit], int]:
    """Look through texts by the built-in rules."""
    return look(texts, DEFAULT, Effort(time.thread_time_ns), escaped=escaped, cut=cut)


def test_mark_stands_where_it_began_and_the_rest_goes() -> None:
    """Over as many pieces as it takes."""
    text = Text(pieces(b"to jane", b"@exam", b"ple.org, now"))

    assert ([Edit(103, 107, b"[email]"), Edit(200, 205, b""), Edit(300, 307, b"")], 1) == edits(text)


def test_texts_are_not_read_as_one() -> None:
    """What ends in one does not go on in the next."""
    assert ([], 0) == edits(Text(pieces(b"jane@")), Text(pieces(b"example.org")))


def test_copies_are_replaced_with_it() -> None:
    """An equal text is looked at once."""
    first, *others = (Fragment(at, at + 11, b"a@b.example") for at in (10, 50, 90))

    assert 3 == edits(Text([first], others))[1]


def test_escapes_are_read_at_every_depth() -> None:
    """And what is replaced takes whole escapes with it: the inner JSON stays JSON."""
    (edit,), _ = edits(Text(pieces(rb"{\"a\":\"x\\na\\u0040b.example\"}")))

    assert rb"a\\u0040b.example" == rb"{\"a\":\"x\\na\\u0040b.example\"}"[edit.start - 100 : edit.end - 100]


def test_plain_text_is_read_as_it_stands_too() -> None:
    """A path of Windows is no escape, and JSON that was pasted is."""
    plain = rb"C:\rk_live_0123456789abcdefgh7 a\u0040b.example"

    found, count = edits(Text(pieces(plain)), escaped=False)

    assert 2 == count
    assert [b"[secret]", b"[email]"] == [each.kept for each in found]


def test_last_words_of_a_cut_text_go() -> None:
    """The last one, and numbers before it, which may be part of a longer one; that is no find."""
    assert ([Edit(105, 114, b"[cut]")], 0) == edits(Text(pieces(b"call 4111 1111")), cut=True)
    assert ([Edit(105, 106, b"[cut]")], 0) == edits(Text(pieces(b"call s")), cut=True)
    assert ([], 0) == edits(Text(pieces(b"")), cut=True)
