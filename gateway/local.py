"""What the data port answers itself, without a key: the probes of load balancers and of coding agents."""

from gateway.http.reader import Head

_PLAIN = b"content-type: text/plain; charset=utf-8\r\n"
_LONGEST = len(b"/healthz")
READERS = (b"GET", b"HEAD")


def local_answer(head: Head, *, draining: bool) -> tuple[int, bytes, bytes] | None:
    """Return status, header block and body of an answer of our own; None: the request is for a provider."""
    path = head.target
    if len(path) > _LONGEST or head.method not in READERS:
        return None
    if path == b"/":
        return 200, _PLAIN, b"Tollway. Set this as base_url; /healthz and /readyz tell how it is.\n"
    if path == b"/healthz":
        return 200, _PLAIN, b"ok\n"
    if path == b"/readyz":
        return (503, _PLAIN, b"draining\n") if draining else (200, _PLAIN, b"ready\n")
    return None
