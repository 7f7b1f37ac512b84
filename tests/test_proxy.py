"""The life of a request, seen from both ends: who may ask for what, where it goes, what is changed, what is written."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.client import Reply
from tests.gateway import KEY, PROVIDER_KEY, Gateway, standing_before, team_file
from tests.provider import Answer, Asked, Provider, answer, providing, until

LIMITED_KEY = "tw-limited-key"
MAX_BODY_BYTES = 256 << 10
ROUTES = """
[[routes]]
model = "fast"
targets = [{ provider = "openai", model = "gpt-4o-mini" }]

[[routes]]
model = "same"
targets = [{ provider = "groq" }]

[[routes]]
model = "shared"
targets = [{ provider = "openai", model = "one", weight = 1 }, { provider = "groq", model = "two", weight = 1 }]

[[routes]]
model = "gem/fast"
targets = [{ provider = "gemini", model = "gemini-2.5-flash" }]
"""
OPENED = """
[providers.opened]
dialect = "openai"
base_url = "{url}/v1"
api_keys = ["file:openai.key"]
allow_paths = ["/organization/usage"]

[providers.keyless]
dialect = "openai"
base_url = "{url}/v1"
api_keys = ["env:NOT_SET_ANYWHERE"]

[providers.turns]
dialect = "openai"
base_url = "{url}/v1"
api_keys = ["file:openai.key", "file:second.key"]
"""
DONE = (
    b'{"id":"c","model":"gpt-4o-mini-2024-07-18","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100}}'
)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """Plays every provider."""
    with providing() as provider:
        yield provider


@pytest.fixture(scope="module")
def gateway(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The gateway before it."""
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "second.key").write_text("sk-second")
    teams = {"search": team_file(), "limited": team_file([LIMITED_KEY], '[models]\nallow = ["gpt-4o*", "fast"]')}
    names = ("openai", "anthropic", "gemini", "groq")
    more = ROUTES + OPENED.format(url=provider.url)
    size = f'max_request_body = "{MAX_BODY_BYTES >> 10} KiB"'
    with standing_before(provider, folder, names, server=size, more=more, teams=teams) as run:
        yield run


@pytest.fixture(autouse=True)
def _fresh(provider: Provider) -> None:
    provider.forget()
    provider.otherwise = lambda _: answer(DONE)


def the_one(provider: Provider) -> Asked:
    """Return the only request that the provider got."""
    (asked,) = provider.asked
    return asked


def refused(reply: Reply, status: int, kind: str) -> str:
    """Check that the gateway said no, for this reason, and return its words."""
    assert (status, kind) == (reply.status, reply.value("x-tollway-error"))
    assert reply.id == reply.value("x-request-id") == reply.value("request-id")
    return str(json.loads(reply.body)["error"]["message"])


# ---- where it goes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "arrives"),
    [
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/chat/completions", "/v1/chat/completions"),
        ("/groq/chat/completions", "/openai/v1/chat/completions"),
        ("/groq/v1/chat/completions", "/openai/v1/chat/completions"),
        ("/groq/openai/v1/chat/completions", "/openai/v1/chat/completions"),
        ("/groq/new/api?b=2&a=1&a=%20x", "/openai/v1/new/api?b=2&a=1&a=%20x"),
        ("/v1/messages?beta=true", "/v1/messages?beta=true"),
        ("/messages", "/v1/messages"),
        ("/v1beta/models/m:generateContent?alt=sse", "/v1beta/models/m:generateContent?alt=sse"),
        ("/v1/models/m:generateContent", "/v1/models/m:generateContent"),
    ],
)
def test_path_leads_to_the_provider(path: str, arrives: str, gateway: Gateway, provider: Provider) -> None:
    """By its prefix, or by whose API it is; the query comes along as it is written."""
    assert 200 == gateway.post(path, {"model": "m"}).status
    assert arrives == the_one(provider).target


def test_route_renames_the_model_and_nothing_else(gateway: Gateway, provider: Provider) -> None:
    """Every other byte of the body stays: spaces, numbers, escapes, repeated fields that are not read."""
    body = b'{ "x" : 1.0e5,"x":2,\n\t"model" :"fast" , "u":"\xc3\xbc\\u00e9", "deep":{"model":"fast"},"f":"fast" }\r\n'

    reply = gateway.post("/v1/chat/completions", body)

    assert body.replace(b'"fast"', b'"gpt-4o-mini"', 1) == the_one(provider).body
    assert ["fast", "openai", "gpt-4o-mini"] == [
        reply.value(name) for name in ("x-tollway-route", "x-tollway-provider", "x-tollway-model")
    ]
    row = gateway.row(reply.id)
    assert ("fast", "fast", "openai", "gpt-4o-mini") == (
        *(row["route"], row["model_requested"], row["provider"]),
        row["attempts"][0]["model"],
    )
    assert body.decode() == row["request_body"]


