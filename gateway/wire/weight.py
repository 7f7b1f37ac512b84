"""How much text is a request worth, where its tokens are estimated from its size? Pictures and sound weigh less."""

import string

_MEDIA_BYTES = 256  # that are worth one byte of text: with four of those a token, pictures and sound take a KiB for one
_STEP = 4096
_PROBE = 64  # bytes looked at in each step; no text has a word of this length
_BASE64 = (string.ascii_letters + string.digits + "+/-_=").encode()
_MEDIA = ("multipart/", "audio/", "image/", "video/", "application/octet-stream", "application/pdf")


def text_bytes(total: int, kept: bytes, content_type: str | None) -> int:
    """Return how many bytes of text a body of `total` bytes is worth. `kept`: what of it is at hand.

    A form counts as the file that is in it. In JSON the base64 is found by probes: estimates are rare, bodies long.
    """
    if content_type is not None and content_type.startswith(_MEDIA):
        return -(-total // _MEDIA_BYTES)
    probes = range(_STEP // 2, len(kept), _STEP)  # what is shorter is text
    dense = sum(1 for at in probes if not kept[at : at + _PROBE].translate(None, _BASE64))
    media = total * dense // max(len(probes), 1)
    return total - media + media // _MEDIA_BYTES
