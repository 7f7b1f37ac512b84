"""A request's body on its way in: read whole where its fields count, looked through where it is a form, else passed."""

from enum import Enum

from gateway.core.errors import Refusal
from gateway.http.reader import Head
from gateway.wire.endpoint import Endpoint
from gateway.wire.multipart import model_of_form

# How much of a body that passes is held back while its model is looked for or a connection opens.
HOLD_BYTES = 64 * 1024


class Taking(Enum):
    """How a body is taken."""

    THROUGH = "passed on as it comes"
    WHOLE = "read to its end before anything is sent"
    FORM = "held back until its model is found"
    REFUSE = "compressed, where it would have to be read"


def taking(head: Head, endpoint: Endpoint, *, listed: bool) -> Taking:
    """Decide by a request's head how to take its body. `listed`: the key is held to a list of models.

    Such a key is held to it on endpoints that we do not know, too: every JSON body is read for its model then.
    """
    if head.method != b"POST":
        return Taking.THROUGH
    content_type = head.index.get(b"content-type", b"")
    if content_type.startswith(b"multipart/"):
        return Taking.FORM
    if not endpoint.reads_body and not (listed and b"json" in content_type):
        return Taking.THROUGH
    return Taking.REFUSE if b"content-encoding" in head.index else Taking.WHOLE


class Intake:
    """What has come of one body. `whole`: it is read to its end first. `is_form`: its model is still looked for."""

    __slots__ = ("_held", "_held_bytes", "_limit", "_received", "is_form", "whole")

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._received = 0
        self.whole = False
        self.is_form = False

    def expect(self, how: Taking, length: int | None) -> None:
        """Get ready for a body of this length (None: it is not known). Raises Refusal."""
        if length is not None and length > self._limit:
            raise self._too_large()
        self.whole = how is Taking.WHOLE
        self.is_form = how is Taking.FORM
        if how is Taking.REFUSE:
            raise Refusal("unsupported_encoding", "Send the JSON body as it is, without Content-Encoding.")

    @property
    def pieces(self) -> int:
        """In how many pieces came what is held."""
        return len(self._held)

    @property
    def full(self) -> bool:
        """Whether as much is held back as may be."""
        return self._held_bytes >= HOLD_BYTES

    def count(self, data: bytes) -> None:
        """Count what came of a body whose length the head did not tell. Raises Refusal beyond the limit."""
        self._received += len(data)
        if self._received > self._limit:
            raise self._too_large()

    def hold(self, data: bytes) -> None:
        """Keep a piece for later."""
        self._held.append(data)
        self._held_bytes += len(data)

    def form_model(self) -> str | None:
        """Look for the model in what is held of a form."""
        self._held = [b"".join(self._held)]
        return model_of_form(self._held[0])

    def release(self) -> bytes:
        """Return what is held, and hold it no longer."""
        held, self._held = self._held, []
        return held[0] if len(held) == 1 else b"".join(held)

    def _too_large(self) -> Refusal:
        return Refusal(
            "body_too_large",
            f"The request body is larger than max_request_body allows: {self._limit} bytes. "
            "Send less, or have the operator raise [server] max_request_body.",
        )


def framed(data: bytes) -> bytes:
    """Frame a piece of a body whose length is not known."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else data