def test_route_in_a_path(gateway: Gateway, provider: Provider) -> None:
    """Gemini names its model there, and the client may encode it."""
    for written in ("gem/fast", "gem%2Ffast"):
        reply = gateway.post(f"/v1beta/models/{written}:generateContent", {"contents": []})
        if reply.status == 200:
            assert "/v1beta/models/gemini-2.5-flash:generateContent" == provider.asked[-1].target
            assert "gem/fast" == gateway.row(reply.id)["route"]
        else:
            refused(reply, 400, "bad_request")  # an encoded slash could be read in two ways
    assert 1 == len(provider.asked)


def test_route_that_keeps_the_model(gateway: Gateway, provider: Provider) -> None:
    """A target without a model: the body goes as it came."""
    body = b'{"model":  "same"}'
    reply = gateway.post("/v1/chat/completions", body)

    assert ("/openai/v1/chat/completions", body) == (the_one(provider).target, the_one(provider).body)
    assert ("groq", "same") == (reply.value("x-tollway-provider"), reply.value("x-tollway-model"))


def test_route_shares_by_weight(gateway: Gateway, provider: Provider) -> None:
    """Each target gets some of sixty requests."""
    with gateway.client() as client:
        for _ in range(60):
            headers = [("Authorization", f"Bearer {KEY}"), ("Content-Type", "application/json")]
            assert 200 == client.ask("POST", "/v1/chat/completions", headers, b'{"model":"shared"}').status

    models = [json.loads(asked.body)["model"] for asked in provider.asked]
    assert {"one", "two"} == set(models)
    assert 10 < models.count("one") < 50


def test_no_route_adds_no_route_headers(gateway: Gateway) -> None:
    """The exchange's id always, and its cost where the whole answer was there before its head left."""
    reply = gateway.post("/v1/chat/completions", {"model": "gpt-4o-mini"})

    added = {name: value for name, value in reply.headers if name.startswith("x-tollway-")}
    row = gateway.row(reply.id)
    assert {"x-tollway-request-id": row["id"], "x-tollway-cost-usd": "0.000210000"} == added
    assert "0.00021" == row["cost_usd"]


def test_prefix_in_the_model_names_the_provider(gateway: Gateway, provider: Provider) -> None:
    """`groq/m` is `m` of that provider."""
    gateway.post("/v1/chat/completions", {"model": "groq/m"})

    assert ("/openai/v1/chat/completions", b'{"model": "m"}') == (the_one(provider).target, the_one(provider).body)


def test_keys_of_a_provider_take_turns(gateway: Gateway, provider: Provider) -> None:
    """Several keys are used alike."""
    for _ in range(4):
        gateway.post("/turns/chat/completions", {"model": "m"})

    used = [asked.values("authorization")[0] for asked in provider.asked]
    assert 2 == used.count(f"Bearer {PROVIDER_KEY}") == used.count("Bearer sk-second")


# ---- other methods ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD", "OPTIONS"])
def test_methods_without_a_body(method: str, gateway: Gateway, provider: Provider) -> None:
    """Method, path and query pass; no length is invented; the connection stays usable."""
    provider.otherwise = lambda _: Answer(status=200, headers=[("X-Kind", "file"), ("X-Kind", "two")], body=(b"12345",))
    headers = [("Authorization", f"Bearer {KEY}"), ("Accept-Encoding", "gzip")]
    if method == "HEAD":
        provider.otherwise = lambda _: Answer(raw=b"HTTP/1.1 200 OK\r\nX-Kind: file\r\nContent-Length: 5\r\n\r\n")
    with gateway.client() as client:
        for number in range(2):
            reply = client.ask(method, f"/v1/files/file-1?n={number}&limit=2", headers)
            assert (200, "5", b"" if method == "HEAD" else b"12345") == (
                *(reply.status, reply.value("content-length")),
                reply.body,
            )

    first, second = provider.asked
    assert (method, "/v1/files/file-1?n=0&limit=2", b"") == (first.method, first.target, first.body)
    assert "/v1/files/file-1?n=1&limit=2" == second.target
    assert [] == first.values("content-length") + first.values("transfer-encoding")
    assert ["gzip"] == first.values("accept-encoding")
    row = gateway.row(reply.id)
    assert (method, "/v1/files/file-1", "ok", 0, "none") == (
        *(row["method"], row["path"], row["outcome"], row["cost_nano_usd"]),
        row["usage_source"],
    )


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST"])
def test_methods_with_a_body(method: str, gateway: Gateway, provider: Provider) -> None:
    """Also with one of no bytes, whose length is told."""
    headers = [("Authorization", f"Bearer {KEY}"), ("Content-Type", "text/plain")]
    gateway.ask(method, "/v1/files/x", headers, b"abc")
    gateway.ask(method, "/v1/files/x", headers, b"")

    assert [(method, b"abc", ["3"]), (method, b"", ["0"])] == [
        (asked.method, asked.body, asked.values("content-length")) for asked in provider.asked
    ]


