"""What may a request in the OpenAI dialect cost? Reads chats, completions, responses, embeddings, pictures, speech."""

from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.core.asked import Asked
from gateway.wire.asked_fields import (
    at_least_one,
    begins,
    decoded,
    is_elsewhere,
    no_bound,
    note_picture,
    note_type,
    read_fields,
    whole_number,
    words,
)
from gateway.wire.asked_shapes import ChatMessage, FunctionTool, Item, ItemPart, Url

_NOTHING = msgspec.Raw(b"")
# Fields that change what is said and not what it costs, wherever a server of this dialect knows them.
_HARMLESS = words(
    """
    model stream stream_options temperature top_p top_k top_a min_p typical_p seed random_seed stop stop_token_ids
    presence_penalty frequency_penalty repetition_penalty length_penalty logit_bias logprobs top_logprobs
    response_format tool_choice parallel_tool_calls function_call metadata store user safety_identifier user_id
    request_id prompt_cache_key prompt_cache_retention prompt_cache_options service_tier verbosity moderation
    reasoning_effort reasoning reasoning_format include_reasoning thinking clear_thinking enable_thinking
    chat_template_kwargs safe_prompt prompt_mode do_sample transforms usage guided_json guided_regex guided_choice
    guided_grammar structured_outputs min_tokens ignore_eos skip_special_tokens add_generation_prompt echo suffix
    client_metadata
    """
)
_CHAT_READ = words(
    """
    messages max_tokens max_completion_tokens n tools functions modalities audio web_search_options service_tier
    """
)
_COMPLETION_READ = words("prompt max_tokens n best_of service_tier")
_RESPONSES_READ = words(
    """
    input max_output_tokens max_tool_calls tools background previous_response_id conversation prompt
    context_management service_tier
    """
)
_EMBEDDINGS_READ = frozenset(("input",))
_IMAGE_READ = frozenset(("n",))
_CHAT = _HARMLESS | _CHAT_READ | {"prediction"}
_COMPLETION = _HARMLESS | _COMPLETION_READ
_RESPONSES = _HARMLESS | _RESPONSES_READ | {"instructions", "text", "include", "truncation"}
_EMBEDDINGS = _EMBEDDINGS_READ | {"model", "encoding_format", "dimensions", "user", "input_type", "truncate"}
_IMAGE = _IMAGE_READ | words(
    """
    model prompt size quality style background output_format output_compression moderation user response_format
    """
)
_SPEECH = words("model input voice instructions response_format speed stream_format")

_TEXT_PARTS = frozenset(("text", "refusal", "thinking", "reasoning", "reasoning_text", "summary_text", "output_text"))
_FUNCTIONS = frozenset(("function", "custom"))

_messages: Final = msgspec.json.Decoder(list[ChatMessage])
_url: Final = msgspec.json.Decoder(Url)
_tools: Final = msgspec.json.Decoder(list[FunctionTool])
_list: Final = msgspec.json.Decoder(list[msgspec.Raw])
_words: Final = msgspec.json.Decoder(list[str])
_text: Final = msgspec.json.Decoder(str)
_items: Final = msgspec.json.Decoder(list[Item])


