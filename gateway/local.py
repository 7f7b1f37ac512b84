"""What the data port answers itself, without a key: the probes of load balancers and of coding agents."""

_PLAIN = b"content-type: text/plain; charset=utf-8\r\n"
READERS = (b"GET", b"HEAD")


def local_answer(method: bytes, path: bytes, draining: bool) -> tuple[int, bytes, bytes] | None:
    """Return status, header block and body of an answer of our own; None: the request is for a provider."""
    if len(path) > 8 or method not in READERS:
        return None
    if path == b"/":
        return 200, _PLAIN, b"Tollway. Set this as base_url; /healthz and /readyz tell how it is.\n"
    if path == b"/healthz":
        return 200, _PLAIN, b"ok\n"
    if path == b"/readyz":
        return (503, _PLAIN, b"draining\n") if draining else (200, _PLAIN, b"ready\n")
    return None