def test_answers_without_a_body(gateway: Gateway, provider: Provider) -> None:
    """204 and 304 have none, and nothing is waited for."""
    for status in (204, 304):
        provider.play(Answer(raw=f"HTTP/1.1 {status} Nothing\r\nETag: x\r\n\r\n".encode()))
        reply = gateway.ask("DELETE", "/v1/files/x", [("Authorization", f"Bearer {KEY}")])
        assert (status, b"", "x") == (reply.status, reply.body, reply.value("etag"))
        assert reply.value("content-length") is None


def test_interim_answers_are_ours_to_give(gateway: Gateway, provider: Provider) -> None:
    """The provider's 100 and 103 stay; the client's expectation is met by the gateway and not passed on."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    provider.play(Answer(raw=interim + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
    with gateway.client() as client:
        length = "Content-Length: 13\r\nContent-Type: application/json\r\nExpect: 100-continue"
        client.push(
            f"POST /v1/responses HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\n{length}\r\n\r\n".encode()
        )
        assert (100, []) == client.head()
        client.push(b'{"model":"m"}')
        reply = client.reply()

    assert (200, b"{}") == (reply.status, reply.body)
    assert [] == the_one(provider).values("expect")


def test_two_requests_at_once_are_answered_in_turn(gateway: Gateway, provider: Provider) -> None:
    """A pipeline keeps its order, though the first answer takes longer."""
    slow = Answer(body=(0.05, b"first"), framing="length")
    provider.play(slow, answer(b"second"))
    head = f"GET /v1/files/%d HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\n\r\n"
    with gateway.client() as client:
        client.push((head % 1 + head % 2).encode())

        assert [b"first", b"second"] == [client.reply().body, client.reply().body]


# ---- saying no ----------------------------------------------------------------------------------------------------

REFUSALS: list[tuple[str, str, Any, list[tuple[str, str]], int, str, str]] = [
    ("twice", "/v1/chat/completions", b'{"model":"a","model":"b"}', [], 400, "bad_request", "client_error"),
    ("escaped", "/v1/chat/completions", b'{"model":"a","mod\\u0065l":"b"}', [], 400, "bad_request", "client_error"),
    ("other case", "/v1/chat/completions", b'{"model":"a","Model":"b"}', [], 400, "bad_request", "client_error"),
    ("no JSON", "/v1/messages", b"{", [], 400, "bad_request", "client_error"),
    ("not a name", "/v1/responses", b'{"model":7}', [], 400, "bad_request", "client_error"),
    ("stream", "/v1/chat/completions", b'{"model":"a","stream":"yes"}', [], 400, "bad_request", "client_error"),
    ("packed", "/v1/messages", b"{}", [("Content-Encoding", "gzip")], 415, "unsupported_encoding", "client_error"),
    ("nowhere", "/nothing/here", b"{}", [], 404, "not_found", "client_error"),
    ("doubled", "/v1/v1/chat/completions", b"{}", [], 404, "not_found", "client_error"),
    ("long", "/v1/messages", b" " * (MAX_BODY_BYTES + 1), [], 413, "body_too_large", "client_error"),
    ("users", "/v1/organization/users", b"{}", [], 403, "path_not_allowed", "policy_blocked"),
    ("encoded users", "/v1/%6Frganization/users", b"{}", [], 403, "path_not_allowed", "policy_blocked"),
    ("upper users", "/groq/Organization/admin_api_keys", b"{}", [], 403, "path_not_allowed", "policy_blocked"),
    ("secrets", "/v1/realtime/client_secrets", b"{}", [], 403, "path_not_allowed", "policy_blocked"),
    ("permissions", "/v1beta/tunedModels/x/permissions", b"{}", [], 403, "path_not_allowed", "policy_blocked"),
    ("tokens", "/v1alpha/auth_tokens", b"{}", [], 403, "path_not_allowed", "policy_blocked"),
    ("admin", "/anthropic/v1/organizations/keys", b"{}", [], 403, "path_not_allowed", "policy_blocked"),
    ("keyless", "/keyless/chat/completions", b'{"model":"m"}', [], 503, "no_provider", "gateway_error"),
]


@pytest.mark.parametrize("case", REFUSALS, ids=[case[0] for case in REFUSALS])
def test_refusal_of_a_known_key_is_in_the_log(case: Any, gateway: Gateway, provider: Provider) -> None:
    """What was refused and why; no provider was called and nothing is charged."""
    _, path, body, headers, status, kind, outcome = case

    reply = gateway.post(path, body, *headers)

    message = refused(reply, status, kind)
    row = gateway.row(reply.id)
    assert (status, outcome, f"{kind}: {message}") == (row["status"], row["outcome"], row["error"])
    assert ("search", "key0", 0, [], None) == (
        *(row["team"], row["key"], row["cost_nano_usd"], row["attempts"]),
        row["usage"],
    )
    assert [] == provider.asked


@pytest.mark.parametrize("path", sorted({case[1] for case in REFUSALS}))
def test_refusal_of_an_unknown_key_is_not(path: str, gateway: Gateway, provider: Provider) -> None:
    """The same requests without a valid key: 401, whatever else is wrong with them, and no trace but a count."""
    session = ("x-tollway-session", f"unknown {path}")

    for key in (None, "tw-wrong", PROVIDER_KEY, ""):
        refused(gateway.post(path, {"model": "m"}, session, key=key), 401, "invalid_key")
    known = gateway.post("/v1/files", {"known": 1}, session)

    assert [known.id] == [row["id"] for row in gateway.wait_rows(1, session=session[1])]
    assert [b'{"known": 1}'] == [asked.body for asked in provider.asked]


@pytest.mark.parametrize("path", ["/v1/../x", "/v1//files", "/v1/a%2Fb", "/v1/%2e%2e/x", "/v1/a;b", "/v1/%5Cx"])
def test_path_that_can_be_read_in_two_ways(path: str, gateway: Gateway, provider: Provider) -> None:
    """400, key or not: what is checked must be what is sent."""
    refused(gateway.post(path, {}), 400, "bad_request")
    assert [] == provider.asked


def test_path_that_the_operator_opened(gateway: Gateway, provider: Provider) -> None:
    """allow_paths opens one path and what is below it, at that provider."""
    headers = [("Authorization", f"Bearer {KEY}")]

    assert 200 == gateway.ask("GET", "/opened/organization/usage/completions?limit=1", headers).status
    refused(gateway.ask("GET", "/opened/organization/users", headers), 403, "path_not_allowed")
    refused(gateway.ask("GET", "/openai/organization/usage", headers), 403, "path_not_allowed")
    assert "/v1/organization/usage/completions?limit=1" == the_one(provider).target


def test_list_of_models_holds_everywhere(gateway: Gateway, provider: Provider) -> None:
    """In a body, in a path, behind a provider's name, on endpoints that nobody knows; and a model must be named."""
    allowed = [("/v1/chat/completions", "gpt-4o"), ("/groq/x/y", "gpt-4o-mini"), ("/v1/responses", "openai/gpt-4o")]
    denied = [("/v1/chat/completions", "gpt-5"), ("/groq/x/y", "gpt-5"), ("/v1/responses", "openai/gpt-5")]
    for path, model in allowed:
        assert 200 == gateway.post(path, {"model": model}, key=LIMITED_KEY).status, path
    for path, model in denied:
        refused(gateway.post(path, {"model": model}, key=LIMITED_KEY), 403, "model_not_allowed")
    refused(
        gateway.post("/v1beta/models/gemini-9:generateContent", {"contents": []}, key=LIMITED_KEY),
        *(403, "model_not_allowed"),
    )
    refused(gateway.post("/v1/chat/completions", {"messages": []}, key=LIMITED_KEY), 403, "model_not_allowed")
    assert 200 == gateway.post("/v1/chat/completions", {"model": "fast"}, key=LIMITED_KEY).status
    assert len(allowed) + 1 == len(provider.asked)


