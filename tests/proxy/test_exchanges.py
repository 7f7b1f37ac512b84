"""Every recorded exchange with a real provider goes through the gateway unchanged, and stands in the log exactly once.

The client sends what was recorded and more headers than any client does; the provider answers what was recorded, whole
or in pieces of any size, plain or compressed.
"""

import itertools
import json
import queue
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import pytest

from tests import exchanges, oracle
from tests.client import Client, Reply
from tests.gateway import ALL_PROVIDERS, KEY, PROVIDER_KEY, Gateway, standing_before
from tests.provider import Answer, Asked, Provider, providing

CONNECTIONS = 12
TRICKLED_MOST_BYTES = 64 << 10
LEAST = 809  # so many are recorded

# Beside what was recorded. What must stay here:
PRIVATE = [
    ("Connection", "keep-alive, X-Hop"),
    ("X-Hop", "by"),
    ("Keep-Alive", "timeout=5"),
    ("TE", "trailers"),
    ("Proxy-Authorization", "Basic eA=="),
    ("Proxy-Connection", "keep-alive"),
    ("Cookie", "a=b"),
    ("Forwarded", "for=10.0.0.1"),
    ("X-Forwarded-For", "10.0.0.1"),
    ("X-Forwarded-Proto", "https"),
    ("X_Forwarded_Host", "internal"),
    ("X-Real-IP", "10.0.0.1"),
    ("OpenAI-Organization", "org-1"),
    ("OpenAI-Project", "proj-1"),
    ("X-Tollway-User", "ann"),
    ("X-Tollway-Tags", "one, two"),
]
# and what must pass:
PUBLIC = [
    ("User-Agent", "recorded/1.0"),
    ("X-Repeat", "first"),
    ("x-stainless-lang", "python"),
    ("X-REPEAT", "second"),
    ("anthropic-beta", "a,b"),
    ("X-Empty", ""),
    ("Idempotency-Key", "k-1"),
    ("Accept-Language", "de, en;q=0.5"),
]
ANSWER_PRIVATE = [
    ("Connection", "keep-alive, X-Hop"),
    ("X-Hop", "by"),
    ("Keep-Alive", "timeout=60"),
    ("Set-Cookie", "__cf_bm=1; HttpOnly"),
    ("Set-Cookie", "second=2"),
    ("Alt-Svc", 'h3=":443"; ma=86400'),
    ("Strict-Transport-Security", "max-age=15552000"),
    ("Proxy-Authenticate", "Basic"),
]
ANSWER_PUBLIC = [
    ("Date", "Mon, 23 Nov 2026 12:00:00 GMT"),
    ("Server", "scripted"),
    ("X-Request-Id", "req_1"),
    ("x-ratelimit-remaining-requests", "99"),
    ("Via", "1.1 one"),
    ("via", "1.1 two"),
    ("openai-processing-ms", "12"),
]
CREDENTIAL = {"openai": "Authorization", "anthropic": "x-api-key", "gemini": "x-goog-api-key"}
# Recorded calls whose answers are not metered: the gateway leaves their encoding to the two ends.
FREE = re.compile(
    r"/count_tokens|:countTokens|/input_tokens|/conversations|/vector_stores|/fileSearchStores|/cachedContents"
)
# Recorded calls whose bodies pass unread: the log cannot name their model.
UNREAD = re.compile(r"/conversations|/vector_stores|/fileSearchStores|/cachedContents")


