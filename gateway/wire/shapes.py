"""The few members that are read of what clients ask and providers answer; the decoder skips all others.

They stand apart because a class whose annotations msgspec reads cannot be compiled.
"""

from typing import Any

import msgspec

from gateway.core.usage import Usage


class Fields(msgspec.Struct, kw_only=True):
    """What was read. `options`: the raw value of `stream_options`, None where it is not there."""

    model: str | None = None
    stream: bool = False
    options: bytes | None = None
    include_usage: bool = False
    max_output_tokens: int | None = None
    n: int | None = None


class Answer(msgspec.Struct):
    """The members of a JSON answer, or of a stream's chunk, that some dialect reads. All others are skipped."""

    model: Any = None
    usage: msgspec.Raw = msgspec.Raw(b"")
    service_tier: Any = None
    error: Any = None
    tool_usage: Any = None
    x_groq: Any = None
    usageMetadata: msgspec.Raw = msgspec.Raw(b"")
    modelVersion: Any = None


class Sight(msgspec.Struct):
    """What a closer look at an answer found. `guessed`: part of the usage is an estimate."""

    usage: Usage | None = None
    model: str | None = None
    error: str | None = None
    guessed: bool = False


class ChatChunk(msgspec.Struct):
    """The members of a chat chunk that are read."""

    model: Any = None
    choices: Any = None
    usage: msgspec.Raw = msgspec.Raw(b"")
    x_groq: Any = None
    service_tier: Any = None
    error: Any = None


class ResponsesEvent(msgspec.Struct):
    """The members of a Responses event, or of a media stream's, that are read."""

    type: Any = None
    response: Answer | None = None
    item: msgspec.Raw = msgspec.Raw(b"")
    usage: msgspec.Raw = msgspec.Raw(b"")
    error: Any = None
    message: Any = None
    code: Any = None


class MessagesEvent(msgspec.Struct):
    """The members of a stream event that are read."""

    type: Any = None
    message: Any = None
    usage: Any = None
    error: Any = None


class GeminiChunk(Answer):
    """An answer, and what tells its end."""

    candidates: Any = None
    promptFeedback: Any = None
