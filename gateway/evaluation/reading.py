"""From what the log keeps of an exchange to what a plugin is given, for every dialect."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec

from gateway.core import record as records
from gateway.core.record import Record
from gateway.core.usage import Usage
from gateway.evaluation import api
from gateway.evaluation.api import Exchange
from gateway.evaluation.bodies import Body, beginning, body_of, events
from gateway.evaluation.normal import anthropic, gemini, openai_chat, responses
from gateway.evaluation.normal.finish import finish_of
from gateway.evaluation.normal.shape import Asked, Reader, Said
from gateway.evaluation.protocol import Kept
from gateway.wire.scan import UNREADABLE

# By the record's endpoint: only these carry a conversation.
READERS: Final[Mapping[tuple[str | None, str | None], Reader]] = {
    ("openai", "chat"): openai_chat.READER,
    ("openai", "text_completion"): openai_chat.READER,
    ("openai", "responses"): responses.READER,
    ("anthropic", "messages"): anthropic.READER,
    ("anthropic", "text_completion"): openai_chat.READER,
    ("gemini", "generate_content"): gemini.READER,
}
_NANO: Final = 1_000_000_000
_NO_BODY: Final = Body(b"", True, 0)
_NULL: Final = msgspec.Raw(b"null")
_EMPTY: Final = records.encode(Record(id="", started_at="", team="", key=""))
_decode_facts: Final = msgspec.json.Decoder(dict[str, Any]).decode
# Every field of a record that leaves out what is as it is by default.
_ALL_FACTS: Final = msgspec.json.encode(
    {
        name: getattr(records.decode(_EMPTY), name)
        for name in Record.__struct_fields__
        if name not in ("rates", "usage", "job")
    }
    | {"rates": None, "usage": None, "job": None}
)


def exchange_of(kept: Kept) -> Exchange:
    """Read an exchange; what cannot be understood is left out, and never an error."""
    record = _record(kept.record)
    reader = READERS.get((record.dialect, record.endpoint))
    request = None if kept.request is None else body_of(kept.request, kept.request_bytes, None)
    response = None
    if kept.response is not None:
        response = body_of(kept.response, kept.response_bytes, record.content_encoding)
    asked = _asked(reader, request or _NO_BODY)
    said, has_ended = _said(reader, response or _NO_BODY)
    answer = said.choices[0] if said.choices else None
    return Exchange(
        id=record.id,
        team=record.team,
        dialect=record.dialect or "",
        endpoint=record.endpoint or "",
        model=record.model_served or record.model_asked or "",
        outcome=record.outcome or "",
        status=record.status,
        stream=record.stream,
        messages=asked.messages,
        choices=said.choices,
        tools=asked.tools,
        tool_choice=asked.tool_choice,
        response_format=asked.response_format,
        max_tokens=asked.max_tokens,
        finish=finish_of(said.finish or record.finish_reason, answer),
        usage=_usage(record.usage),
        cost_usd=None if record.price_source == "none" else record.cost_nano_usd / _NANO,
        first_token_ms=record.first_token_ms,
        duration_ms=record.duration_ms,
        is_complete=record.outcome == "ok" and has_ended,
        is_truncated=record.truncated or not ((request or _NO_BODY).is_whole and (response or _NO_BODY).is_whole),
        prompt_version=prompt_version(asked.messages),
        session=record.session,
        record=_facts(kept.record),
        request=request.data if request else None,
        response=response.data if response else None,
    )


def prompt_version(messages: tuple[api.Message, ...]) -> str | None:
    """Name a system prompt by its text; None: there is none."""
    system = api.system_of(messages)
    return sha256(system.encode("utf-8", "surrogatepass")).hexdigest()[:16] if system else None


def _record(data: bytes) -> Record:
    try:
        return records.decode(data)
    except UNREADABLE:
        return records.decode(_EMPTY)


def _facts(data: bytes) -> dict[str, Any]:
    """Return all facts by name. A number that only JSON can hold stands in what a provider wrote: that is left out."""
    facts = _decode_facts(_ALL_FACTS)
    try:
        return facts | _decode_facts(data)
    except UNREADABLE:
        pass
    record = _record(data)
    usage = msgspec.structs.replace(record.usage, raw=_NULL, elsewhere=()) if record.usage else None
    plain = msgspec.structs.replace(record, usage=usage, rates=_NULL, job=None)
    return facts | _decode_facts(records.encode(plain))


def _usage(usage: Usage | None) -> api.Usage | None:
    if usage is None:
        return None
    return api.Usage(usage.input_total, usage.output_total, usage.input_cached_read, usage.output_reasoning)


def _asked(reader: Reader | None, body: Body) -> Asked:
    if reader is None or not body.data:
        return Asked()
    try:
        found = beginning(body)
        return reader.request(found) if isinstance(found, dict) else Asked()
    except RecursionError:  # of JSON that is nested deeper than anybody reads
        return Asked()


def _said(reader: Reader | None, body: Body) -> tuple[Said, bool]:
    """Read an answer, and say whether its end came."""
    if reader is None or not body.data:
        return Said(), True
    try:
        stream = events(body.data)
        if stream is not None:
            whole, has_ended = reader.assemble(stream)
            return reader.answer(whole), has_ended
        found = beginning(body)
        return (reader.answer(found), True) if isinstance(found, dict) else (Said(), not body.is_whole)
    except RecursionError:
        return Said(), True