@dataclass
class Case:
    """One exchange, as it is asked here and as it must arrive."""

    number: int
    exchange: dict[str, Any]
    target: str
    provider: str
    answer: Answer
    upstream_target: str
    body: bytes
    upstream_model: str | None = None  # where the gateway renames it
    reply: Reply | None = None
    asked: list[Asked] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Say which exchange it is."""
        return f"{self.exchange['provider']}: {self.exchange['name']}"

    @property
    def dialect(self) -> str:
        """The dialect."""
        return exchanges.dialect_of(self.exchange)

    @property
    def metered(self) -> bool:
        """Whether usage is expected."""
        return FREE.search(self.exchange["path"]) is None

    @property
    def injected(self) -> bool:
        """Whether the stream is asked for usage on the way."""
        request = self.exchange["request"]
        return (
            "chat/completions" in self.exchange["path"]
            and request.get("stream") is True
            and not (request.get("stream_options") or {}).get("include_usage")
        )

    def client_headers(self, run: str) -> list[tuple[str, str]]:
        """Everything that the client sends, the private ones between the others."""
        own = [(f"{name}", value) for name, value in self.exchange["request_headers"].items()]
        key = f"Bearer {KEY}" if CREDENTIAL[self.dialect] == "Authorization" else KEY
        last = [("X-Tollway-Session", run), ("Accept-Encoding", "gzip, br"), ("X-Case", str(self.number))]
        mixed = [each for pair in itertools.zip_longest(PRIVATE, PUBLIC) for each in pair if each is not None]
        return [(CREDENTIAL[self.dialect], key), *own, *mixed, *last]

    def expected_upstream(self) -> list[tuple[str, str]]:
        """What of them arrives at the provider."""
        own = list(self.exchange["request_headers"].items())
        encoding = [] if self.metered else [("Accept-Encoding", "gzip, br")]
        return [*own, *PUBLIC, *encoding, ("X-Case", str(self.number))]

    def expected_body(self) -> bytes:
        """The request's body as it arrives at the provider."""
        if self.upstream_model is not None:
            asked = json.dumps(self.exchange["request"]["model"]).encode()
            return self.body.replace(asked, json.dumps(self.upstream_model).encode(), 1)
        if not self.injected:
            return self.body
        assert "stream_options" not in self.exchange["request"]
        return self.body[:-1] + b',"stream_options":{"include_usage":true}}'


def without_usage_event(text: str) -> bytes:
    """Take the events out of a recorded stream that only stand there because usage was asked for."""
    kept = []
    for event in text.split("\n\n"):
        chunk = json.loads(event[5:]) if event.startswith("data:") and event[5:].strip().startswith("{") else {}
        if not (chunk.get("choices") == [] and chunk.get("usage") and "error" not in chunk):
            kept.append(event)
    return "\n\n".join(kept).encode()


def answer_of(exchange: dict[str, Any]) -> Answer:
    """Make the provider's answer to a recorded exchange."""
    recorded = exchange["response_headers"]
    headers = [(name, value) for name, value in recorded.items() if name not in ("transfer-encoding", "alt-svc")]
    mixed = [each for pair in itertools.zip_longest(ANSWER_PRIVATE, ANSWER_PUBLIC) for each in pair if each is not None]
    return Answer(
        status=exchange["status"],
        headers=[*headers, *mixed],
        body=(exchanges.answer_bytes(exchange),),
        framing="chunked" if "transfer-encoding" in recorded else "length",
    )


def under_provider(number: int, exchange: dict[str, Any]) -> Case:
    """Ask under /{provider}/…, with the very path that was recorded."""
    name, path = exchange["provider"], exchange["path"]
    body = json.dumps(exchange["request"], ensure_ascii=bool(number % 2)).encode()
    return Case(number, exchange, f"/{name}{path}", name, answer_of(exchange), path, body)


def at_root(number: int, exchange: dict[str, Any]) -> Case:
    """Ask as the SDK of the dialect does, with the gateway as base URL."""
    case = under_provider(number, exchange)
    case.target = case.upstream_target = case.exchange["path"]
    case.provider = case.dialect
    if case.dialect == "openai":
        path = exchange["path"].removeprefix(ALL_PROVIDERS[exchange["provider"]][1])
        case.target = case.upstream_target = "/v1" + path
        head, _, bare = str(exchange["request"].get("model")).partition("/")
        if bare and ALL_PROVIDERS.get(head, ("", ""))[0] == "openai" and head != "openai":  # that takes every name
            case.provider, case.upstream_model = head, bare
            case.upstream_target = ALL_PROVIDERS[head][1] + path
    return case


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """The one that plays all recorded providers."""
    with providing() as provider:
        yield provider


