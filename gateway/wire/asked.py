"""What may this request cost, as far as its body tells? By dialect and kind of call."""

from collections.abc import Callable, Mapping

from gateway.core.asked import Asked
from gateway.wire import anthropic_asked, gemini_asked, openai, openai_asked
from gateway.wire.endpoint import POLLS, Endpoint

Reader = Callable[[bytes, Asked], None]

_OPENAI: Mapping[str, Reader] = {
    "chat": openai_asked.read_chat,
    "text_completion": openai_asked.read_completion,
    "responses": openai_asked.read_responses,
    "embeddings": openai_asked.read_embeddings,
    "image": openai_asked.read_image,
    "audio": openai_asked.read_speech,
}
_READERS: Mapping[tuple[str, str], Reader] = {
    **{("openai", endpoint): reader for endpoint, reader in _OPENAI.items()},
    ("anthropic", "messages"): anthropic_asked.read_messages,
    ("gemini", "generate_content"): gemini_asked.read_generate,
    ("gemini", "embeddings"): gemini_asked.read_embeddings,
    # Behind /v1beta/openai Google speaks the other dialect.
    **{("gemini", endpoint): reader for endpoint, reader in _OPENAI.items() if endpoint in ("chat", "responses")},
}
_FREE = frozenset(("count_tokens",))


def is_free(dialect: str, endpoint: Endpoint) -> bool:
    """Tell whether such a POST costs nothing. (Below `models` stands whatever a provider lets a model do.)

    Who asks how far work is, or cancels it, makes none. Moderations are the only calls to a provider whose answers are
    read and tell no usage.
    """
    if endpoint.name in _FREE or endpoint.job == POLLS:
        return True
    return dialect == "openai" and endpoint.reads_body and not endpoint.meters


def read_asked(dialect: str, endpoint: Endpoint, body: bytes) -> Asked:
    """Read a POST. `body`: whole, and known to be an object that can be read in one way (`body.read`).

    Of what cannot be read, or is not read because it streams through, nothing can be said but that it has no bound;
    nor of Ollama's own chat, which looks like OpenAI's and ignores the maximum that stands where OpenAI's does.
    """
    asked = Asked(dialect=dialect, endpoint=endpoint.name, body_bytes=len(body), text_bytes=len(body))
    reader = _READERS.get((dialect, endpoint.name))
    if is_free(dialect, endpoint):
        asked.free = True
    elif reader is None or not endpoint.reads_body or endpoint == openai.LINES:
        asked.unbounded = f"what a call of the kind '{endpoint.name}' costs cannot be told before it is made"
    else:
        reader(body, asked)
    return asked
