"""What may a request in the Anthropic dialect cost? Reads POST /messages."""

from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.core.asked import Asked
from gateway.wire.asked_fields import (
    decoded,
    is_elsewhere,
    no_bound,
    note_type,
    read_fields,
    whole_number,
    words,
)
from gateway.wire.asked_shapes import Block, BlockMessage, CacheControl, ContextManagement, ServerTool, Source, Thinking

_READ = words(
    """
    messages system tools max_tokens thinking service_tier speed inference_geo context_management thread
    cache_control
    """
)
_KNOWN = _READ | words(
    """
    model stream metadata stop_sequences temperature top_p top_k tool_choice output_config output_format
    anthropic_version anthropic_beta
    """
)
# Blocks that are text as they stand; those inside a result or a document are looked at.
_TEXT_BLOCKS = frozenset(
    ("text", "thinking", "redacted_thinking", "tool_use", "tool_result", "search_result", "compaction")
)
# Tools that run where the agent runs, by the first words of their dated names.
_KITS = ("bash_", "text_editor_", "computer_", "memory_")
_SEARCH, _FETCH = "web_search_", "web_fetch_"
# What only takes away from the context.
_HARMLESS_EDITS = ("clear_tool_uses_", "clear_thinking_")

_messages: Final = msgspec.json.Decoder(list[BlockMessage])
_system: Final = msgspec.json.Decoder(str | list[Block])
_cache: Final = msgspec.json.Decoder(CacheControl)
_source: Final = msgspec.json.Decoder(Source)
_tools: Final = msgspec.json.Decoder(list[ServerTool])
_thinking: Final = msgspec.json.Decoder(Thinking)
_management: Final = msgspec.json.Decoder(ContextManagement)
_text: Final = msgspec.json.Decoder(str)


def read_messages(body: bytes, asked: Asked) -> None:
    """Read a request for one answer."""
    found = read_fields(body, asked, _KNOWN, _READ)
    asked.max_output_tokens = whole_number(asked, "max_tokens", found.get("max_tokens")) or None
    if "cache_control" in found:
        _read_cache(asked, decoded(asked, _cache, found["cache_control"], "cache_control"))
    asked.service_tier, asked.speed, asked.geo = (
        decoded(asked, _text, found[name], name) if name in found else None
        for name in ("service_tier", "speed", "inference_geo")
    )
    if "thread" in found:
        is_elsewhere(asked, "the thread that the provider keeps")
    _read_thinking(asked, found)
    _read_management(asked, found)
    _read_blocks(asked, decoded(asked, _system, found.get("system", b"[]"), "system"))
    for message in decoded(asked, _messages, found.get("messages", b"[]"), "messages") or ():
        asked.framed += 1
        _read_blocks(asked, message.content)
    for tool in decoded(asked, _tools, found.get("tools", b"[]"), "tools") or ():
        _read_tool(asked, tool)


def _read_thinking(asked: Asked, found: Mapping[str, bytes]) -> None:
    """Note that a maximum must leave room for the thoughts that are asked for."""
    thinking = decoded(asked, _thinking, found.get("thinking", b"{}"), "thinking")
    if thinking is not None and type(thinking.budget_tokens) is int:
        asked.least_output_tokens = thinking.budget_tokens + 1


def _read_management(asked: Asked, found: Mapping[str, bytes]) -> None:
    management = decoded(asked, _management, found.get("context_management", b"{}"), "context_management")
    for edit in management.edits if management is not None else ():
        if not str(edit.type).startswith(_HARMLESS_EDITS):
            no_bound(asked, f"'{edit.type}' makes the provider read and write more than the request says")


def _read_blocks(asked: Asked, content: object) -> None:
    """Read the blocks of a message or of a block; a plain text has none."""
    if not isinstance(content, list):
        return
    for block in content:
        if block.cache_control is not None:
            _read_cache(asked, block.cache_control)
        if block.type == "image":
            _read_picture(asked, block.source)
        elif block.type == "document":
            _read_document(asked, block.source)
        elif note_type(asked, block.type, _TEXT_BLOCKS, "a block of the type"):
            _read_blocks(asked, block.content)


def _read_cache(asked: Asked, control: CacheControl | None) -> None:
    """Note for how long something may be cached: the longest is the dearest."""
    if control is not None and asked.cache != "1h":
        asked.cache = "5m" if control.ttl in (None, "5m") else "1h"


def _read_picture(asked: Asked, raw: msgspec.Raw) -> None:
    source = decoded(asked, _source, raw, "source")
    if source is not None and source.type == "base64" and str(source.media_type).startswith("image/"):
        asked.images += 1
        asked.text_bytes -= memoryview(raw).nbytes
    else:
        is_elsewhere(asked, "a picture behind an address")


def _read_document(asked: Asked, raw: msgspec.Raw) -> None:
    source = decoded(asked, _source, raw, "source")
    if source is None or source.type not in ("text", "content"):
        is_elsewhere(asked, "a document")
    elif source.type == "content":
        _read_blocks(asked, source.content)


def _read_tool(asked: Asked, tool: ServerTool) -> None:
    """Read a tool: what runs at the provider has a bound only where the number of its uses has one."""
    asked.framed += 1
    _read_cache(asked, tool.cache_control)
    if tool.type is None or tool.type == "custom":
        return
    asked.kits += 1
    kind = str(tool.type)
    if kind.startswith(_KITS):
        return
    if not kind.startswith((_SEARCH, _FETCH)):
        no_bound(asked, f"nothing limits what the tool '{kind}' costs at the provider")
    elif type(tool.max_uses) is not int or tool.max_uses < 0:
        no_bound(asked, f"'max_uses' is missing, which limits how often '{kind}' runs")
    else:
        asked.steps += tool.max_uses
        asked.searches += tool.max_uses if kind.startswith(_SEARCH) else 0
