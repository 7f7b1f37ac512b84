"""Is there an answer that can be judged? Who asks gets it, or the reason why not as Skip."""

from typing import Final

from gateway.evaluation.api import Exchange, Message, Skip

# Endpoints whose answers are words of a model; all others have nothing to say here.
TALKING: Final = frozenset({"chat", "text_completion", "responses", "messages", "generate_content"})
CLIENT_LEFT: Final = "cancelled"  # outcome of an exchange whose client went away


def answer_of(exchange: Exchange) -> Message:
    """Return what the model said, as far as it came; skip what failed and what is no conversation."""
    if exchange.endpoint not in TALKING:
        raise Skip("other_endpoint")
    if exchange.status is None or not 200 <= exchange.status < 300:
        raise Skip("failed")
    if not exchange.choices:
        raise Skip("no_answer")
    return exchange.answer


def whole_answer_of(exchange: Exchange) -> Message:
    """Return what the model said; skip as well what broke off on its way, or in the log."""
    answer = answer_of(exchange)
    if exchange.is_truncated:
        raise Skip("body_cut")
    if not exchange.is_complete:
        raise Skip("incomplete")
    return answer


def words_of(exchange: Exchange) -> str:
    """Return the words of an answer that is whole; skip answers without any, such as mere tool calls."""
    answer = whole_answer_of(exchange)
    if is_refused(exchange):
        raise Skip("refused")
    if answer.text.strip():
        return answer.text
    raise Skip("tool_calls" if answer.tool_calls else "no_text")


def is_refused(exchange: Exchange) -> bool:
    """Tell whether the provider's own fields say that the model refused."""
    return bool(exchange.answer.refusal) or exchange.finish == "refusal"


def facts_of(exchange: Exchange) -> None:
    """Skip exchanges whose time and cost say nothing: they failed, or somebody broke them off."""
    if exchange.status is None or not 200 <= exchange.status < 300:
        raise Skip("failed")
    if exchange.outcome != "ok":
        raise Skip("incomplete")
