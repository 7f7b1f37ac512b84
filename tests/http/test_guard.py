"""What llhttp lets through and we do not."""

import pytest

from gateway.http.guard import BadRequest, check_framing, check_request_line, index_headers
from gateway.http.headers import Header


def headers(*lines: tuple[bytes, bytes]) -> list[Header]:
    """Headers as the parser gives them."""
    return [(name.lower(), name, value) for name, value in lines]


@pytest.mark.parametrize("version", ["0.9", "2.0", "1.2", "0.0"])
def test_other_versions_are_refused(version: str) -> None:
    """Only HTTP/1.1 and HTTP/1.0 are spoken: 505."""
    with pytest.raises(BadRequest) as caught:
        check_request_line(b"GET", b"/", version)

    assert 505 == caught.value.status


@pytest.mark.parametrize("method", [b"TRACE", b"CONNECT", b"PURGE", b"DESCRIBE", b"SOURCE", b"get"])
def test_other_methods_are_refused(method: bytes) -> None:
    """A method that is not on the list gets 405, RTSP's and ICE's among them."""
    with pytest.raises(BadRequest) as caught:
        check_request_line(method, b"/", "1.1")

    assert 405 == caught.value.status


@pytest.mark.parametrize(
    "target", [b"*", b"http://evil/", b"evil:80", b"", b"/a#b", b'/a"b', b"/<a>", b"/{a}", b"/a\\b", b"/a^b", b"/\xe4"]
)
def test_other_target_forms_are_refused(target: bytes) -> None:
    """The target is a path of URI characters, nothing else."""
    with pytest.raises(BadRequest) as caught:
        check_request_line(b"GET", target, "1.1")

    assert 400 == caught.value.status


def test_ordinary_targets_pass() -> None:
    """Gemini's colon, encoded bytes and queries are ordinary."""
    check_request_line(b"POST", b"/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse&x=%20", "1.1")


@pytest.mark.parametrize("name", [b"Host", b"Content-Length", b"Transfer-Encoding", b"Content-Type", b"Expect"])
def test_repeats_that_two_readers_resolve_differently_are_refused(name: bytes) -> None:
    """A second Host or length, in any case, is refused; other repeats are kept."""
    with pytest.raises(BadRequest):
        index_headers(headers((name, b"1"), (b"x", b"y"), (name.upper(), b"1")))

    assert {b"accept": b"b"} == index_headers(headers((b"Accept", b"a"), (b"accept", b"b")))


@pytest.mark.parametrize(
    "index",
    [
        {},
        {b"host": b"a, b/c"},
        {b"host": b"a b"},
        {b"host": b"a", b"transfer-encoding": b"gzip, chunked"},
        {b"host": b"a", b"transfer-encoding": b"chunked, chunked"},
        {b"host": b"a", b"transfer-encoding": b",chunked"},
        {b"host": b"a", b"transfer-encoding": b"identity"},
        {b"host": b"a", b"transfer-encoding": b"chunked", b"content-length": b"3"},
        {b"host": b"a", b"content-length": b"+1"},
        {b"host": b"a", b"content-length": b"1,1"},
        {b"host": b"a", b"content-length": b"9" * 19},
        {b"host": b"a", b"expect": b"200-maybe"},
    ],
)
def test_doubtful_framing_is_refused(index: dict[bytes, bytes]) -> None:
    """No host or a strange one, any coding but one 'chunked', any length but a plain number."""
    with pytest.raises(BadRequest):
        check_framing(index, "1.1")


def test_transfer_coding_on_http_1_0_is_refused() -> None:
    """HTTP/1.0 has no chunked bodies: who reads it as one is the smuggler's friend."""
    with pytest.raises(BadRequest):
        check_framing({b"host": b"a", b"transfer-encoding": b"chunked"}, "1.0")


def test_framing_is_told() -> None:
    """Length, chunks, and what the connection is to do."""
    assert (7, True, False) == check_framing({b"host": b"a", b"content-length": b"0007"}, "1.1")
    assert (None, True, False) == check_framing({b"host": b"a", b"transfer-encoding": b"Chunked"}, "1.1")
    assert (0, False, False) == check_framing({b"host": b"a", b"connection": b"Close"}, "1.1")
    assert (0, False, False) == check_framing({}, "1.0")
    assert (0, True, False) == check_framing({b"connection": b"keep-alive"}, "1.0")
    assert (3, True, True) == check_framing({b"host": b"a", b"content-length": b"3", b"expect": b"100-Continue"}, "1.1")