def read_chat(body: bytes, asked: Asked) -> None:
    """Read POST /chat/completions."""
    found = read_fields(body, asked, _CHAT, _CHAT_READ)
    asked.max_output_tokens = _largest(asked, found, "max_tokens", "max_completion_tokens")
    asked.choices = at_least_one(whole_number(asked, "n", found.get("n")))
    _read_tier(asked, found)
    if "web_search_options" in found:
        no_bound(asked, "nothing limits what 'web_search_options' makes the model search")
    if "audio" in found or _words_of(asked, found, "modalities") - {"text"}:
        no_bound(asked, "an answer in sound has a price of its own")
    for message in decoded(asked, _messages, found.get("messages", b"[]"), "messages") or ():
        asked.framed += 1
        if message.audio != _NOTHING:
            is_elsewhere(asked, "sound of an earlier answer")
        for part in message.content if isinstance(message.content, list) else ():
            if part.type == "image_url":
                _read_picture(asked, part.image_url)
            else:
                note_type(asked, part.type, _TEXT_PARTS, "a part of the type")
    functions = decoded(asked, _list, found.get("functions", b"[]"), "functions")
    asked.framed += len(functions or ())
    for tool in decoded(asked, _tools, found.get("tools", b"[]"), "tools") or ():
        asked.framed += 1
        # Some servers, and their clients, leave the type out of what can only be a function.
        if tool.type not in _FUNCTIONS and (tool.type is not None or tool.function == _NOTHING):
            no_bound(asked, f"nothing limits what the tool '{tool.type}' costs at the provider")


def read_completion(body: bytes, asked: Asked) -> None:
    """Read POST /completions: every prompt of a list has answers of its own."""
    found = read_fields(body, asked, _COMPLETION, _COMPLETION_READ)
    asked.max_output_tokens = _largest(asked, found, "max_tokens")
    numbers = [whole_number(asked, name, found.get(name)) for name in ("n", "best_of")]
    asked.choices = max(map(at_least_one, numbers)) * max(1, _count_texts(asked, found.get("prompt"), "prompt"))
    _read_tier(asked, found)


def read_responses(body: bytes, asked: Asked) -> None:
    """Read POST /responses, and /responses/compact."""
    found = read_fields(body, asked, _RESPONSES, _RESPONSES_READ)
    asked.max_output_tokens = _largest(asked, found, "max_output_tokens")
    _read_tier(asked, found)
    if found.get("background", b"false") != b"false":
        no_bound(asked, "a background response goes on after its answer")
    if "context_management" in found:
        no_bound(asked, "'context_management' makes the provider read and write more than the request says")
    if "prompt" in found:
        no_bound(asked, "a stored prompt may bring tools of its own")
    for name in ("previous_response_id", "conversation"):
        if name in found:
            is_elsewhere(asked, f"what '{name}' stands for")
    text = found.get("input", b"[]")
    if not text.startswith(b'"'):
        for item in decoded(asked, _items, text, "input") or ():
            _read_item(asked, item)
    _read_hosted_tools(asked, found)


def read_embeddings(body: bytes, asked: Asked) -> None:
    """Read POST /embeddings."""
    found = read_fields(body, asked, _EMBEDDINGS, _EMBEDDINGS_READ)
    asked.writes = False
    _count_texts(asked, found.get("input"), "input")


def read_image(body: bytes, asked: Asked) -> None:
    """Read POST /images/generations: so many pictures, at a price each."""
    found = read_fields(body, asked, _IMAGE, _IMAGE_READ)
    asked.choices = at_least_one(whole_number(asked, "n", found.get("n")))
    asked.text_only_answer = False


def read_speech(body: bytes, asked: Asked) -> None:
    """Read POST /audio/speech: so many characters."""
    read_fields(body, asked, _SPEECH, frozenset())
    asked.text_only_answer = False


def _read_tier(asked: Asked, found: Mapping[str, bytes]) -> None:
    if (tier := found.get("service_tier")) is not None:
        asked.service_tier = decoded(asked, _text, tier, "service_tier")


def _largest(asked: Asked, found: Mapping[str, bytes], *names: str) -> int | None:
    """Return the largest of several maxima; None: there is none. For some servers 0 is none."""
    numbers = (whole_number(asked, name, found.get(name)) for name in names)
    return max((number for number in numbers if number), default=None)


def _words_of(asked: Asked, found: Mapping[str, bytes], name: str) -> set[str]:
    return set(decoded(asked, _words, found.get(name, b"[]"), name) or ())


