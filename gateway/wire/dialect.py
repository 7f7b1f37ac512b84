"""The dialects: everything the gateway must know about how a provider's API speaks, by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.core.errors import Refusal, Standing
from gateway.core.usage import Usage
from gateway.wire import anthropic, anthropic_meter, gemini, gemini_meter, openai, openai_meter
from gateway.wire.endpoint import Endpoint, Place, classify
from gateway.wire.meter import Meter
from gateway.wire.shapes import Fields

__all__ = ["DIALECTS", "Dialect", "Endpoint", "Meter", "NewMeter", "Place"]


class NewMeter(Protocol):
    """Makes a meter. `streamed`: the answer is a stream. `strip_usage`: we asked for its usage event, nobody else."""

    def __call__(self, endpoint: Endpoint, *, streamed: bool, strip_usage: bool) -> Meter: ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one API speaks: plain data and pure functions.

    `credential`: the header that carries a provider key. `refusal_body`, `error_event`: a refusal as its clients
    understand it, as a whole answer and inside a stream. `limit_headers`: how a rate stands. `models_body`,
    `model_body`: answers about models. `read_raw`: what a provider's own usage object says (`usage.raw`), alone,
    without what stood around it. `wants_usage_injection`: this stream would end without its usage.
    """

    name: str
    endpoint: Callable[[str, str], Endpoint]
    credential: Callable[[bytes], tuple[bytes, bytes]]
    new_meter: NewMeter
    read_raw: Callable[[bytes], Usage | None]
    refusal_body: Callable[[Refusal, str], bytes]
    error_event: Callable[[Refusal, str, Endpoint], bytes]
    limit_headers: Callable[[Standing], Sequence[tuple[bytes, bytes]]]
    models_body: Callable[[Sequence[str]], bytes]
    model_body: Callable[[str], bytes]
    wants_usage_injection: Callable[[Endpoint, Fields], bool]


DIALECTS: Mapping[str, Dialect] = {
    "openai": Dialect(
        name="openai",
        endpoint=lambda method, path: classify(openai.ENDPOINTS, method, path),
        credential=openai.credential,
        new_meter=openai_meter.new_meter,
        read_raw=openai_meter.read_raw,
        refusal_body=openai.refusal_body,
        error_event=openai.error_event,
        limit_headers=openai.limit_headers,
        models_body=openai.models_body,
        model_body=openai.model_body,
        wants_usage_injection=openai.wants_usage_injection,
    ),
    "anthropic": Dialect(
        name="anthropic",
        endpoint=lambda method, path: classify(anthropic.ENDPOINTS, method, path),
        credential=anthropic.credential,
        new_meter=anthropic_meter.new_meter,
        read_raw=anthropic_meter.read_raw,
        refusal_body=anthropic.refusal_body,
        error_event=anthropic.error_event,
        limit_headers=anthropic.limit_headers,
        models_body=anthropic.models_body,
        model_body=anthropic.model_body,
        wants_usage_injection=anthropic.wants_usage_injection,
    ),
    "gemini": Dialect(
        name="gemini",
        endpoint=gemini.endpoint,
        credential=gemini.credential,
        new_meter=gemini_meter.new_meter,
        read_raw=gemini_meter.read_raw,
        refusal_body=gemini.refusal_body,
        error_event=gemini.error_event,
        limit_headers=gemini.limit_headers,
        models_body=gemini.models_body,
        model_body=gemini.model_body,
        wants_usage_injection=gemini.wants_usage_injection,
    ),
}
