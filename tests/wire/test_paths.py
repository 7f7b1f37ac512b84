"""Every path of every client finds its place, and none that administers an account passes for something else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire import paths

ROOT = [
    # method, path, anthropic, google: dialect, endpoint, path upstream, model
    ("POST", "/v1/chat/completions", 0, 0, "openai", "chat", "/chat/completions", None),
    ("POST", "/chat/completions", 0, 0, "openai", "chat", "/chat/completions", None),
    ("POST", "/v1/responses", 0, 0, "openai", "responses", "/responses", None),
    ("POST", "/responses/compact", 0, 0, "openai", "responses", "/responses/compact", None),
    ("POST", "/v1/responses/input_tokens", 0, 0, "openai", "count_tokens", "/responses/input_tokens", None),
    ("POST", "/embeddings", 0, 0, "openai", "embeddings", "/embeddings", None),
    ("POST", "/v1/audio/transcriptions", 0, 0, "openai", "audio", "/audio/transcriptions", None),
    ("GET", "/v1/files/f-1/content", 0, 0, "openai", "other", "/files/f-1/content", None),
    ("POST", "/v1/messages", 1, 0, "anthropic", "messages", "/v1/messages", None),
    ("POST", "/v1/messages", 0, 0, "anthropic", "messages", "/v1/messages", None),
    ("POST", "/messages", 1, 0, "anthropic", "messages", "/v1/messages", None),
    ("POST", "/v1/messages/count_tokens", 1, 0, "anthropic", "count_tokens", "/v1/messages/count_tokens", None),
    ("GET", "/v1/messages/batches/b", 1, 0, "anthropic", "batch", "/v1/messages/batches/b", None),
    ("POST", "/v1/files", 1, 0, "anthropic", "other", "/v1/files", None),
    ("GET", "/v1/models", 0, 0, "openai", "models", "/models", None),
    ("GET", "/v1/models", 1, 0, "anthropic", "models", "/v1/models", None),
    ("GET", "/v1/models", 0, 1, "gemini", "models", "/v1/models", None),
    ("GET", "/models", 0, 0, "openai", "models", "/models", None),
    ("GET", "/v1/models/ft:gpt-4o:x::y", 0, 0, "openai", "models", "/models/ft:gpt-4o:x::y", "ft:gpt-4o:x::y"),
    ("GET", "/v1/models/claude-x", 1, 0, "anthropic", "models", "/v1/models/claude-x", "claude-x"),
    ("POST", "/v1/models/g:generateContent", 0, 0, "gemini", "generate_content", "/v1/models/g:generateContent", "g"),
    ("POST", "/v1beta/models/g%3AcountTokens", 0, 1, "gemini", "count_tokens", "/v1beta/models/g%3AcountTokens", "g"),
    ("POST", "/v1beta/models/g:embedContent", 0, 0, "gemini", "embeddings", "/v1beta/models/g:embedContent", "g"),
    ("POST", "/v1beta/tunedModels/t:generateContent", 0, 1, "gemini", "generate_content",
     "/v1beta/tunedModels/t:generateContent", "t"),
    ("POST", "/v1beta/openai/chat/completions", 0, 0, "gemini", "chat", "/v1beta/openai/chat/completions", None),
    ("POST", "/upload/v1beta/files", 0, 0, "gemini", "other", "/upload/v1beta/files", None),
    ("POST", "/v1/cachedContents", 0, 1, "gemini", "other", "/v1/cachedContents", None),
]  # fmt: skip


@pytest.mark.parametrize("case", ROOT, ids=lambda case: " ".join(map(str, case[:4])))
def test_each_client_finds_its_api_at_the_root(case: tuple[str, str, int, int, str, str, str, str | None]) -> None:
    """The path decides, and where several APIs share one, the headers do."""
    method, path, anthropic, google, *expected = case

    place = paths.at_root(method, path, anthropic=bool(anthropic), google=bool(google))

    assert place is not None
    assert expected == [place.dialect, place.endpoint.name, place.path, place.model]


def test_a_stream_by_path_says_so() -> None:
    """streamGenerateContent streams, whatever its content type."""
    place = paths.at_root("POST", "/v1beta/models/g:streamGenerateContent", anthropic=False, google=False)

    assert place is not None
    assert place.endpoint.streams
    assert place.endpoint.meters


@pytest.mark.parametrize("path", ["/", "", "/favicon.ico", "/v1", "/v2/chat/completions", "/admin", "/v1/feedback"])
def test_other_paths_are_nobodys(path: str) -> None:
    """They get 404."""
    assert None is paths.at_root("GET", path, anthropic=False, google=False)


def test_behind_a_provider_the_path_stays_raw() -> None:
    """Only the endpoint is read from it."""
    place = paths.under_provider("openai", "POST", "/openai/v1/chat/completions")

    assert ("chat", "/openai/v1/chat/completions") == (place.endpoint.name, place.path)
    assert "/chat/completions" == paths.under_provider("openai", "POST", "/chat/completions").path
    assert "/v1/chat/completions" == paths.under_provider("openai", "POST", "/v1/chat/completions").path


@pytest.mark.parametrize(
    ("dialect", "path", "spoken", "endpoint"),
    [
        ("openai", "/anthropic/v1/messages", "anthropic", "messages"),
        ("openai", "/v1/messages", "anthropic", "messages"),
        ("openai", "/messages", "anthropic", "messages"),
        ("openai", "/v1/messages/count_tokens", "anthropic", "count_tokens"),
        ("openai", "/v1/threads/t/messages", "openai", "other"),
        ("openai", "/chat/completions/c/messages", "openai", "chat"),
        ("anthropic", "/v1/chat/completions", "openai", "chat"),
        ("gemini", "/v1/messages", "gemini", "other"),
    ],
)
def test_a_provider_may_speak_a_second_dialect(dialect: str, path: str, spoken: str, endpoint: str) -> None:
    """What an answer consumed is read, and a refusal written, as the path says and not as the provider usually does."""
    place = paths.under_provider(dialect, "POST", path)

    assert (spoken, endpoint, path) == (place.dialect, place.endpoint.name, place.path)


@pytest.mark.parametrize(
    ("base", "path", "joined"),
    [
        ("/openai/v1", "/v1/x", "/openai/v1/x"),
        ("/openai/v1", "/openai/v1/x", "/openai/v1/x"),
        ("/openai/v1", "/x", "/openai/v1/x"),
        ("/openai/v1", "/v1beta/x", "/openai/v1/v1beta/x"),
        ("/v1", "/v1", "/v1"),
        ("", "/v1/x", "/v1/x"),
        ("/v1/v1", "/v1/v1/x", "/v1/v1/x"),
    ],
)
def test_the_tail_of_the_base_is_not_repeated(base: str, path: str, joined: str) -> None:
    """The longest one that the path begins with."""
    assert joined == paths.join(base, path)


@pytest.mark.parametrize(
    ("dialect", "path"),
    [
        ("openai", "/v1/organization/admin_api_keys"),
        ("openai", "/realtime/client_secrets"),
        ("openai", "/v1/realtime/sessions"),
        ("openai", "/v1/chatkit/sessions"),
        ("openai", "/api/v1/keys"),
        ("openai", "/v1/ORGANIZATION/users"),
        ("openai", "/v1/%6Frganization/users"),
        ("anthropic", "/v1/organizations/invites"),
        ("anthropic", "/v1/agents"),
        ("anthropic", "/v1/sessions/s/events"),
        ("anthropic", "/v1/environments"),
        ("gemini", "/v1alpha/auth_tokens"),
        ("gemini", "/v1alpha/auth_tokens:create"),
    ],
)
def test_administration_is_forbidden_however_it_is_spelt(dialect: str, path: str) -> None:
    """Account administration and token minting."""
    assert paths.forbidden(dialect, path)


@pytest.mark.parametrize("path", [path for _, path, *_ in ROOT])
def test_inference_is_not_forbidden_or_suspicious(path: str) -> None:
    """What clients call all day passes."""
    assert not any(paths.forbidden(dialect, path) for dialect in ("openai", "anthropic", "gemini"))
    assert not paths.suspicious(path)


@pytest.mark.parametrize(
    "path",
    [
        "/v1//chat", "/v1/../x", "/v1/./x", "/v1/..", "/v1/%2e%2e/x", "/v1/a%2Fb", "/v1/a%5cb", "/v1/a\\b", "/v1/a;b",
        "/v1/a%00b", "/v1/a\x00b", "/v1/a b", "/v1/a%252fb", "/v1/a%zz", "/v1/a%", "/v1/a?b", "/v1/a#b",
    ],
)  # fmt: skip
def test_paths_that_two_servers_could_read_differently_are_suspicious(path: str) -> None:
    """They get 400, not a guess."""
    assert paths.suspicious(path)


def test_a_repeated_version_gets_a_hint() -> None:
    """The usual mistake in a base URL is named."""
    assert "/v1" in (paths.doubled_hint("/v1/v1/chat/completions") or "")
    assert "/v1beta" in (paths.doubled_hint("/v1beta/v1beta/models") or "")
    assert None is paths.doubled_hint("/v1/v1x")
    assert None is paths.doubled_hint("/v1/chat/completions")


@pytest.mark.parametrize(
    ("query", "rest", "key"),
    [
        (b"", b"", None),
        (b"alt=sse", b"alt=sse", None),
        (b"key=k", b"", b"k"),
        (b"a=1&key=k%2B1&b=%20&c", b"a=1&b=%20&c", b"k+1"),
        (b"monkey=1&key=k&key=j", b"monkey=1", b"k"),
        (b"monkey=1", b"monkey=1", None),
    ],
)
def test_the_key_leaves_the_query(query: bytes, rest: bytes, key: bytes | None) -> None:
    """Everything else keeps its bytes and its order."""
    assert (rest, key) == paths.strip_key(query)


@given(st.sampled_from(["GET", "POST"]), st.text(max_size=30), st.booleans(), st.booleans())
def test_no_path_raises(method: str, path: str, anthropic: bool, google: bool) -> None:
    """Any path is placed or nobody's."""
    paths.at_root(method, "/v1/" + path, anthropic=anthropic, google=google)
    paths.under_provider("gemini", method, path)
    paths.doubled_hint(path)
    assert paths.suspicious(path) in (True, False)
    assert paths.forbidden("openai", path) in (True, False)


def test_a_version_in_front_changes_nothing_about_what_is_open() -> None:
    """An operator may name a path with it or without."""
    assert paths.opened("/v1/organization/users", ["/organization"])
    assert paths.opened("/organization/users", ["/v1/organization"])
    assert not paths.opened("/v1/organization/users", ["/organization/keys"])


def test_models_without_a_version_are_anthropics_where_its_client_asks() -> None:
    """By its version header."""
    place = paths.at_root("GET", "/models", anthropic=True, google=False)

    assert place is not None
    assert ("anthropic", "/v1/models") == (place.dialect, place.path)
