"""A request's body on its way in: read whole where its fields count, looked through where it is a form, else passed."""

from gateway.core.errors import Refusal
from gateway.http.reader import Request
from gateway.wire.endpoint import Endpoint
from gateway.wire.multipart import model_of_form

# How much of a body that passes is held back while its model is looked for or a connection opens.
HOLD_BYTES = 64 * 1024


class Intake:
    """What has come of one body.

    `whole`: it is read to its end before anything is sent. `is_form`: its model is still being looked for.
    """

    __slots__ = ("_held", "_held_bytes", "_limit", "_received", "complete", "is_form", "whole")

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._received = 0
        self.complete = False
        self.whole = False
        self.is_form = False

    def expect(self, request: Request, endpoint: Endpoint, *, listed: bool) -> None:
        """Decide by the head how to take the body. `listed`: the key is held to a list of models.

        Such a key is held to it on endpoints that we do not know, too: every JSON body is read for its model then.
        """
        self._check(request.length or 0)
        is_post = request.head.method == b"POST"
        content_type = request.head.index.get(b"content-type", b"")
        is_form = content_type.startswith(b"multipart/")
        self.whole = is_post and not is_form and (endpoint.reads_body or (listed and b"json" in content_type))
        self.is_form = is_post and is_form
        if self.whole and b"content-encoding" in request.head.index:
            raise Refusal("unsupported_encoding", "Send the JSON body as it is, without Content-Encoding.")

    @property
    def full(self) -> bool:
        """Whether as much is held back as may be."""
        return self._held_bytes >= HOLD_BYTES

    def count(self, data: bytes) -> None:
        """Count what came of a body whose length the head did not tell. Raises Refusal beyond the limit."""
        self._received += len(data)
        self._check(self._received)

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

    def _check(self, length: int) -> None:
        if length > self._limit:
            raise Refusal(
                "body_too_large",
                f"The request body is larger than max_request_body allows: {self._limit} bytes "
                f"({self._limit >> 20} MiB). Send less, or have the operator raise [server] max_request_body.",
            )
