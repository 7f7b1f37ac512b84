"""The members of a request that tell what it may cost; the decoder skips all others.

They stand apart because a class whose annotations msgspec reads cannot be compiled.
"""

from typing import Any

from msgspec import Raw, Struct


class ChatPart(Struct):
    """A part of a message's content."""

    type: Any = None
    image_url: Raw = Raw(b"")


class ChatMessage(Struct):
    """A message of a chat."""

    content: str | list[ChatPart] | None = None
    audio: Raw = Raw(b"")


class Url(Struct):
    """What holds an address."""

    url: Raw = Raw(b"")


class FunctionTool(Struct):
    """A tool of a chat or a response. `execution`: where the search for tools runs."""

    type: Any = None
    function: Raw = Raw(b"")
    execution: Any = None


class ItemPart(Struct):
    """A part of what an item holds."""

    type: Any = None
    image_url: Raw = Raw(b"")


class Item(Struct):
    """An item of a response's input."""

    type: Any = None
    content: str | list[ItemPart] | ItemPart | None = None
    output: str | list[ItemPart] | ItemPart | None = None
    tools: list[FunctionTool] | None = None
    encrypted_content: str | None = None


class CacheControl(Struct):
    """How long something is cached."""

    ttl: Any = None


class Other(Struct):
    """An object of which nothing is read."""


class Block(Struct):
    """A content block of a message. `content`: blocks inside it."""

    type: Any = None
    source: Raw = Raw(b"")
    content: "str | list[Block] | Other | None" = None
    cache_control: CacheControl | None = None


class Source(Struct):
    """Where a block's picture or document is."""

    type: Any = None
    media_type: Any = None
    content: str | list[Block] | None = None


class BlockMessage(Struct):
    """A message of content blocks."""

    content: str | list[Block] | None = None


class ServerTool(Struct):
    """A tool of the Messages API. `max_uses`: how often the provider may run it."""

    type: Any = None
    max_uses: Any = None
    cache_control: CacheControl | None = None


class Thinking(Struct):
    """How much a model may think."""

    budget_tokens: Any = None


class Edit(Struct):
    """One way in which the provider changes the context."""

    type: Any = None


class ContextManagement(Struct):
    """How the provider changes the context."""

    edits: list[Edit] = []


class Content(Struct, frozen=True):
    """A turn of a Gemini conversation. Google reads both ways of writing a name."""

    parts: list[dict[str, Raw]] = []


class Blob(Struct):
    """Bytes in a part."""

    mimeType: Any = None
    mime_type: Any = None


class FunctionResponse(Struct):
    """What a function gave, with pictures and files beside it."""

    parts: list[dict[str, Raw]] = []


class GenerationConfig(Struct):
    """How an answer is made."""

    maxOutputTokens: Raw = Raw(b"")
    max_output_tokens: Raw = Raw(b"")
    candidateCount: Raw = Raw(b"")
    candidate_count: Raw = Raw(b"")
    responseModalities: Any = None
    response_modalities: Any = None


class EmbedRequest(Struct):
    """One text to embed."""

    content: Content = Content()
