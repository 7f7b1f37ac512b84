"""Answers of rare endpoints and odd providers, written in the shapes of the SDKs, with what must be read from them."""

from typing import Any, NamedTuple

from openai.types import Completion, CreateEmbeddingResponse, ImageGenCompletedEvent, ImagesResponse, Moderation
from openai.types.audio import (
    Transcription,
    TranscriptionTextDoneEvent,
    TranscriptionVerbose,
    TranslationVerbose,
)
from openai.types.responses import CompactedResponse, Response


class Case(NamedTuple):
    """`usage`: fields that differ from their default; None: the answer tells none. `shape`: the SDK's type for it."""

    name: str
    dialect: str
    path: str
    answer: Any
    usage: dict[str, Any] | None
    shape: Any = None
    streamed: bool = False


TOKENS = {"input_tokens": 14, "output_tokens": 45, "total_tokens": 59}
IMAGE_USAGE = {
    "input_tokens": 50, "output_tokens": 4000, "total_tokens": 4050,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
}  # fmt: skip
RESPONSE = {
    "id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-5", "status": "completed", "output": [],
    "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "service_tier": "default",
    "usage": {
        "input_tokens": 14, "output_tokens": 45, "total_tokens": 59,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        "output_tokens_details": {"reasoning_tokens": 20},
    },
}  # fmt: skip
READ = {"input_total": 14, "output_total": 45}
READ_RESPONSE = READ | {
    "input_cached_read": 4, "input_cache_write_other": 2, "output_reasoning": 20, "service_tier": "default",
}  # fmt: skip
DRAWN = {
    "input_tokens": 30, "output_tokens": 1000, "total_tokens": 1030, "cached_tokens": 8,
    "input_tokens_details": {"text_tokens": 20, "image_tokens": 10},
    "cached_tokens_details": {"cached_image_tokens": 6, "cached_text_tokens": 2},
    "output_tokens_details": {"image_tokens": 990, "text_tokens": 10},
}  # fmt: skip


def chat(**usage: Any) -> dict[str, Any]:
    """Make a chat answer with this usage."""
    return {"id": "c", "object": "chat.completion", "model": "m", "choices": [], "usage": usage}


