"""Which API and which endpoint does a path mean, where does it go upstream, and may it go there at all?"""

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

from gateway.wire import anthropic, gemini, openai
from gateway.wire.endpoint import EndpointTable, Place, classify, words

_TABLES: dict[str, EndpointTable] = {
    "openai": openai.ENDPOINTS,
    "anthropic": anthropic.ENDPOINTS,
    "gemini": gemini.ENDPOINTS,
}

# What is accepted at the root without its version: the dialect, and where the version belongs.
_WITHOUT_VERSION = {first: ("openai", "") for first in openai.FIRST_WORDS} | {"messages": ("anthropic", "/v1")}

# The calls that agents make all day, found without looking at their words.
_READY: dict[tuple[str, str], Place] = {
    ("POST", mount + "/" + path): Place("openai", endpoint, "/" + path)
    for mount in ("/v1", "")
    for path, endpoint in openai.ENDPOINTS.posts.items()
} | {("POST", "/v1/messages"): Place("anthropic", anthropic.MESSAGES, "/v1/messages")}

# Below /v1, ours and not built yet: what people write there about their exchanges is no provider's business.
_OURS = frozenset({"feedback"})

# Administration, and minting of tokens that let a client go around the gateway.
_FORBIDDEN = {
    "openai": {
        "organization", "organizations", "admin", "dashboard", "client_secrets", "sessions", "transcription_sessions",
        "keys", "auth", "provisioning",
    },
    "anthropic": {
        "organizations", "organization", "agents", "sessions", "environments", "deployments", "vaults", "oauth",
        "admin",
    },
    "gemini": {"auth_tokens", "permissions", "authtokens", "organizations"},
}  # fmt: skip


class _Second(NamedTuple):
    dialect: str
    paths: re.Pattern[str]


# What providers of the one dialect serve in the other: DeepSeek, OpenRouter and Ollama Messages, Anthropic chat.
# (OpenAI has messages of its own, below threads and stored completions.)
_SECOND = {
    "openai": _Second("anthropic", re.compile(r"(?:\A|/v1)/messages(?:/count_tokens)?\Z")),
    "anthropic": _Second("openai", re.compile(r"/chat/completions\Z")),
}

_MODEL = re.compile(r"models/(.+)", re.IGNORECASE)
_GEMINI_VERSION = re.compile(r"v1(?:alpha|beta)\d*")
_SUSPICIOUS = re.compile(
    r"//|\\|;|[\x00-\x20\x7f?#]|%2f|%5c|%2e|%3b|%25|%0|%1|%7f|%(?![0-9a-f]{2})|/\.{1,2}(?:/|\Z)", re.IGNORECASE
)
_DOUBLED = re.compile(r"(/v1(?:beta|alpha)?)\1(?=/|\Z)")


def at_root(method: str, path: str, *, anthropic: bool, google: bool) -> Place | None:
    """Place a path of the root; None: it is nobody's.

    `anthropic`: the request carries anthropic-version. `google`: it carries a Google key (header or query).
    """
    ready = _READY.get((method, path))
    if ready is not None and not google and (ready.dialect == "anthropic" or not anthropic):
        return ready
    parts = words(path)
    if not parts:
        return None
    dialect, upstream_path = _whose(method, path, parts, anthropic=anthropic, google=google)
    return _placed(dialect, method, upstream_path) if dialect else None


def under_provider(dialect: str, method: str, path: str) -> Place:
    """Place a path that stands behind `/{provider}`; `dialect` is what that provider usually speaks."""
    ready = _READY.get((method, path))
    if ready is not None and ready.dialect == dialect:
        return ready._replace(path=path)
    second = _SECOND.get(dialect)
    return _placed(second.dialect if second is not None and second.paths.search(path) else dialect, method, path)


