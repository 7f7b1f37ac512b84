"""Why did an answer end? The providers' words, in one vocabulary."""

from gateway.evaluation.api import Finish, Message

# OpenAI and who speaks like it, Responses, Anthropic, Gemini, Ollama, Cohere, in lower case; no word has two meanings.
_WORDS: dict[str, Finish] = {
    **dict.fromkeys(("stop", "end_turn", "stop_sequence", "completed", "complete", "eos", "done", "eos_token"), "stop"),
    **dict.fromkeys(
        ("length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"), "length"
    ),
    **dict.fromkeys(("tool_calls", "function_call", "tool_use", "tool_call"), "tool_calls"),
    **dict.fromkeys(
        ("content_filter", "sensitive", "safety", "recitation", "blocklist", "prohibited_content", "spii"),
        "content_filter",
    ),
    **dict.fromkeys(
        ("image_safety", "image_prohibited_content", "image_recitation", "model_armor", "error_toxic", "jailbreak"),
        "content_filter",
    ),
    "refusal": "refusal",
    "pause_turn": "pause",
    **dict.fromkeys(
        ("error", "failed", "timeout", "network_error", "insufficient_system_resource", "error_limit"), "error"
    ),
    **dict.fromkeys(("malformed_function_call", "unexpected_tool_call", "malformed_response"), "error"),
}  # fmt: skip


def finish_of(word: str | None, answer: Message | None) -> Finish | None:
    """Translate a reason. Some call it a plain stop when the model waits for a tool that the caller runs."""
    if word is None:
        return None
    finish = _WORDS.get(word.lower(), "other")
    if finish == "stop" and answer is not None and any(not call.server for call in answer.tool_calls):
        return "tool_calls"
    return finish
