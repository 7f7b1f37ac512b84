"""What the data port answers itself: the probes of load balancers and coding agents, and the list of models."""

from gateway.core.errors import Refusal
from gateway.exchange.introduction import Introduction
from gateway.http.reader import Head
from gateway.policies.routing import Routing
from gateway.wire.dialect import DIALECTS
from gateway.wire.endpoint import Place

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


def models_answer(intro: Introduction, routing: Routing, place: Place) -> bytes:
    """Write the list of models that a key may use, or one of them, in the caller's shape. Raises Refusal."""
    dialect, principal, model = DIALECTS[place.dialect], intro.principal, place.model
    if model is None:
        return dialect.models_body(routing.models_for(principal, place.dialect))
    if not routing.allowed(principal, model) or not routing.knows(place.dialect, model):
        raise Refusal("model_not_found", f"'{model}' is not a model that this key may use here.")
    return dialect.model_body(model)
