"""What is changed in a request before it goes to the provider: the model that a route renames, the usage we ask for."""

from urllib.parse import quote

from gateway.core.errors import Refusal
from gateway.policies.routing import Provider
from gateway.wire import body as json_body
from gateway.wire.dialect import DIALECTS
from gateway.wire.endpoint import Place
from gateway.wire.shapes import Fields

_PLAIN_IN_PATH = ":@+"


class Outgoing:
    """A request as it is sent. `asked_usage`: its stream's usage event is for us, not for the client."""

    __slots__ = ("asked_usage", "body", "place")

    def __init__(self, place: Place, body: bytes, *, asked_usage: bool = False) -> None:
        self.place = place
        self.body = body
        self.asked_usage = asked_usage


def edit(place: Place, body: bytes, fields: Fields | None, provider: Provider, model: str | None) -> Outgoing:
    """Change what must be changed, byte for byte nothing else, to ask `provider` for `model` (None: the request's own).

    `fields` None: the body was not read.
    """
    asked = place.model if place.model is not None else fields.model if fields is not None else None
    if model is not None and model != asked:
        if place.model is not None:
            place = _renamed(place, place.model, model)
        elif fields is not None:
            body = json_body.with_model(body, model)
        else:
            raise Refusal("bad_request", f"Ask for '{model}' by that name: the body of a form is not changed.")
    if fields is None or not provider.inject_usage:
        return Outgoing(place, body)
    if not DIALECTS[place.dialect].wants_usage_injection(place.endpoint, fields):
        return Outgoing(place, body)
    return Outgoing(place, json_body.with_usage(body, fields.options), asked_usage=True)


def _renamed(place: Place, old: str, new: str) -> Place:
    """Put the new name where the path has the old one, in whichever way that is encoded."""
    for written in (old, quote(old, safe=_PLAIN_IN_PATH), quote(old, safe="")):
        if f"/{written}" in place.path:
            renamed = place.path.replace(f"/{written}", f"/{quote(new, safe=_PLAIN_IN_PATH)}", 1)
            return place._replace(path=renamed, model=new)
    raise Refusal("bad_request", f"The model's name in the path {place.path} is written in an unusual way.")
