"""What may a request in the Gemini dialect cost? Reads generateContent and embeddings.

Google reads every name in two ways of writing it, and so do we; one that stands there in both is refused.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from gateway.core.asked import Asked
from gateway.core.errors import Refusal
from gateway.wire.asked_fields import (
    at_least_one,
    decoded,
    is_elsewhere,
    no_bound,
    read_fields,
    whole_number,
)
from gateway.wire.asked_shapes import Blob, Content, EmbedRequest, FunctionResponse, GenerationConfig
from gateway.wire.body import parse, select

_to_snake: Final = re.compile(r"(?<!^)(?=[A-Z])")


def _both(text: str) -> frozenset[str]:
    """Return names as they are and as Google's other clients write them."""
    names = text.split()
    return frozenset(names) | {_to_snake.sub("_", name).lower() for name in names}


_READ = _both("contents systemInstruction tools cachedContent generationConfig serviceTier")
_KNOWN = _READ | _both("toolConfig safetySettings labels model store")
_EMBED_READ = _both("content requests")
_EMBED = _EMBED_READ | _both("model taskType title outputDimensionality embedContentConfig")
_CONFIG_READ = _both("maxOutputTokens candidateCount responseModalities")
_FUNCTIONS = _both("functionDeclarations")
# Members of a part that are text as they stand, or say something about it.
_TEXT = _both(
    "text thought thoughtSignature functionCall executableCode codeExecutionResult partMetadata mediaResolution"
)
_BLOB, _RESPONSE = _both("inlineData"), _both("functionResponse")

_contents: Final = msgspec.json.Decoder(list[Content])
_content: Final = msgspec.json.Decoder(Content)
_blob: Final = msgspec.json.Decoder(Blob)
_response: Final = msgspec.json.Decoder(FunctionResponse)
_tools: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_tool: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_functions: Final = msgspec.json.Decoder(list[msgspec.Raw])
_config: Final = msgspec.json.Decoder(GenerationConfig)
_requests: Final = msgspec.json.Decoder(list[EmbedRequest])
_text: Final = msgspec.json.Decoder(str)


def read_generate(body: bytes, asked: Asked) -> None:
    """Read a request for an answer, streamed or not."""
    found = _camel(read_fields(body, asked, _KNOWN, _READ))
    asked.text_only_answer = False
    if "cachedContent" in found:
        is_elsewhere(asked, "what was cached before")
    if "serviceTier" in found:
        asked.service_tier = decoded(asked, _text, found["serviceTier"], "serviceTier")
    _read_config(asked, found)
    _read_turns(asked, _one_or_many(asked, found.get("contents", b"[]"), "contents"))
    _read_turns(asked, _one_or_many(asked, found.get("systemInstruction", b"[]"), "systemInstruction"))
    _read_tools(asked, found.get("tools", b"[]"))


def read_embeddings(body: bytes, asked: Asked) -> None:
    """Read one text to embed, or a batch of them."""
    found = _camel(read_fields(body, asked, _EMBED, _EMBED_READ))
    asked.writes = False
    turns = [request.content for request in decoded(asked, _requests, found.get("requests", b"[]"), "requests") or ()]
    if "content" in found:
        turns += _one_or_many(asked, found["content"], "content")
    _read_turns(asked, turns)
    if not asked.text_only:
        no_bound(asked, "what is embedded is more than text")


def _camel(found: Mapping[str, bytes]) -> dict[str, bytes]:
    """Name each member in one way."""
    named: dict[str, bytes] = {}
    for name, value in found.items():
        first, *rest = name.split("_")
        camel = first + "".join(word.capitalize() for word in rest)
        if camel in named:
            raise Refusal("bad_request", f"The field {camel!r} stands twice in the request body.", param=camel)
        named[camel] = value
    return named


def _one_or_many(asked: Asked, raw: bytes, name: str) -> list[Content]:
    """Read turns: a list, or a single one."""
    if raw.startswith(b"["):
        return decoded(asked, _contents, raw, name) or []
    one = decoded(asked, _content, raw, name)
    return [one] if one is not None else []


def _read_config(asked: Asked, found: Mapping[str, bytes]) -> None:
    raw = found.get("generationConfig", b"{}")
    config = decoded(asked, _config, raw, "generationConfig")
    if config is None:
        return
    select(raw, parse(raw), _CONFIG_READ)  # refuses what stands there twice
    maxima = [
        whole_number(asked, "maxOutputTokens", _given(raw))
        for raw in (config.maxOutputTokens, config.max_output_tokens)
    ]
    asked.max_output_tokens = max((number for number in maxima if number), default=None)
    counts = [
        whole_number(asked, "candidateCount", _given(raw)) for raw in (config.candidateCount, config.candidate_count)
    ]
    asked.choices = max(map(at_least_one, counts))
    modalities = [*_listed(config.responseModalities), *_listed(config.response_modalities)]
    if any(str(modality).upper() != "TEXT" for modality in modalities):
        no_bound(asked, "an answer in pictures or sound has a price of its own")
    asked.text_only_answer = bool(modalities)


def _given(raw: msgspec.Raw) -> bytes | None:
    text = bytes(raw)
    return text if text and text != b"null" else None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value is not None else []


def _read_turns(asked: Asked, turns: Iterable[Content]) -> None:
    for turn in turns:
        asked.framed += 1
        for part in turn.parts:
            _read_part(asked, part)


def _read_part(asked: Asked, part: Mapping[str, msgspec.Raw]) -> None:
    for name, value in part.items():
        if name in _BLOB:
            blob = decoded(asked, _blob, value, name)
            kind = str((blob.mimeType or blob.mime_type) if blob is not None else None)
            if kind.startswith("image/"):
                asked.images += 1
                asked.text_bytes -= memoryview(value).nbytes
            else:
                is_elsewhere(asked, f"a file of the type {kind}")
        elif name in _RESPONSE:
            response = decoded(asked, _response, value, name)
            for inner in response.parts if response is not None else ():
                _read_part(asked, inner)
        elif name not in _TEXT:
            is_elsewhere(asked, f"a part with '{name}'")


def _read_tools(asked: Asked, raw: bytes) -> None:
    """Read the tools: all but functions run at the provider, as often as the model likes."""
    if raw.startswith(b"["):
        tools = decoded(asked, _tools, raw, "tools") or []
    else:
        one = decoded(asked, _tool, raw, "tools")
        tools = [one] if one is not None else []
    for tool in tools:
        for name, value in tool.items():
            if name in _FUNCTIONS:
                functions = decoded(asked, _functions, value, name)
                asked.framed += len(functions or ())
            else:
                no_bound(asked, f"nothing limits what the tool '{name}' costs at the provider")
