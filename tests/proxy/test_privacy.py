"""What a team keeps to itself: bodies that are not written down, and credentials that are its own."""

from collections.abc import Iterator

import pytest

from tests.gateway import KEY, PROVIDER_KEY, Gateway, standing_before, team_file
from tests.provider import Answer, Provider, answer, providing, stream

QUIET_KEY = "tw-quiet-key"
OWN_KEY = "tw-own-key"
SHORT_KEY = "tw-short-key"
MARK = "Xyzzy-Plugh"
DONE = (
    f'{{"model":"gpt-4o-mini","answer":"{MARK}-answer","usage":{{"prompt_tokens":9,"completion_tokens":3}}}}'.encode()
)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """Plays every provider."""
    with providing() as provider:
        yield provider


@pytest.fixture(scope="module")
def gateway(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The gateway before it."""
    teams = {
        "search": team_file(),
        "quiet": team_file([QUIET_KEY], '[logging]\nbodies = "none"'),
        "own": team_file([OWN_KEY], top="forward_credentials = true\n"),
        "short": team_file([SHORT_KEY], '[logging]\nmax_body = "64 KiB"'),
    }
    with standing_before(provider, tmp_path_factory.mktemp("gateway"), teams=teams) as run:
        yield run


@pytest.fixture(autouse=True)
def _fresh(provider: Provider) -> None:
    provider.forget()
    provider.otherwise = lambda _: answer(DONE)


def written(gateway: Gateway, mark: str) -> dict[str, bool]:
    """Tell in which kinds of files a mark stands."""
    data = gateway.folder / "data"
    found = {}
    for name in ("journal", "store"):
        files = [path for path in (data / name).rglob("*") if path.is_file()]
        assert files
        found[name] = any(mark.encode() in path.read_bytes() for path in files)
    found["output"] = mark in gateway.said()
    return found


@pytest.mark.parametrize("length", [10, 100_000, 3_000_000])
@pytest.mark.parametrize("streamed", [False, True])
def test_bodies_none_writes_no_byte_of_a_body(
    length: int, streamed: bool, gateway: Gateway, provider: Provider
) -> None:
    """Neither journal nor store; the record and its usage are there all the same."""
    mark = f"{MARK}-{length}-{streamed}"
    text = mark + " " * length + mark
    pieces = [f'data: {{"choices":[{{"index":0,"delta":{{"content":"{text}"}}}}]}}\n\n'.encode(), b"data: [DONE]\n\n"]
    provider.play(stream(*pieces) if streamed else answer(DONE + text.encode()))

    reply = gateway.post("/v1/chat/completions", {"model": "m", "messages": [text], "stream": streamed}, key=QUIET_KEY)

    assert mark.encode() in reply.body
    row = gateway.row(reply.id)
    assert ("quiet", "ok", None, None) == (row["team"], row["outcome"], row["request_body"], row["response_body"])
    assert row["request_bytes"] > length < row["response_bytes"]
    assert row["usage"]["input_total"] > 0
    assert {"journal": False, "store": False, "output": False} == written(gateway, mark)


def test_upload_of_a_quiet_team_is_not_written(gateway: Gateway) -> None:
    """What streams through neither."""
    body = f"{MARK}-upload".encode() * 50_000
    headers = [("Authorization", f"Bearer {QUIET_KEY}"), ("Content-Type", "application/octet-stream")]

    reply = gateway.ask("POST", "/v1/files", headers, body)

    assert len(body) == gateway.row(reply.id)["request_bytes"]
    assert {"journal": False, "store": False, "output": False} == written(gateway, f"{MARK}-upload")


def test_other_teams_bodies_are_written(gateway: Gateway) -> None:
    """The search above finds what is there (the store compresses longer bodies)."""
    reply = gateway.post("/v1/chat/completions", {"m": f"{MARK}-control"})
    gateway.row(reply.id)

    assert written(gateway, f"{MARK}-control")["journal"]


def test_long_bodies_are_kept_up_to_max_body(gateway: Gateway, provider: Provider) -> None:
    """Head and tail are kept, and how much is missing is told."""
    answered = b'{"start":"' + b"s" * 300_000 + b'","end":1}'
    provider.play(answer(answered))
    asked = {"model": "m", "messages": ["a" * 200_000, "the end"]}

    row = gateway.row(gateway.post("/v1/chat/completions", asked, key=SHORT_KEY).id)

    assert row["truncated"]
    assert len(answered) == row["response_bytes"]
    for body, end in ((row["request_body"], '"the end"]}'), (row["response_body"], '"end":1}')):
        assert body.endswith(end)
        assert "bytes not kept" in body
        assert len(body) < 70_000


def test_own_credentials_go_along(gateway: Gateway, provider: Provider) -> None:
    """With x-tollway-key, and the team's leave, the provider gets what the client sent for it, account included."""
    sent = [
        ("authorization", "Bearer oauth-of-the-user"),
        ("x-api-key", "sk-of-the-user"),
        ("OpenAI-Organization", "org-of-the-user"),
        ("X-Tollway-Key", OWN_KEY),
        ("Cookie", "no=1"),
        ("Content-Type", "application/json"),
    ]

    reply = gateway.ask("POST", "/v1/messages", sent, b'{"model":"claude-9"}')

    (asked,) = provider.asked
    assert ["Bearer oauth-of-the-user"] == asked.values("authorization")
    assert (["sk-of-the-user"], ["org-of-the-user"]) == (
        asked.values("x-api-key"),
        asked.values("openai-organization"),
    )
    assert [] == asked.values("x-tollway-key") + asked.values("cookie")
    assert PROVIDER_KEY not in repr(asked)
    row = gateway.row(reply.id)
    assert ("own", "ok") == (row["team"], row["outcome"])
    for secret in ("oauth-of-the-user", "sk-of-the-user", OWN_KEY):
        assert {"journal": False, "store": False, "output": False} == written(gateway, secret)


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Bearer oauth-of-the-user"), ("x-tollway-key", KEY)],  # its team may not
        [("Authorization", f"Bearer {OWN_KEY}")],  # nothing of its own
        [("x-tollway-key", OWN_KEY)],
    ],
)
def test_key_is_exchanged_otherwise(headers: list[tuple[str, str]], gateway: Gateway, provider: Provider) -> None:
    """Without the team's leave, or without a credential of the client's own."""
    more = [("OpenAI-Project", "p"), ("Content-Type", "application/json")]

    assert 200 == gateway.ask("POST", "/v1/responses", [*headers, *more], b"{}").status

    (asked,) = provider.asked
    assert [f"Bearer {PROVIDER_KEY}"] == asked.values("authorization")
    assert [] == asked.values("openai-project") + asked.values("x-tollway-key")


def test_compressed_answer_is_kept_as_it_came(gateway: Gateway, provider: Provider) -> None:
    """The log has the very bytes, and the usage that stands in them."""
    packed = Answer(body=(DONE,)).gzipped()
    provider.play(packed)

    reply = gateway.post("/v1/chat/completions", {"model": "m"})

    row = gateway.row(reply.id)
    assert (packed.body[0], "gzip") == (reply.body, reply.value("content-encoding"))
    assert ("gzip", 9, {"base64"}) == (
        *(row["content_encoding"], row["usage"]["input_total"]),
        set(row["response_body"]),
    )
