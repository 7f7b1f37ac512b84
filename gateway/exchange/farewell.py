"""How does a refused request end? Answered in the caller's dialect, and written down if the caller is known."""

import logging
from typing import Final

from gateway.core.errors import Refusal, UpstreamFailure
from gateway.exchange.books import Entry
from gateway.exchange.relay import Relay
from gateway.exchange.replies import render
from gateway.http.reader import Request
from gateway.http.server import ServerConnection
from gateway.metrics.board import ACCEPTED, ENDED, REJECTED_AUTH, REJECTED_OTHER, Slot
from gateway.wire.clients import addressed

log = logging.getLogger("tollway.providers")
defects = logging.getLogger("tollway.proxy")

# A refused body that is no longer than this is read to its end: the connection stays usable.
_SMALL_BYTES: Final = 64 * 1024
_KIND_OF_FAILURE: Final = {"connect": "upstream_connect", "timeout": "upstream_timeout"}
_RESULT_OF_REFUSAL: Final = {"upstream_connect": "connect"}


class Farewell:
    """The last words to a client; they leave now, or once its body has come. `late`: they wait for that."""

    __slots__ = ("_block", "_body", "_client", "_status", "late")

    def __init__(self, client: ServerConnection, refusal: Refusal, dialect: str, exchange_id: str) -> None:
        self._client = client
        self._status = refusal.status
        self._block, self._body = render(refusal, refusal.dialect or dialect, exchange_id)
        self.late = False

    def answer(self, request: Request, *, complete: bool) -> None:
        """Answer, unless it is better to take the rest of a small body first. `complete`: it has come."""
        if self._client.started:
            self._client.abort()
            return
        length = request.length
        if complete or length is None or length > _SMALL_BYTES or request.head.framing.expects_continue:
            self.say()
        else:
            self.late = True

    def say(self) -> None:
        """Answer now."""
        self.late = False
        self._client.start(self._status, self._block, len(self._body))
        self._client.send(self._body, end=True)


def write_down(refusal: Refusal, entry: Entry | None, relay: Relay | None, slot: Slot) -> None:
    """Note a refusal. `entry`: None of a caller that we do not know, who is only counted."""
    if entry is None:
        slot.add(REJECTED_AUTH if refusal.kind == "invalid_key" else REJECTED_OTHER)
        return
    record = entry.record
    addressed(refusal, record.client)
    record.status = refusal.status
    error = f"{refusal.kind}: {refusal.message}"
    if relay is not None:
        relay.give_up(refusal.outcome, error, _RESULT_OF_REFUSAL.get(refusal.kind))
    elif not entry.closed:
        if entry.admission is not None:
            entry.admission.release()
        record.error = error
        if not entry.begun:
            slot.add(ACCEPTED)
        slot.add(ENDED)
        entry.close(refusal.outcome)


def refusal_of(failure: UpstreamFailure, provider: str) -> Refusal:
    """Say that a provider failed before the client saw anything of its answer."""
    log.warning("a provider failed before it answered", extra={"provider": provider, "error": failure})
    kind = _KIND_OF_FAILURE.get(failure.kind, "upstream_protocol")
    return Refusal(kind, f"The provider '{provider}' failed: {failure.message}.")


def as_refusal(error: Exception, exchange_id: str) -> Refusal:
    """Say it to the client where a phase raised: its own refusal, or that we have a defect."""
    if isinstance(error, Refusal):
        return error
    defects.error("a defect of Tollway ended a request", exc_info=error, extra={"exchange": exchange_id})
    return Refusal("internal_error", f"The gateway failed. Its log names request {exchange_id}.")