@pytest.mark.parametrize(
    ("method", "headers", "status", "kind"),
    [
        ("TRACE", [], 405, "method_not_allowed"),
        ("GET", [("Connection", "Upgrade"), ("Upgrade", "websocket")], 426, "upgrade_required"),
        ("GET", [("Expect", "tea")], 417, "bad_request"),
    ],
)
def test_what_is_no_request_is_refused_by_kind(
    method: str, headers: list[tuple[str, str]], status: int, kind: str, gateway: Gateway
) -> None:
    """With an id, too, although nobody is known whose log it could stand in."""
    refused(gateway.ask(method, "/v1/responses", headers), status, kind)


def test_small_refused_request_keeps_the_connection(gateway: Gateway) -> None:
    """Its body is read to the end, so the next one is understood."""
    with gateway.client() as client:
        for path, status in (("/nothing/here", 404), ("/v1/chat/completions", 200)):
            headers = [("Authorization", f"Bearer {KEY}"), ("Content-Type", "application/json")]
            assert status == client.ask("POST", path, headers, b'{"model":"m"}' + b" " * 5000).status


# ---- what a caller says about itself, and what must not be told ---------------------------------------------------


def test_claims_are_in_the_log(gateway: Gateway) -> None:
    """User, session, agent, tags, client and trace, as the caller says."""
    trace = "0af7651916cd43dd8448eb211c80319c"
    reply = gateway.post(
        "/v1/chat/completions",
        {"model": "m"},
        ("x-tollway-user", "ann"),
        ("x-tollway-session", "s-1"),
        ("x-tollway-agent", "planner"),
        ("x-tollway-tags", "a, b ,,c"),
        ("traceparent", f"00-{trace}-b7ad6b7169203331-01"),
        ("User-Agent", "agent/2"),
    )

    row = gateway.row(reply.id)
    assert ("ann", "s-1", "planner", ["a", "b", "c"], trace, "agent/2") == tuple(
        row[name] for name in ("user", "session", "agent", "tags", "trace_id", "client")
    )


