"""A text with its escapes read, and the way back."""

import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.escapes import Unescaped, unescape

TEXT = st.text(st.sampled_from('ab\\"/\n\té😀'))


@given(TEXT)
def test_reading_undoes_writing(text: str) -> None:
    """What JSON wrote is read as it was, surrogate pairs included."""
    for ascii_only in (True, False):
        written = json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode()
        read = unescape(written)

        assert text.encode() == (written if read is None else read.text)


@given(st.text(st.sampled_from("ab\\nu0041\n")), st.data())
def test_every_stretch_is_found_again(source: str, data: st.DataObject) -> None:
    """A stretch of the text stands where it is said to stand: read alone, that place says the same."""
    read = Unescaped(source.encode())
    start = data.draw(st.integers(0, len(read.text)))
    end = data.draw(st.integers(start, len(read.text)))

    first, last = read.origin(start, end)
    there = Unescaped(source.encode()[first:last]).text
    assert read.text[start:end] == there
    assert (first, last) == read.whole(first, last)
    assert (start, end) == read.forward(first, last) or first == last


@given(st.text(st.sampled_from("ab\\nu0041\n")), st.data())
def test_widened_stretch_cuts_no_escape(source: str, data: st.DataObject) -> None:
    """What is left when it is taken out reads as before."""
    text = source.encode()
    read = Unescaped(text)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))

    first, last = read.whole(start, end)
    assert first <= start <= end <= last
    begun, ended = read.forward(first, last)
    assert read.text[:begun] == Unescaped(text[:first]).text
    assert read.text[ended:] == Unescaped(text[last:]).text


def test_text_without_escapes_costs_nothing() -> None:
    """A backslash alone is none."""
    assert unescape(b"plain") is None
    assert unescape(rb"C:\dir") is None
