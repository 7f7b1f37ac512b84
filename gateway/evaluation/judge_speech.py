"""How a judge is asked in each dialect, and what its answer says: the request's body, and the verdict in the answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from gateway.core.record import Record
from gateway.core.record import encode as encode_record
from gateway.evaluation.api import Exchange
from gateway.evaluation.protocol import Asking, Kept
from gateway.evaluation.reading import exchange_of

_NAME: Final = "verdict"
_decode: Final = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked. `turns`: (role, text), the user's first. `structured`: the provider is told the form."""

    model: str
    system: str
    turns: tuple[tuple[str, str], ...]
    schema: dict[str, Any]
    max_tokens: int
    temperature: float
    structured: bool = True


def prompt_of(asking: Asking, model: str, form: dict[str, Any]) -> Prompt:
    """Begin with what the plugin asks for. `form`: its schema, read."""
    return Prompt(model, asking.system, (("user", asking.user),), form, asking.max_tokens, asking.temperature)


@dataclass(frozen=True, slots=True)
class Speech:
    """One dialect: where to post, with which headers, what, and which member of the answer holds the verdict."""

    path: Callable[[str], str]
    headers: Callable[[str], dict[str, str]]
    body: Callable[[Prompt], dict[str, Any]]
    endpoint: str


def _openai(prompt: Prompt) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": prompt.model,
        "messages": [{"role": "system", "content": _system(prompt)}]
        + [{"role": role, "content": text} for role, text in prompt.turns],
        "max_tokens": prompt.max_tokens,
        "temperature": prompt.temperature,
    }
    if prompt.structured:
        form = {"name": _NAME, "strict": True, "schema": prompt.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    return body


def _anthropic(prompt: Prompt) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": prompt.model,
        "system": _system(prompt),
        "messages": [{"role": role, "content": text} for role, text in prompt.turns],
        "max_tokens": prompt.max_tokens,
        "temperature": prompt.temperature,
    }
    if prompt.structured:
        body["tools"] = [{"name": _NAME, "description": "Give the verdict.", "input_schema": prompt.schema}]
        body["tool_choice"] = {"type": "tool", "name": _NAME}
    return body


def _gemini(prompt: Prompt) -> dict[str, Any]:
    roles = {"user": "user", "assistant": "model"}
    settings: dict[str, Any] = {"maxOutputTokens": prompt.max_tokens, "temperature": prompt.temperature}
    if prompt.structured:
        settings |= {"responseMimeType": "application/json", "responseJsonSchema": prompt.schema}
    return {
        "systemInstruction": {"parts": [{"text": _system(prompt)}]},
        "contents": [{"role": roles[role], "parts": [{"text": text}]} for role, text in prompt.turns],
        "generationConfig": settings,
    }


def _system(prompt: Prompt) -> str:
    """Where the provider cannot be told the form, the model is."""
    if prompt.structured:
        return prompt.system
    schema = msgspec.json.encode(prompt.schema).decode()
    return f"{prompt.system}\n\nAnswer with one JSON object that fits this schema, and nothing else:\n{schema}"


SPEECHES: Final[Mapping[str, Speech]] = {
    "openai": Speech(
        path=lambda _model: "/v1/chat/completions",
        headers=lambda key: {"authorization": f"Bearer {key}"},
        body=_openai,
        endpoint="chat",
    ),
    "anthropic": Speech(
        path=lambda _model: "/v1/messages",
        headers=lambda key: {"x-api-key": key, "anthropic-version": "2023-06-01"},
        body=_anthropic,
        endpoint="messages",
    ),
    "gemini": Speech(
        path=lambda model: f"/v1beta/models/{model}:generateContent",
        headers=lambda key: {"x-goog-api-key": key},
        body=_gemini,
        endpoint="generate_content",
    ),
}


def said_by(dialect: str, answer: bytes) -> Exchange:
    """Read an answer as any other exchange is read."""
    record = Record(
        id="", started_at="", team="", key="", dialect=dialect, endpoint=SPEECHES[dialect].endpoint, outcome="ok"
    )
    return exchange_of(
        Kept(record=encode_record(record), response=[(0, answer)], response_bytes=len(answer), request=None)
    )


def verdict_in(said: Exchange) -> Any:
    """Return the JSON that an answer holds, whatever stands around it; raise ValueError where there is none."""
    if said.tool_calls:
        return _decode(said.tool_calls[0].arguments)
    text = said.text.strip()
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        raise ValueError("there is no JSON object in the answer")
    return _decode(text[start : end + 1])
