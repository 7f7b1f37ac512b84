"""How much text is a body worth, where its tokens are estimated? Frames weigh nothing, pictures and sound little."""

import string
from math import ceil
from typing import Any, Final

import msgspec

from gateway.wire.guess import GEMINI, OPENAI, Guess, Words, utf8_length
from gateway.wire.scan import UNREADABLE

READ_BYTES: Final = 512 << 10  # a request up to here is read, in five milliseconds at most; beyond, probes are taken

_MEDIA_BYTES = 256  # that are worth one byte of text: with four of those a token, pictures and sound take a KiB for one
_STEP = 4096
_PROBE = 64  # bytes looked at in each step; no text has a word of this length
_BASE64 = (string.ascii_letters + string.digits + "+/-_=").encode()
_UPLOADS = ("multipart/", "audio/", "image/", "video/", "application/octet-stream", "application/pdf")
_FRAME_BYTES = 400  # ids, names and braces around the text of an answer that cannot be read

# What of a request weighs what, in bytes of text, four of which are a token; fitted to recorded requests.
_TURN_BYTES = 16  # the frame of a message: four tokens
_FILE_BYTES = 2_400  # a picture, or a page: 160 to 2,200 tokens, most often about 600
_TOOL_PROMPT_BYTES = 1_600  # what Anthropic writes before the first tool: 300 to 600 tokens
_SCHEMA_SHARE = 0.8  # a schema reaches the model in a form that is shorter than its JSON
_SEALS = {"encrypted_content": OPENAI, "thoughtSignature": GEMINI, "thought_signature": GEMINI}  # reasoning

_TURNS = frozenset({"messages", "input", "contents"})
_SCHEMAS = frozenset({"tools", "functions", "response_format", "output_format", "output_config", "text"})
_OBJECTS = frozenset({"input", "args", "response", "arguments"})  # of calls, and of what they brought
_REFERENCES = frozenset({"url", "image_url", "video_url", "file_url", "document_url", "fileUri", "file_uri", "file_id"})
_MIME = ("mimeType", "mime_type", "media_type", "format")
_BY_LENGTH = ("audio/", "video/", "mp3", "wav", "data:audio/", "data:video/")
# Long, or in each message, and no model reads it. Gemini does not count the schema of its answer.
_SILENT = frozenset({
    "id", "type", "role", "status", "model", "user", "metadata", "call_id", "tool_call_id", "tool_use_id", "phase",
    "signature", "cache_control", "annotations", "citations", "logprobs", "detail", "filename", "prompt_cache_key",
    "previous_response_id", "conversation", "cachedContent", "generationConfig", "generation_config", *_MIME,
})  # fmt: skip

_decode = msgspec.json.Decoder().decode


def text_bytes(total: int, kept: bytes, content_type: str | None) -> int:
    """Return how many bytes of text a body of `total` bytes is worth. `kept`: what of it is at hand.

    A form counts as the file that is in it. JSON that is whole is read (what is at hand may be a little longer than the
    body that came: we ask for usage in it); of any other the base64 is found by probes.
    """
    if content_type is not None and content_type.startswith(_UPLOADS):
        return -(-total // _MEDIA_BYTES)
    if total <= len(kept) <= READ_BYTES:
        try:
            return ceil(_list("", [_decode(kept)]))
        except UNREADABLE:
            pass  # cut, or no JSON
    probes = range(_STEP // 2, len(kept), _STEP)  # what is shorter is text
    dense = sum(1 for at in probes if not kept[at : at + _PROBE].translate(None, _BASE64))
    media = total * dense // max(len(probes), 1)
    return total - media + media // _MEDIA_BYTES


def answer_tokens(total: int, kept: bytes, words: Words) -> int:
    """Return how many tokens the text in a JSON answer of `total` bytes is. `kept`: what of it is at hand."""
    guess = Guess(words.numbers)
    try:
        document = _decode(kept if len(kept) == total else b"")  # what is left of a long one may look like JSON, too
        if type(document) is dict:
            words.read(document, guess)
    except UNREADABLE:  # cut, or too long to be kept
        return max(1, ceil((text_bytes(total, kept, None) - _FRAME_BYTES) / words.numbers.text_bytes))
    return max(1, ceil(guess.flow() + guess.once()))


def _list(name: str, values: list[Any]) -> float:
    """Weigh the elements of a list that is called so."""
    if values and type(values[0]) is int:  # tokens already
        return len(values) * OPENAI.text_bytes
    weight = 0.0
    for value in values:
        if type(value) is str:
            weight += _text(name, value, "")
        elif type(value) is dict:
            weight += _members(value) + (_TURN_BYTES if name in _TURNS else 0)
        elif type(value) is list:
            weight += _list(name, value)
    return weight


def _members(values: dict[str, Any]) -> float:
    weight = 0.0
    mime = next((values[name] for name in _MIME if name in values), "")
    for name, value in values.items():
        if name in _SILENT:
            continue
        if type(value) is str:
            weight += _text(name, value, mime if type(mime) is str else "")
        elif type(value) in (dict, list) and name in _SCHEMAS:
            weight += _schema(value)
        elif type(value) is dict:
            weight += len(msgspec.json.encode(value)) if name in _OBJECTS else _members(value)
        elif type(value) is list:
            weight += _list(name, value)
    return weight


def _schema(value: Any) -> float:
    weight = len(msgspec.json.encode(value)) * _SCHEMA_SHARE
    anthropic = type(value) is list and any(type(tool) is dict and "input_schema" in tool for tool in value)
    return weight + (_TOOL_PROMPT_BYTES if anthropic else 0)


def _text(name: str, value: str, mime: str) -> float:
    numbers = _SEALS.get(name)
    if numbers is not None:
        return max(0.0, len(value) - numbers.seal_bytes) / numbers.sealed_bytes * OPENAI.text_bytes
    if _is_media(value):
        by_length = len(value) / _MEDIA_BYTES
        if mime.startswith(_BY_LENGTH) or value.startswith(_BY_LENGTH):
            return by_length
        return max(by_length, _FILE_BYTES) if value.find("JVBER", 0, _PROBE) >= 0 else _FILE_BYTES  # of a PDF, pages
    return _FILE_BYTES if name in _REFERENCES else utf8_length(value)


def _is_media(value: str) -> bool:
    """Tell base64 from text, by its middle."""
    middle = len(value) // 2
    return len(value) >= 4 * _PROBE and not value[middle : middle + _PROBE].encode("utf-8", "replace").translate(
        None, _BASE64
    )
