"""An upgrade offer that is ignored: the same head again, without the offer."""

from gateway.http.headers import Header

_OFFER = frozenset((b"upgrade", b"http2-settings"))


def head_without_upgrade(method: bytes, target: bytes, version: str, headers: list[Header]) -> bytes:
    """Rebuild a request head so that the parser reads the body that it skips after an upgrade offer.

    Several Java clients offer h2c with every POST; a server that stops parsing there loses their bodies.
    """
    lines = [b"%b %b HTTP/%b" % (method, target, version.encode())]
    for lower, name, value in headers:
        if lower in _OFFER:
            continue
        kept = _without_offer(value) if lower == b"connection" else value
        if kept or lower != b"connection":
            lines.append(name + b": " + kept)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _without_offer(value: bytes) -> bytes:
    words = (part.strip() for part in value.split(b","))
    return b", ".join(word for word in words if word and word.lower() not in _OFFER)