CASES = [
    Case("responses", "openai", "/v1/responses", RESPONSE, READ_RESPONSE, Response),
    Case(
        "hosted tools",
        "openai",
        "/v1/responses",
        RESPONSE | {"tool_usage": {"web_search": {"num_requests": 3}, "image_gen": DRAWN}},
        READ_RESPONSE
        | {
            "web_searches": 3,
            "elsewhere": [
                {
                    "input_total": 30,
                    "output_total": 1000,
                    "input_cached_read": 8,
                    "input_image": 10,
                    "input_cached_image": 6,
                    "output_image": 990,
                    "model": "gpt-image-1",
                }
            ],
        },
        Response,
    ),
    Case(
        "compacted",
        "openai",
        "/v1/responses/compact",
        {"id": "r", "created_at": 1, "object": "response.compaction", "output": [], "usage": RESPONSE["usage"]},
        {name: value for name, value in READ_RESPONSE.items() if name != "service_tier"},
        CompactedResponse,
    ),
    Case(
        "embeddings",
        "openai",
        "/v1/embeddings",
        {
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.1]}],
            "model": "e",
            "usage": {"prompt_tokens": 8, "total_tokens": 8},
        },
        {"input_total": 8},
        CreateEmbeddingResponse,
    ),
    Case(
        "text completion",
        "openai",
        "/v1/completions",
        {
            "id": "c",
            "object": "text_completion",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "text": "hi", "finish_reason": "stop", "logprobs": None}],
            "usage": {"prompt_tokens": 14, "completion_tokens": 45, "total_tokens": 59},
        },
        READ,
        Completion,
    ),
    Case(
        "images by tokens",
        "openai",
        "/v1/images/generations",
        {"created": 1, "data": [{"b64_json": "aGk="}], "usage": IMAGE_USAGE},
        {"input_total": 50, "output_total": 4000, "input_image": 40},
        ImagesResponse,
    ),
    Case(
        "edited images, with the split of what was drawn",
        "openai",
        "/v1/images/edits",
        {
            "created": 1,
            "data": [],
            "usage": IMAGE_USAGE | {"output_tokens_details": {"image_tokens": 3900, "text_tokens": 100}},
        },
        {"input_total": 50, "output_total": 4000, "input_image": 40, "output_image": 3900},
        ImagesResponse,
    ),
    Case(
        "drawn as text by another model",
        "openai",
        "/v1/images/generations",
        {
            "created": 1,
            "data": [],
            "usage": IMAGE_USAGE,
            "svg_usage": {
                "model": "gpt-5",
                "input_tokens": 5,
                "output_tokens": 70,
                "reasoning_tokens": 20,
                "total_tokens": 75,
            },
        },
        {
            "input_total": 50,
            "output_total": 4000,
            "input_image": 40,
            "elsewhere": [{"input_total": 5, "output_total": 70, "model": "gpt-5"}],
        },
        ImagesResponse,
    ),
    Case("images by the piece", "openai", "/v1/images/generations", {"created": 1, "data": [{}]}, None, ImagesResponse),
    Case(
        "streamed image",
        "openai",
        "/v1/images/generations",
        [
            {"type": "image_generation.partial_image", "b64_json": "aGk=", "partial_image_index": 0},
            {
                "type": "image_generation.completed",
                "b64_json": "aGk=",
                "created_at": 1,
                "size": "1024x1024",
                "quality": "low",
                "background": "opaque",
                "output_format": "png",
                "usage": IMAGE_USAGE,
            },
        ],
        {"input_total": 50, "output_total": 4000, "input_image": 40},
        ImageGenCompletedEvent,
        streamed=True,
    ),
    Case(
        "transcription by tokens",
        "openai",
        "/v1/audio/transcriptions",
        {
            "text": "hi",
            "usage": TOKENS | {"type": "tokens", "input_token_details": {"audio_tokens": 12, "text_tokens": 2}},
        },
        READ | {"input_audio": 12},
        Transcription,
    ),
    Case(
        "transcription by time",
        "openai",
        "/v1/audio/transcriptions",
        {"text": "hi", "usage": {"type": "duration", "seconds": 9}},
        {"seconds": 9.0},
        Transcription,
    ),
    Case(
        "verbose transcription",
        "openai",
        "/v1/audio/transcriptions",
        {"text": "hi", "language": "en", "duration": 8.47, "segments": []},
        {"seconds": 8.47},
        TranscriptionVerbose,
    ),
    Case(
        "verbose translation",
        "openai",
        "/v1/audio/translations",
        {"text": "hi", "language": "en", "duration": 8.5},
        {"seconds": 8.5},
        TranslationVerbose,
    ),
    Case("subtitles", "openai", "/v1/audio/transcriptions", "1\n00:00:00,000 --> 00:00:01,000\nhi\n", None),
    Case(
        "streamed transcription",
        "openai",
        "/v1/audio/transcriptions",
        [
            {"type": "transcript.text.delta", "delta": "hi"},
            {"type": "transcript.text.done", "text": "hi", "usage": TOKENS | {"type": "tokens"}},
        ],
        READ,
        TranscriptionTextDoneEvent,
        streamed=True,
    ),
    Case(
        "streamed speech",
        "openai",
        "/v1/audio/speech",
        [{"type": "speech.audio.delta", "audio": "aGk="}, {"type": "speech.audio.done", "usage": TOKENS}],
        READ,
        streamed=True,
    ),
    Case("spoken", "openai", "/v1/audio/speech", "ID3\x03\x00", None),
    Case(
        "decision",
        "openai",
        "/v1/decisions",
        {
            "id": "d",
            "object": "decision",
            "created_at": 1,
            "model": "m",
            "outcome": "yes",
            "usage": TOKENS
            | {
                "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
                "output_tokens_details": {"reasoning_tokens": 5},
            },
        },
        READ | {"input_cached_read": 4, "output_reasoning": 5},
    ),
    Case(
        "pages read",
        "openai",
        "/v1/ocr",
        {"pages": [], "model": "mistral-ocr", "usage_info": {"pages_processed": 3}},
        {"pages": 3},
    ),
    Case("fill in the middle", "openai", "/v1/fim/completions", chat(prompt_tokens=14, completion_tokens=45), READ),
    Case(
        "searched and cited",
        "openai",
        "/chat/completions",
        chat(
            prompt_tokens=14,
            completion_tokens=45,
            total_tokens=59,
            citation_tokens=100,
            num_search_queries=7,
            reasoning_tokens=30,
        ),
        {"input_total": 14, "output_total": 175, "output_citation": 100, "output_reasoning": 30, "web_searches": 7},
    ),
    Case(
        "searched by a tool",
        "openai",
        "/v1/responses",
        {"model": "m", "usage": TOKENS | {"tool_calls_details": {"search_web": {"invocation": 2}}}},
        READ | {"web_searches": 2},
    ),
    Case(
        "billed units",
        "openai",
        "/v2/chat",
        {
            "id": "c",
            "message": {},
            "usage": {"billed_units": TOKENS, "tokens": {"input_tokens": 70, "output_tokens": 45}},
        },
        READ,
    ),
    Case(
        "billed units of vectors",
        "openai",
        "/v2/embed",
        {"id": "c", "embeddings": {}, "meta": {"billed_units": {"input_tokens": 14}}},
        {"input_total": 14},
    ),
    Case(
        "Ollama's own chat",
        "openai",
        "/api/chat",
        {"model": "m", "message": {"content": "hi"}, "done": True, "prompt_eval_count": 14, "eval_count": 45},
        READ,
    ),
    Case(
        "Ollama's own vectors",
        "openai",
        "/api/embed",
        {"model": "m", "embeddings": [[0.1]], "prompt_eval_count": 14},
        {"input_total": 14},
    ),
    Case(
        "batch tier",
        "anthropic",
        "/v1/messages",
        {
            "model": "claude",
            "usage": {"input_tokens": 14, "output_tokens": 45, "service_tier": "batch", "inference_geo": "us"},
        },
        READ | {"service_tier": "batch", "processing": "batch", "geo": "us"},
    ),
    Case(
        "cached film",
        "gemini",
        "/v1beta/models/g:generateContent",
        {
            "modelVersion": "g",
            "usageMetadata": {
                "promptTokenCount": 100,
                "candidatesTokenCount": 20,
                "thoughtsTokenCount": 5,
                "totalTokenCount": 125,
                "cachedContentTokenCount": 60,
                "cacheTokensDetails": [{"modality": "VIDEO", "tokenCount": 50}, {"modality": "TEXT", "tokenCount": 10}],
                "promptTokensDetails": [
                    {"modality": "VIDEO", "tokenCount": 80},
                    {"modality": "TEXT", "tokenCount": 20},
                ],
                "candidatesTokensDetails": [{"modality": "VIDEO", "tokenCount": 15}],
            },
        },
        {
            "input_total": 100,
            "output_total": 25,
            "output_reasoning": 5,
            "input_cached_read": 60,
            "input_video": 80,
            "input_cached_video": 50,
            "output_video": 15,
        },
    ),
    Case(
        "vectors by Google",
        "gemini",
        "/v1beta/models/g:batchEmbedContents",
        {"embeddings": [{"values": [0.1]}], "usageMetadata": {"promptTokenCount": 14}},
        {"input_total": 14},
    ),
    Case(
        "pictures by Google",
        "gemini",
        "/v1/models/imagen:predict",
        {"predictions": [{"bytesBase64Encoded": "aGk="}]},
        None,
    ),
]

# Endpoints that cost nothing: their answers are not looked at.
FREE = [
    ("openai", "/v1/moderations", {"id": "m", "model": "m", "results": []}, Moderation),
    ("openai", "/v1/responses/input_tokens", {"object": "response.input_tokens", "input_tokens": 9}, None),
    ("anthropic", "/v1/messages/count_tokens", {"input_tokens": 9}, None),
    ("gemini", "/v1beta/models/g:countTokens", {"totalTokens": 9}, None),
]