@pytest.fixture(scope="module")
def gateway(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The gateway before it, with a way to each of them."""
    folder = tmp_path_factory.mktemp("gateway")
    with standing_before(provider, folder, list(ALL_PROVIDERS), stream_usage='"inject"') as run:
        yield run


def relay(cases: Sequence[Case], gateway: Gateway, provider: Provider, run: str) -> None:
    """Send all of them over a few connections at once, and check them one by one."""
    provider.forget()
    provider.otherwise = lambda asked: cases[int(asked.values("X-Case")[0])].answer
    waiting: queue.SimpleQueue[Case] = queue.SimpleQueue()
    for case in cases:
        waiting.put(case)

    def work(_: int) -> None:
        with gateway.client() as client:
            while not waiting.empty():
                try:
                    case = waiting.get_nowait()
                except queue.Empty:
                    return
                case.reply = ask(client, case, run)

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(work, range(CONNECTIONS)))
    for asked in provider.asked:
        cases[int(asked.values("X-Case")[0])].asked.append(asked)
    for case in cases:
        check_request(case)
        check_answer(case)
    check_log(cases, gateway.wait_rows(len(cases), session=run))


def ask(client: Client, case: Case, run: str) -> Reply:
    """Send a case."""
    return client.ask("POST", case.target, case.client_headers(run), case.body)


def check_request(case: Case) -> None:
    """The provider was asked once, for the same thing, by headers in the same order, less the private ones."""
    assert 1 == len(case.asked), (case.name, case.reply)
    (asked,) = case.asked
    assert ("POST", case.upstream_target) == (asked.method, asked.target), case.name
    assert case.expected_body() == asked.body, case.name
    credential = CREDENTIAL[case.dialect].lower()
    ours = {"host", credential, "content-length"} | ({"accept-encoding"} if case.metered else set())
    assert case.expected_upstream() == [each for each in asked.headers if each[0].lower() not in ours], case.name
    secret = f"Bearer {PROVIDER_KEY}" if credential == "authorization" else PROVIDER_KEY
    assert [secret] == asked.values(credential), case.name
    assert [str(len(asked.body))] == asked.values("content-length"), case.name
    assert [["identity"] if case.metered else ["gzip, br"]] == [asked.values("accept-encoding")], case.name
    assert 1 == len(asked.values("host")), case.name


def check_answer(case: Case) -> None:
    """The client got the same status, headers in the same order less the private ones, and body."""
    reply = case.reply
    assert reply is not None
    assert (case.exchange["status"], True) == (reply.status, reply.whole), case.name
    private = {name.lower() for name, _ in ANSWER_PRIVATE}
    expected = [each for each in case.answer.headers if each[0].lower() not in private]
    ours = {"x-tollway-request-id", "x-tollway-cost-usd", "content-length", "transfer-encoding"}
    assert expected == [each for each in reply.headers if each[0].lower() not in ours], case.name
    (sent,) = case.answer.body
    if case.injected and reply.value("content-encoding") is None:
        sent = without_usage_event(case.exchange["response"])
    assert sent == reply.body, case.name
    assert reply.id, case.name


def check_log(cases: Sequence[Case], rows: Sequence[dict[str, Any]]) -> None:
    """Each stands there once, with who asked for what, how it ended, and the usage as the provider told it."""
    assert [] == [name for name, count in Counter(row["id"] for row in rows).items() if count > 1]
    by_id = {row["id"]: row for row in rows}
    ids = {case.reply.id for case in cases if case.reply}
    assert ids == by_id.keys()
    for case in cases:
        assert case.reply is not None
        assert expected_row(case) == shown(by_id[case.reply.id]), case.name
        check_cost(case, by_id[case.reply.id])


def check_cost(case: Case, row: dict[str, Any]) -> None:
    """The cost is what others calculate for that instant, to the nano, unless the provider itself named it."""
    usage = row["usage"] or {}
    told = row["usage_source"] == "provider" and row["price_source"] == "genai-prices"
    if not told or row["provider"] != case.exchange["provider"]:
        return
    context = {name: usage[name] for name in ("service_tier", "speed") if name in usage}
    at = datetime.fromisoformat(row["started_at"])
    expected = oracle.cost_nano_usd(case.exchange, row["model_served"], context, at)
    assert expected in (None, row["cost_nano_usd"]), case.name


def check_bodies(case: Case, gateway: Gateway) -> None:
    """Both bodies stand in the log as the client sent, and the provider answered, them."""
    assert case.reply is not None
    row = gateway.row(case.reply.id)
    (answered,) = case.answer.body
    assert isinstance(answered, bytes)
    assert (case.body.decode(), answered.decode()) == (row["request_body"], row["response_body"]), case.name


def expected_row(case: Case) -> dict[str, Any]:
    """Read off the recording what the log must say."""
    exchange = case.exchange
    served, usage = usage_of(exchange) if case.metered and exchange["status"] == 200 else (None, None)
    in_path = re.search(r"models/([^:/]+)", unquote(exchange["path"]))
    in_body = None if UNREAD.search(exchange["path"]) else exchange["request"].get("model")
    outcome = "client_error" if exchange["status"] in (400, 404) else "ok"
    if exchange["stream"] and not ended_well(exchange["response"]):
        outcome = "upstream_error"
    return {
        "team": "search",
        "key": "key0",
        "user": "ann",
        "tags": ["one", "two"],
        "provider": case.provider,
        "dialect": case.dialect,
        "path": case.target.partition("?")[0],
        "model_requested": in_path[1] if in_path else in_body,
        "model_served": served,
        "status": exchange["status"],
        "outcome": outcome,
        "attempts": [exchange["status"]],
        "usage": usage,
        "usage_source": "none" if not case.metered or exchange["status"] != 200 else usage and "provider",
        "request_bytes": len(case.body),
        "response_bytes": sum(len(step) for step in case.answer.body if isinstance(step, bytes)),
    }


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """Take the same out of a row of the log. What no provider told is estimated, and not looked at here."""
    usage = (row["usage"] or {}).get("raw")
    source = row["usage_source"]
    return {
        **{name: row[name] for name in ("team", "key", "user", "tags", "provider", "dialect", "path")},
        **{name: row[name] for name in ("model_requested", "model_served", "status", "outcome")},
        **{name: row[name] for name in ("request_bytes", "response_bytes")},
        "attempts": [attempt["status"] for attempt in row["attempts"]],
        "usage": usage,
        "usage_source": None if source in ("estimated", "partial") and usage is None else source,
    }


def usage_of(exchange: dict[str, Any]) -> tuple[str | None, Any]:
    """Find the served model and the usage in a recorded answer, the plain way."""
    document = exchanges.final_document(exchange) or {}
    parts = [document, *(exchanges.chunks(exchange) if exchange["stream"] else ())]
    named = (part.get("model") or part.get("modelVersion") for part in parts)
    served = next((name for name in named if name), None)
    return served, document.get("usage") or document.get("usageMetadata")


def ended_well(text: str) -> bool:
    """Tell whether a recorded stream came to its end."""
    ends = ("[DONE]", '"message_stop"', '"response.completed"', '"response.incomplete"', '"finishReason"')
    return any(end in text for end in ends)


def everything(make: Callable[[int, dict[str, Any]], Case]) -> list[Case]:
    """Make a case of every recorded exchange."""
    cases = [make(number, exchange) for number, exchange in enumerate(exchanges.load())]
    assert len(cases) >= LEAST
    return cases


def streams() -> list[Case]:
    """Make a case of every recorded stream that differs from the others."""
    different = {exchange["response"]: exchange for exchange in exchanges.streams()}
    return [under_provider(number, exchange) for number, exchange in enumerate(different.values())]


def with_answers(cases: list[Case], change: Callable[[Answer, int], Answer]) -> list[Case]:
    """Change how the provider sends its answers."""
    for case in cases:
        case.answer = change(case.answer, case.number)
    return cases


def in_pieces(answer: Answer, seed: int) -> Answer:
    """Cut an answer at random places, head and framing included."""
    chance = random.Random(seed)
    return replace(answer, trickle=[chance.choice((1, 2, 3, 7, 20, 100, 1000, 20_000)) for _ in range(97)])


def byte_by_byte(answer: Answer, _: int) -> Answer:
    """Send every byte of an answer in a write of its own."""
    return replace(answer, trickle=[1])


def gzipped(answer: Answer, _: int) -> Answer:
    """Compress an answer."""
    return answer.gzipped()


def test_every_exchange_under_its_provider(gateway: Gateway, provider: Provider) -> None:
    """/{provider}/… reaches that provider by the path, query included, that was recorded."""
    cases = everything(under_provider)
    relay(cases, gateway, provider, "under-provider")
    for case in cases:
        check_bodies(case, gateway)


def test_every_exchange_at_the_root(gateway: Gateway, provider: Provider) -> None:
    """The base URL alone is changed, as agents do."""
    relay(everything(at_root), gateway, provider, "at-root")


def test_every_exchange_compressed(gateway: Gateway, provider: Provider) -> None:
    """A provider that compresses unasked: the bytes pass, and usage is known all the same."""
    relay(with_answers(everything(under_provider), gzipped), gateway, provider, "compressed")


@pytest.mark.parametrize("seed", range(3))
def test_every_exchange_in_random_pieces(gateway: Gateway, provider: Provider, seed: int) -> None:
    """How the network cuts an answer is seen by nobody."""
    cases = with_answers(everything(under_provider), lambda answer, number: in_pieces(answer, number * 10 + seed))
    if seed:
        cases = with_answers(streams(), lambda answer, number: in_pieces(answer, number * 10 + seed))
    relay(cases, gateway, provider, f"pieces-{seed}")


def test_compressed_streams_in_random_pieces(gateway: Gateway, provider: Provider) -> None:
    """What is compressed may be cut anywhere, too."""
    cases = with_answers(with_answers(streams(), gzipped), in_pieces)
    relay(cases, gateway, provider, "compressed-pieces")


@pytest.mark.slow
@pytest.mark.parametrize("change", [None, gzipped], ids=["identity", "gzip"])
def test_streams_byte_by_byte(
    gateway: Gateway, provider: Provider, change: Callable[[Answer, int], Answer] | None
) -> None:
    """The worst network there is."""
    cases = [case for case in streams() if len(exchanges.answer_bytes(case.exchange)) <= TRICKLED_MOST_BYTES]
    for number, case in enumerate(cases):
        case.number = number
    if change is not None:
        cases = with_answers(cases, change)
    relay(with_answers(cases, byte_by_byte), gateway, provider, f"bytes-{change is None}")


def test_usage_that_the_client_did_not_ask_for_is_taken_out(gateway: Gateway, provider: Provider) -> None:
    """The provider is asked for the usage event and sends it; the client sees the stream without it, in any pieces."""
    cases = []
    for exchange in exchanges.streams():
        options = exchange["request"].get("stream_options")
        if options != {"include_usage": True} or without_usage_event(exchange["response"]) == exchange["response"]:
            continue
        request = {name: value for name, value in exchange["request"].items() if name != "stream_options"}
        case = under_provider(len(cases), {**exchange, "request": request})
        case.answer = in_pieces(case.answer, case.number) if case.number % 2 else case.answer
        assert case.injected
        cases.append(case)
    assert len(cases) > 15

    relay(cases, gateway, provider, "injected")
