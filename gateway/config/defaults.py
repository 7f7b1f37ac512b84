"""What is known without any config: the providers' addresses, dialects, models and the usual environment variables."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.config.model import Provider


@dataclass(frozen=True, slots=True)
class Known:
    """A provider that needs no more than a key. `env`: where its key usually lies, first one set wins."""

    base_url: str
    env: tuple[str, ...]
    models: tuple[str, ...]
    dialect: str = "openai"
    stream_usage: str = "inject"
    free: bool = False


# The order matters where patterns overlap and for a model that no pattern names: the first of a dialect gets it.
# All patterns have wildcards: a name without is listed as a model that config offers, and there would be no other.
KNOWN = {
    "openai": Known(
        "https://api.openai.com/v1",
        ("OPENAI_API_KEY",),
        (
            *("gpt-*", "chatgpt-*", "o?", "o?-*", "codex-*", "computer-use-*", "text-embedding-3-*"),
            *("text-embedding-ada-*", "davinci-*", "babbage-*", "ft:*", "dall-e-*", "sora-*", "tts-*", "whisper-1*"),
            *("omni-moderation-*", "text-moderation-*"),
        ),
    ),
    "anthropic": Known("https://api.anthropic.com", ("ANTHROPIC_API_KEY",), ("claude-*",), dialect="anthropic"),
    "gemini": Known(
        "https://generativelanguage.googleapis.com",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        (
            "gemini-*",
            "gemma-*",
            "imagen-*",
            "veo-*",
            "lyria-*",
            "learnlm-*",
            "aqa*",
            "text-embedding-0*",
            "embedding-0*",
        ),
        dialect="gemini",
    ),
    # Groq tells the usage unasked, in a member of its own.
    "groq": Known(
        "https://api.groq.com/openai/v1",
        ("GROQ_API_KEY",),
        ("llama-*", "meta-llama/*", "groq/*", "compound-*", "qwen/*", "moonshotai/*", "whisper-large-*", "gemma2-*"),
        stream_usage="off",
    ),
    # Mistral sends usage unasked and refuses fields that it does not know.
    "mistral": Known(
        "https://api.mistral.ai/v1",
        ("MISTRAL_API_KEY",),
        (
            *("mistral-*", "ministral-*", "magistral-*", "codestral-*", "devstral-*", "pixtral-*", "voxtral-*"),
            *("open-mistral-*", "open-mixtral-*"),
        ),
        stream_usage="off",
    ),
    "deepseek": Known("https://api.deepseek.com", ("DEEPSEEK_API_KEY",), ("deepseek-*",)),
    "xai": Known("https://api.x.ai/v1", ("XAI_API_KEY",), ("grok-*",)),
    "perplexity": Known("https://api.perplexity.ai", ("PERPLEXITY_API_KEY",), ("sonar*",), stream_usage="off"),
    "cerebras": Known("https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",), ("llama3*", "qwen-3-*", "zai-glm-*")),
    # Some models there refuse stream_options; usage comes unasked.
    "fireworks": Known(
        "https://api.fireworks.ai/inference/v1", ("FIREWORKS_API_KEY",), ("accounts/*",), stream_usage="off"
    ),
    "together": Known("https://api.together.ai/v1", ("TOGETHER_API_KEY",), ()),
    # Behind the others: nearly every name with a slash is a model there.
    "openrouter": Known("https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",), ("*/*",), stream_usage="off"),
    "ollama": Known("http://127.0.0.1:11434/v1", (), (), free=True),
}


def from_environment(env: Mapping[str, str]) -> dict[str, Provider]:
    """Return the known providers whose usual environment variable is set, for a config that names none."""
    return {name: Provider() for name, known in KNOWN.items() if any(env.get(variable) for variable in known.env)}


def completed(name: str, provider: Provider, env: Mapping[str, str]) -> Provider:
    """Fill in what is known of a provider of this name, where config leaves it open."""
    known = KNOWN.get(name)
    if known is None:
        return provider
    default = {
        "dialect": known.dialect,
        "base_url": known.base_url,
        "models": list(known.models),
        "stream_usage": known.stream_usage,
        "free": known.free,
    }
    # The usual key belongs to the usual host: another one gets it only if config says so.
    if provider.base_url in (None, known.base_url):
        default["api_keys"] = _usual_key(known, env)
    return provider.model_copy(
        update={field: value for field, value in default.items() if getattr(provider, field) is None}
    )


def _usual_key(known: Known, env: Mapping[str, str]) -> list[str]:
    present = [variable for variable in known.env if env.get(variable)]
    return [f"env:{variable}" for variable in (present or known.env)[:1]]
