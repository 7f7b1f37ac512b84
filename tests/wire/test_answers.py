"""The usage of every kind of answer, whole, in pieces and byte by byte; the shapes are those of the SDKs."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from gateway.core.usage import Usage
from gateway.wire import paths
from gateway.wire.dialect import DIALECTS
from tests.wire.answers import CASES, FREE, Case


def body_of(case: Case) -> bytes:
    """Write the answer as a provider does."""
    if isinstance(case.answer, str):
        return case.answer.encode()
    if not case.streamed:
        return json.dumps(case.answer).encode()
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in case.answer)


def read(case: Case, size: int) -> Usage | None:
    """Meter the answer in pieces of this size."""
    endpoint = paths.under_provider(case.dialect, "POST", case.path).endpoint
    meter = DIALECTS[case.dialect].new_meter(endpoint, streamed=case.streamed, strip_usage=False)
    body = body_of(case)
    assert body == b"".join(meter.feed(body[at : at + size]) for at in range(0, len(body), size)) + meter.finish()
    assert meter.complete(200)
    return meter.usage()


def told(usage: Usage) -> dict[str, Any]:
    """List what is not zero, the provider's own object left out."""
    fields = {name: getattr(usage, name) for name in usage.__struct_fields__ if name not in ("raw", "rates")}
    shown = {name: value for name, value in fields.items() if value}
    if usage.elsewhere:
        shown["elsewhere"] = [told(each) for each in usage.elsewhere]
    return shown


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_usage_is_read_from_every_kind_of_answer(case: Case) -> None:
    """However it is cut."""
    for size in (1, 5, 64, 1 << 20):
        usage = read(case, size)

        assert case.usage == (told(usage) if usage is not None else None), size


@pytest.mark.parametrize("case", [case for case in CASES if case.shape], ids=lambda case: case.name)
def test_the_shapes_are_those_of_the_sdk(case: Case) -> None:
    """A fixture that the SDK would not take is fantasy."""
    TypeAdapter(case.shape).validate_python(case.answer[-1] if case.streamed else case.answer)


@pytest.mark.parametrize(("dialect", "path", "answer", "shape"), FREE)
def test_counting_and_moderation_are_free(dialect: str, path: str, answer: dict[str, Any], shape: Any) -> None:
    """They are not metered, so they cost nothing."""
    assert not paths.under_provider(dialect, "POST", path).endpoint.meters


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_tells_nothing_is_estimated(case: Case) -> None:
    """Never nothing: the provider was called."""
    endpoint = paths.under_provider(case.dialect, "POST", case.path).endpoint
    meter = DIALECTS[case.dialect].new_meter(endpoint, streamed=case.streamed, strip_usage=False)
    meter.feed(body_of(case)[:20])

    assert meter.estimate(400).input_total > 0