def join(base_path: str, path: str) -> str:
    """Put `path` behind `base_path`; the longest tail of base_path that path begins with is not repeated."""
    start = 0
    while True:
        start = base_path.find("/", start)
        if start < 0:
            return base_path + path
        tail = base_path[start:]
        if path == tail or path.startswith(tail + "/"):
            return base_path[:start] + path
        start += 1


def forbidden(dialect: str, path: str) -> bool:
    """Tell whether a path administers an account or mints tokens."""
    names = _FORBIDDEN[dialect]
    return any(part.partition(":")[0] in names for part in words(path))


def suspicious(path: str) -> bool:
    """Tell whether two servers could read this path differently."""
    return _SUSPICIOUS.search(path) is not None


def doubled_hint(path: str) -> str | None:
    """Say what to change when a base URL's version was repeated; None: it was not."""
    found = _DOUBLED.match(path)
    if found is None:
        return None
    version = found[1]
    return (
        f"The path begins with {version}{version}: this client adds {version} itself. "
        f"Leave {version} out of its base URL."
    )


def strip_key(query: bytes) -> tuple[bytes, bytes | None]:
    """Take `key=` out of a raw query; the other parameters keep their bytes and order."""
    if b"key=" not in query:
        return query, None
    parts = query.split(b"&")
    keys = [part[4:] for part in parts if part.startswith(b"key=")]
    if not keys:
        return query, None
    rest = b"&".join(part for part in parts if not part.startswith(b"key="))
    return rest, unquote(keys[0].decode("latin-1"), "latin-1").encode("latin-1")


def _placed(dialect: str, method: str, path: str) -> Place:
    endpoint = gemini.endpoint(method, path) if dialect == "gemini" else classify(_TABLES[dialect], method, path)
    return Place(dialect, endpoint, path, _model_in(path))


def _whose(method: str, path: str, parts: list[str], *, anthropic: bool, google: bool) -> tuple[str | None, str]:
    """Name the dialect of a root path, and the path as it goes upstream."""
    first = parts[0]
    if first == "v1":
        dialect = _below_v1(method, parts[1:], anthropic=anthropic, google=google)
        return dialect, path[path.index("/", 1) :] if dialect == "openai" and len(parts) > 1 else path
    if _GEMINI_VERSION.fullmatch(first) or (first == "upload" and len(parts) > 1 and parts[1].startswith("v1")):
        return "gemini", path
    if first == "models" and len(parts) == 1 and anthropic:
        return "anthropic", "/v1" + path
    dialect, version = _WITHOUT_VERSION.get(first, (None, ""))
    return dialect, version + path


def _below_v1(method: str, rest: list[str], *, anthropic: bool, google: bool) -> str | None:
    if not rest or rest[0] in _OURS:
        return None
    if rest[0] == "messages":
        return "anthropic"
    if rest[0] in ("models", "tunedmodels"):
        acts = method == "POST" and ":" in rest[-1]
        if acts or (google and not anthropic):
            return "gemini"
    elif google and not anthropic and "/".join(rest) not in openai.ENDPOINTS.posts:
        return "gemini"
    return "anthropic" if anthropic else "openai"


def _model_in(path: str) -> str | None:
    """Read the model that a path names: `models/{m}`, `models/{m}:{action}`."""
    found = _MODEL.search(unquote(path))
    if found is None:
        return None
    name = found[1]
    head, colon, action = name.rpartition(":")
    # OpenAI's fine-tuned models have colons of their own; an action stands behind the last one.
    return head if colon and action.lower() in gemini.ACTIONS else name


def opened(path: str, allowed: Iterable[str]) -> bool:
    """Tell whether an operator opened a forbidden path: `allowed` names paths, each with everything below it."""
    parts = _unversioned(path)
    return any(parts[: len(opening)] == opening for opening in map(_unversioned, allowed))


def _unversioned(path: str) -> list[str]:
    parts = words(path)
    return parts[1:] if parts and re.fullmatch(r"v\d+\w*", parts[0]) else parts
