"""A stream that the provider cut never looks finished: at whatever byte it ends, every SDK raises."""

import os
import random
from collections.abc import Iterator
from dataclasses import replace

import anthropic
import httpx2
import openai
import pytest
from google.genai import errors as gemini

from tests.gateway import Gateway
from tests.provider import Answer, Provider
from tests.sdk.calls import CALLS, STREAMS, USUAL
from tests.sdk.conftest import Make

# Beside the ends of all events and their neighbours; "all": every byte.
CUTS = os.environ.get("TOLLWAY_CUTS", "25")
RAISED = (openai.APIError, anthropic.APIError, gemini.APIError, httpx2.TransportError)
# Where the last event must have begun for the answer to look whole by anything but its framing.
ENDINGS = {
    "chat stream": b'"finish_reason": "stop"',
    "chat stream with usage": b'"finish_reason": "stop"',
    "responses stream": b"event: response.completed",
    "messages stream": b"event: message_stop",
    "generate_content stream": b'"finishReason"',
}
# framing, how the connection ends
WAYS = [("chunked", "close"), ("chunked", "reset"), ("length", "close"), ("length", "reset"), ("eof", "close")]


def pieces(answer: Answer) -> list[bytes]:
    """Return the events of a scripted stream."""
    return [step for step in answer.body if isinstance(step, bytes)]


def offsets(events: list[bytes], end: int) -> list[int]:
    """Choose where to cut, below `end`."""
    if CUTS == "all":
        return list(range(end))
    chosen = set(random.Random(CUTS).sample(range(end), min(int(CUTS), end)))
    at = 0
    for event in events:
        at += len(event)
        chosen |= {at - 2, at - 1, at, at + 1}
    return sorted(offset for offset in chosen if 0 <= offset < end)


def cut(answer: Answer, framing: str, way: str, name: str) -> Iterator[Answer]:
    """Yield the answer, cut at many places before its terminal event is whole."""
    events = pieces(answer)
    whole = b"".join(events)
    # The last two bytes end the last event: nobody can miss them if framing does not.
    end = len(whole) - 2 if framing != "eof" else whole.index(ENDINGS[name])
    for offset in offsets(events, end):
        yield replace(answer, framing=framing, stop_at=offset, stop_by=way)


@pytest.mark.slow
@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize(("framing", "way"), WAYS)
def test_cut_stream_raises(name: str, framing: str, way: str, make: Make, provider: Provider, gateway: Gateway) -> None:
    """Whatever framing the provider used, and however it left; the log says that it was the provider's fault."""
    call = CALLS[name]
    session = f"{name} {framing} {way}"
    client = make(call.sdk, session=session)
    cuts = list(cut(call.injected or call.answer, framing, way, name))
    assert len(cuts) > 20
    finished = []
    for answer in cuts:
        provider.play(answer)
        try:
            call.make(client)
        except RAISED:
            continue
        finished.append(answer.stop_at)

    assert [] == finished
    rows = gateway.wait_rows(len(cuts), session=session)
    assert [("upstream_error", True)] * len(cuts) == [(row["outcome"], row["error"] is not None) for row in rows]


@pytest.mark.parametrize("name", USUAL)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_cut_document_raises(name: str, framing: str, make: Make, provider: Provider) -> None:
    """An answer that is one document must be whole, too."""
    call = CALLS[name]
    client = make(call.sdk)
    (whole,) = pieces(call.answer)
    for offset in [0, 1, len(whole) // 2, len(whole) - 1]:
        provider.play(replace(call.answer, framing=framing, stop_at=offset))
        with pytest.raises(RAISED):
            call.make(client)