@pytest.mark.parametrize(
    "header", ["Authorization", "x-api-key", "x-goog-api-key", "api-key", "x-tollway-key", "?key="]
)
def test_key_is_taken_where_sdks_put_it_and_goes_no_further(header: str, gateway: Gateway, provider: Provider) -> None:
    """Neither the provider nor anything that is written down sees it."""
    value = f"Bearer {KEY}" if header == "Authorization" else KEY
    given = [] if header == "?key=" else [(header, value)]
    query = f"?a=1&key={KEY}&b=2" if header == "?key=" else "?a=1&b=2"

    reply = gateway.ask("POST", f"/openai/v1/chat/completions{query}", given, b'{"model":"m"}')

    assert (200, "/v1/chat/completions?a=1&b=2") == (reply.status, the_one(provider).target)
    assert KEY not in repr(the_one(provider))
    assert KEY not in repr(gateway.row(reply.id))
    assert [] == files_with(gateway, KEY.encode())
    assert [] == files_with(gateway, PROVIDER_KEY.encode())


def files_with(gateway: Gateway, text: bytes) -> list[str]:
    """Name the files that the gateway wrote in which a text stands."""
    data = gateway.folder / "data"
    files = [path for path in data.rglob("*") if path.is_file()]
    assert any("seg" in path.name for path in files)
    return [path.name for path in [*files, gateway.output] if text in path.read_bytes()]


def test_local_answers(gateway: Gateway, provider: Provider) -> None:
    """Health without a key, and nobody is bothered by it."""
    assert (200, b"ok\n") == (gateway.ask("GET", "/healthz").status, gateway.ask("GET", "/healthz").body)
    assert [200, 200] == [gateway.ask("GET", "/readyz").status, gateway.ask("HEAD", "/").status]
    assert [] == provider.asked


def test_requests_are_counted(gateway: Gateway) -> None:
    """The metrics say what the log says."""
    reply = gateway.post("/v1/chat/completions", {"model": "fast"})
    gateway.row(reply.id)

    def counted() -> bool:
        return re.search(r'tollway_team_requests_total\{[^}]*team="search"[^}]*\} [1-9]', gateway.metrics()) is not None

    until(counted, "the request is counted")
    until(lambda: 'tollway_requests_in_flight{worker="0"} 0' in gateway.metrics(), "nothing is in flight")