def _count_texts(asked: Asked, raw: bytes | None, name: str) -> int:
    """Count the texts of an input: one, a list of them, of tokens, or of lists of tokens."""
    if raw is None or raw.startswith(b'"'):
        return 1
    each = decoded(asked, _list, raw, name) or ()
    firsts = {bytes(memoryview(one)[:1]) for one in each}
    if b"{" in firsts:
        no_bound(asked, f"the field '{name}' holds more than text")
    return 1 if firsts and firsts <= {b"%d" % digit for digit in range(10)} else len(each)


def _read_picture(asked: Asked, raw: msgspec.Raw) -> None:
    """Read what stands under `image_url`: an object with the URL, or the URL itself."""
    url: msgspec.Raw | None = raw
    if begins(raw, b"{"):
        shape = decoded(asked, _url, raw, "image_url")
        url = shape.url if shape is not None else None
    if url is not None:
        note_picture(asked, raw, url)


# Items of a response's input that are text as they stand; what is in their `content` and `output` is looked at.
_TEXT_ITEMS = words(
    """
    message function_call function_call_output custom_tool_call custom_tool_call_output local_shell_call
    local_shell_call_output shell_call shell_call_output apply_patch_call apply_patch_call_output tool_search_call
    tool_search_output additional_tools mcp_list_tools mcp_call mcp_approval_request mcp_approval_response
    computer_call computer_call_output reasoning
    """
)
_TEXT_ITEM_PARTS = _TEXT_PARTS | {"input_text"}
_PICTURE_PARTS = frozenset(("input_image", "computer_screenshot"))
# Tools that run where the agent runs. Those that the provider describes to the model itself are kits.
_KITS = frozenset(("local_shell", "apply_patch", "computer_use_preview", "computer"))


def _read_item(asked: Asked, item: Item) -> None:
    asked.framed += 1
    kind = item.type if item.type is not None else "message"
    if not note_type(asked, kind, _TEXT_ITEMS, "an item of the type"):
        return
    if kind == "reasoning" and not item.encrypted_content:
        is_elsewhere(asked, "reasoning that the provider keeps")
    for content in (item.content, item.output):
        if isinstance(content, list):
            for part in content:
                _read_item_part(asked, part)
        elif isinstance(content, ItemPart):
            _read_item_part(asked, content)
    for tool in item.tools or ():
        asked.framed += 1
        if _is_hosted(tool):
            no_bound(asked, f"nothing limits what the tool '{tool.type}' costs at the provider")


def _read_item_part(asked: Asked, part: ItemPart) -> None:
    if part.type not in _PICTURE_PARTS:
        note_type(asked, part.type, _TEXT_ITEM_PARTS, "a part of the type")
    elif part.image_url == _NOTHING:
        is_elsewhere(asked, "a picture that the provider keeps")
    else:
        _read_picture(asked, part.image_url)


def _read_hosted_tools(asked: Asked, found: Mapping[str, bytes]) -> None:
    """Read the tools: what runs at the provider has a bound only where the number of calls has one."""
    calls = whole_number(asked, "max_tool_calls", found.get("max_tool_calls"))
    for tool in decoded(asked, _tools, found.get("tools", b"[]"), "tools") or ():
        asked.framed += 1
        asked.kits += tool.type in _KITS
        if not _is_hosted(tool):
            continue
        kind = str(tool.type)
        if not kind.startswith("web_search") and kind != "file_search":
            no_bound(asked, f"nothing limits what the tool '{kind}' costs at the provider")
        elif calls is None:
            no_bound(asked, f"'max_tool_calls' is missing, which limits how often '{kind}' is called")
        else:
            asked.steps = calls + 1
            asked.searches = calls if kind.startswith("web_search") else asked.searches
            asked.file_searches = calls if kind == "file_search" else asked.file_searches


def _is_hosted(tool: FunctionTool) -> bool:
    if tool.type == "tool_search":
        return not isinstance(tool.execution, str) or tool.execution != "client"
    return tool.type not in _FUNCTIONS and tool.type not in _KITS and tool.type != "namespace"
