"""What did an OpenAI-shaped answer consume? One reader for all the shapes of `usage` that this dialect has grown."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from gateway.core.usage import Usage
from gateway.wire.counts import amount, clamp, cost_nano_usd, count, members, text
from gateway.wire.scan import UNREADABLE

_decode: Final = msgspec.json.Decoder().decode
encode: Final = msgspec.json.Encoder().encode

_INPUT_DETAILS: Final = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
_OUTPUT_DETAILS: Final = ("completion_tokens_details", "output_tokens_details", "output_token_details")
_INPUT_PARTS: Final = {
    "cached_tokens": "input_cached_read",
    "cache_read_input_tokens": "input_cached_read",
    "cache_write_tokens": "input_cache_write_other",
    "cache_creation_input_tokens": "input_cache_write_other",
    "audio_tokens": "input_audio",
    "image_tokens": "input_image",
}
_OUTPUT_PARTS: Final = {
    "reasoning_tokens": "output_reasoning",
    "audio_tokens": "output_audio",
    "image_tokens": "output_image",
}
_PLAIN_PARTS: Final = frozenset({"input_cached_read", "input_cache_write_other", "output_reasoning"})
_TICKS_PER_NANO_USD: Final = 10  # xAI counts in 1e-10 USD
_TOTALS: Final = frozenset(
    {"prompt_tokens", "input_tokens", "completion_tokens", "output_tokens", "total_tokens", "seconds"}
)
_BILLED: Final = frozenset({"is_byok", "cost_details"})
_EXTRAS: Final = frozenset(
    {
        "cost", "estimated_cost", "cost_in_usd_ticks", "seconds", "server_tool_use_details", "num_search_queries",
        "citation_tokens", "tool_calls_details", "server_tool_use", "server_side_tool_usage_details",
        "num_sources_used",
    }
)  # fmt: skip
# The hosted image tool's own default; its usage does not name the model.
IMAGE_TOOL_MODEL = "gpt-image-1"


def read_usage(raw: bytes, tier: Any = None, tools: Any = None) -> Usage | None:
    """Normalise a usage object; None where it says nothing. `tier`, `tools`: its siblings in the answer."""
    seen = _seen(raw)
    if seen is None:
        return None
    input_total = count(seen.get("prompt_tokens") or seen.get("input_tokens"))
    output_total = count(seen.get("completion_tokens") or seen.get("output_tokens"))
    usage = Usage(input_total=input_total, output_total=output_total, raw=msgspec.Raw(raw))
    plain = True
    read = _details(seen, _INPUT_DETAILS)
    if type(read) is dict:
        plain = _read_parts(usage, read, _INPUT_PARTS)
    # Beside the totals: DeepSeek, Together.
    flat = seen.get("prompt_cache_hit_tokens") or seen.get("cached_tokens")
    if flat and not usage.input_cached_read:
        usage.input_cached_read = count(flat)
    wrote = _details(seen, _OUTPUT_DETAILS)
    if type(wrote) is dict:
        plain = _read_parts(usage, wrote, _OUTPUT_PARTS) and plain
    total, sum_of_parts = seen.get("total_tokens"), input_total + output_total
    told = total is not None and total != sum_of_parts
    if sum_of_parts >= 0 and (told or usage.output_reasoning > output_total):
        _add_hidden(usage, count(total), heard=amount(seen.get("prompt_audio_seconds")) > 0)
    if tier:
        usage.service_tier = text(tier)
    if tools or not _EXTRAS.isdisjoint(seen):
        _read_extras(usage, seen, members(tools))
        plain = False
    return clamp(usage, plain=plain and not usage.input_audio)


def _seen(raw: bytes) -> dict[str, Any] | None:
    try:
        seen = _decode(raw)
    except UNREADABLE:
        return None
    if type(seen) is not dict:
        return None
    if _TOTALS.isdisjoint(seen):
        seen = members(seen.get("billed_units"))  # Cohere, beside what it read and wrote without billing it
        return None if _TOTALS.isdisjoint(seen) else seen
    return seen


def _details(seen: dict[str, Any], names: tuple[str, ...]) -> Any:
    """Return what a total is made of, under whichever of its names it stands."""
    for name in names:
        if found := seen.get(name):
            return found
    return None


def _read_parts(usage: Usage, details: dict[str, Any], names: dict[str, str]) -> bool:
    """Read the parts that a total is made of; tell whether they are plain. Most of those that are named are zero."""
    plain = True
    for name, value in details.items():
        if value and name in names:
            part = names[name]
            setattr(usage, part, count(value))
            plain = plain and part in _PLAIN_PARTS
    return plain


def _add_hidden(usage: Usage, total: int, *, heard: bool) -> None:
    """Add what only the total holds: reasoning (xAI names it, Google's compatible API does not), or what was `heard`.

    A total without any part is that of a call that writes nothing, such as embeddings.
    """
    if not usage.input_total and not usage.output_total:
        usage.input_total = total
        return
    reasoning = usage.output_reasoning
    if reasoning > usage.output_total:
        usage.output_total += reasoning
    hidden = total - usage.input_total - usage.output_total
    if hidden <= 0:
        return
    if heard:  # Mistral counts only the text around a recording as prompt
        usage.input_total += hidden
        usage.input_audio += hidden
    elif usage.output_total:
        usage.output_total += hidden
        if hidden != reasoning:
            usage.output_reasoning += hidden


def _read_extras(usage: Usage, seen: dict[str, Any], tools: dict[str, Any]) -> None:
    """Read what only some providers report: seconds, searches, and what they charged."""
    if seen.get("type") == "duration":
        usage.seconds = amount(seen.get("seconds"))
    usage.web_searches = next((number for number in map(count, _searches(seen, tools)) if number), 0)
    usage.file_searches = count(members(seen.get("server_side_tool_usage_details")).get("file_search_calls"))
    if "citation_tokens" in seen or "num_search_queries" in seen:  # Perplexity: beside what it wrote, not inside
        usage.output_citation = count(seen.get("citation_tokens"))
        thought = count(seen.get("reasoning_tokens"))
        usage.output_reasoning += thought
        usage.output_total += usage.output_citation + thought
    drawn = members(tools.get("image_gen"))
    if drawn.get("input_tokens") or drawn.get("output_tokens"):
        usage.elsewhere = (read_drawn(drawn),)
    usage.provider_cost_nano_usd = _charged(seen)


def _searches(seen: dict[str, Any], tools: dict[str, Any]) -> Iterator[Any]:
    """Give everything that may tell how often the web was searched."""
    yield members(tools.get("web_search")).get("num_requests")
    yield members(seen.get("server_tool_use_details")).get("web_search_requests")
    yield members(seen.get("server_tool_use")).get("web_search_requests")
    yield members(seen.get("server_side_tool_usage_details")).get("web_search_calls")
    yield seen.get("num_search_queries")
    yield seen.get("num_sources_used")
    yield members(members(seen.get("tool_calls_details")).get("search_web")).get("invocation")


def read_drawn(drawn: dict[str, Any]) -> Usage:
    """Read what an image model used for a hosted tool."""
    usage = take_for_pictures(read_usage(encode(drawn)) or Usage(suspect=True))
    usage.input_cached_image = count(members(drawn.get("cached_tokens_details")).get("cached_image_tokens"))
    return _elsewhere(usage, drawn)


def read_written(written: dict[str, Any]) -> Usage:
    """Read what another model wrote for an answer."""
    return _elsewhere(read_usage(encode(written)) or Usage(suspect=True), written)


def _elsewhere(usage: Usage, seen: dict[str, Any]) -> Usage:
    usage.model = text(seen.get("model")) or IMAGE_TOOL_MODEL
    usage.raw = Usage().raw  # it stands beside the answer's usage
    return clamp(usage)


def take_for_pictures(usage: Usage) -> Usage:
    """Take what a model that draws has written for pictures, unless it says otherwise."""
    if not usage.output_image:
        usage.output_image = usage.output_total - usage.output_reasoning
    return usage


def _charged(seen: dict[str, Any]) -> int | None:
    ticks = count(seen.get("cost_in_usd_ticks"))
    if ticks > 0:
        return -(-ticks // _TICKS_PER_NANO_USD)
    cost = seen.get("cost", seen.get("estimated_cost"))
    if type(cost) is dict:  # Perplexity splits it
        cost = cost.get("total_cost")
    charged = cost_nano_usd(cost)
    if charged == 0 and _BILLED.isdisjoint(seen):
        return None  # a placeholder, unless it comes from one who also says how it was billed
    if charged is not None and seen.get("is_byok") is True:
        # OpenRouter with the customer's own key: its fee, and what the provider bills beside it.
        charged += cost_nano_usd(members(seen.get("cost_details")).get("upstream_inference_cost")) or 0
    return charged
