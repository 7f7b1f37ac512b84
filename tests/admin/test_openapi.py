"""The OpenAPI file is true: it says what the server serves, takes and answers, no more and no less."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from openapi_spec_validator import validate

import gateway
from gateway.admin.api import make_app
from gateway.admin.openapi import document
from gateway.config.budgets import RATES as QUOTAS
from gateway.core.record import BODIES, JOB_STATES, OUTCOMES, PRICE_SOURCES, USAGE_SOURCES, Attempt, Hold, Job, Record
from gateway.core.score import SCORE_TYPES, Evaluation, Score
from gateway.core.usage import Usage
from gateway.evaluation.protocol import Loaded
from gateway.evaluation.queue import Queue
from gateway.evaluation.report import DIMENSIONS
from gateway.evaluation.standing import ShutOut
from gateway.evaluation.task import FUNNEL, Admitted
from gateway.evaluation.why import STATES
from gateway.journal.evaluated import Evaluated
from gateway.ledger.bars import Crossing
from gateway.policies.rates import KINDS
from gateway.store.asking import query
from gateway.store.interface import GROUPS, STEPS
from tests.admin.contract import METHODS, Judge, Promise, ask
from tests.admin.parts import NANO, NOON_S, TEAMS, WHO, Port, serving
from tests.evaluation.looking import sampled
from tests.records import finished, record
from tests.scores import evaluated, evaluation, feedback, judged

RATES = msgspec.Raw(b'{"input":150000,"output":600000}')
RAW = msgspec.Raw(b'{"prompt_tokens":1,"x":123456789012345678901234567890}')
CONFIG = {
    **TEAMS,
    "config.toml": TEAMS["config.toml"]
    + """
[providers.openai]
api_keys = ["env:OPENAI_API_KEY", "file:not-there"]
prices = { "mine" = { input = "1", output = "2" } }
[providers.local]
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"
models = ["smol"]
free = true
[[routes]]
model = "fast"
targets = [{ provider = "openai", model = "gpt-4o-mini", weight = 9 }, { provider = "local", model = "smol" }]
""",
    "teams/search.toml": TEAMS["teams/search.toml"]
    + '[evaluation]\nevaluators = ["refusal", "slo"]\n'
    + f'[[keys]]\nname = "ci"\nsha256 = "{"ab" * 32}"\n'
    + "[[limits]]\nname = 'fast'\nconcurrent = 5\nper = ['user']\n"
    + "".join(f"[[limits]]\nname = 'fast-{name}'\n{name} = 7\n" for name in QUOTAS),
}
ENV = {"OPENAI_API_KEY": "sk-canary"}

# A value for each parameter that is accepted wherever it is documented.
VALUES = {
    "team": "search", "key": "ci", "model": "gpt-4o-mini", "provider": "openai", "status": "2xx", "outcome": "ok",
    "session": "s1", "user": "ann", "since": "2026-11-23", "until": "2026-11-24", "min_cost": "0", "max_cost": "5",
    "min_duration": "1ms", "text": "a", "limit": "3", "by": "model", "at": "2026-11-23T12:00", "budget": "search/*",
    "before": "9", "after": "5", "route": "fast", "endpoint": "chat", "error": "No", "finish_reason": "st?p",
    "usage_source": "partial", "bodies": "redacted", "stream": "true", "tool_calls": "false", "agent": "a-*",
    "client": "curl*", "tag": "a,b", "all_tags": "a,b", "metadata": "ticket=47*", "id": "01", "response_id": "r",
    "trace_id": "t", "min_tokens": "1", "max_tokens": "9", "max_duration": "2.5s", "min_first_token": "1ms",
    "max_first_token": "1m", "count": "true", "step": "week", "score": "a:fail,b:<0.5,c:missing", "scores": "true",
    "evaluator": "a*", "name": "a", "source": "judge", "result": "ok", "author": "ann", "run": "online", "policy": "p",
    "fingerprint": "f", "prompt_version": "v", "ok": "false",
}  # fmt: skip

# An order for each path that takes another one than `who` and `why`.
LABEL = {"name": "helpful", "value": True, "author": "ann"}
ORDERS: dict[str, dict[str, object]] = {"/api/labels": LABEL | {"id": "0"}}

# How a parameter of this type is read.
READ: dict[Any, Callable[[str], object]] = {"integer": int, "boolean": orjson.loads}

SCHEMAS = {Record: "RecordFields"}

# Exchanges that went wrong, each in another way: what explains them differs.
UNSERVED: dict[str, Any] = {"provider": None, "usage": None, "usage_source": "none", "cost_nano_usd": 0}
TURNED_DOWN: list[dict[str, Any]] = [
    UNSERVED
    | {"status": 429, "outcome": "budget_blocked", "user": "ann", "session": "s1"}
    | {"error": "budget_exceeded: There is no money left (budget search/ever): wait."},
    UNSERVED
    | {"status": 429, "outcome": "rate_limited", "model_requested": "fast"}
    | {"error": "rate_limited: Rate limit reached for search/fast?user=ann: 5 at once."},
    {"status": 500, "outcome": "upstream_error", "error": "no", "route": "fast", "model_requested": "fast"},
    {"status": None, "outcome": "cancelled", "holds": [Hold("search/gone", 0, "requests", 1, 1)]},
]


def full() -> Record:
    """Make a record in which every field says something."""
    counts: dict[str, Any] = dict.fromkeys(Usage.__struct_fields__, 1)
    words = dict.fromkeys(("service_tier", "speed", "processing", "geo"), "x")
    elsewhere = Usage(input_total=1, model="m", rates=RATES, cost_nano_usd=1)
    more = {"suspect": True, "raw": RAW, "model": "m", "rates": RATES, "elsewhere": (elsewhere,), "seconds": 1.5}
    usage = Usage(**counts | words | more)
    texts = (
        "user", "session", "agent", "parent_agent", "session_source", "user_source", "agent_source", "client", "route",
        "error", "response_id", "finish_reason", "price_version", "holder", "trace_id", "request_content_type",
        "response_content_type", "content_encoding",
    )  # fmt: skip
    numbers = (
        "tool_calls", "bound_nano_usd", "first_byte_ms", "first_token_ms", "overhead_us", "waited_us", "redactions",
    )  # fmt: skip
    tried: dict[str, Any] = dict.fromkeys(("status", "left_requests", "left_tokens"), 429)
    attempt = Attempt(provider="openai", model="m", result="429", error="no", upstream_request_id="r", **tried)
    fields: dict[str, Any] = {
        **dict.fromkeys(texts, "text/html"),
        **dict.fromkeys(numbers, 7),
        "tags": ["a"],
        "metadata": {"a": "b"},
        "usage": usage,
        "rates": RATES,
        "job": Job(id="j", state="booked", usage=Usage()),
        "holds": [Hold("search/daily", 0, "usd", 1, 1, 1)],
        "attempts": [attempt, Attempt(provider="openai")],
        "stream": True,
        "truncated": True,
        "bodies": "redacted",
        "request_bytes": 9,
        "response_bytes": 9,
    }
    return record(**fields)


def evaluator_at_work(port: Port) -> None:
    """Leave what an evaluator leaves: series, a quarantine, counts, and what waits."""
    queue = Queue(port.folder / "evaluation")
    queue.begin({}, {}, 0)
    queue.define("f" * 64, Loaded(evaluator="refusal", version="1.0"), None, 0)
    state = ShutOut(openings=1, until_ms=round(NOON_S * 1000), reason="timeout", detail="Traceback")
    queue.set_quarantine("refusal", msgspec.json.encode(state))
    queue.admit(Admitted({}, [sampled(1), sampled(2)], {}, {("refusal", "seen", ""): 2}), backlog=1)
    queue.close()


def said_of(one: Record) -> list[Evaluated]:
    """Judge an exchange in every way in which a report tells it."""
    label = Score(name="tone", type="categorical", label="kind", passing=True)
    words = feedback(one.id, "good", "thumb")
    others = [
        evaluation(one.id, "tone", scores=[label]),
        evaluation(one.id, "slo", result="skipped", reason="gone", scores=[]),
    ]
    return [evaluated(each) for each in (evaluation(one.id), words, *others)]


async def answered(port: Port, judge: Judge) -> Record:
    """Fill the port, and ask for every answer but refusals by the door. Returns the exchange that says everything."""
    one, none, empty, again = full(), record(bodies="none", request_bytes=5), record(), record()
    bare = finished(empty, None, None)
    turned_down = [record(**said) for said in TURNED_DOWN]
    port.store.commit([finished(one, b"ask", b"\xff"), finished(none, None, None), bare, finished(again)], {})
    port.store.commit([finished(each) for each in turned_down], {}, [judged(one.id), *said_of(one)])
    evaluator_at_work(port)
    await port.server.bars.cross([Crossing("openai/gpt-x", one.id, round(NOON_S * 1000) - 5, 7, 5)])
    holder = await port.holder()
    await port.spend(holder, port.terms("search/daily"), 5 * NANO)
    await port.spend(holder, port.terms("search/loop", ["ann", "s1"]), NANO)

    async def get(path: str, status: int = 200, url: str | None = None) -> Any:
        return await ask(port, judge, Promise("get", path, str(status)), url or path)

    async def post(path: str, status: int = 200, **order: Any) -> Any:
        url = path.format(owner="search", name="daily")
        return await ask(port, judge, Promise("post", path, str(status)), url, json=WHO | order)

    for path in ("/", "/healthz", "/readyz", "/metrics", "/api/status", "/api/exchanges", "/api/spend", "/api/models"):
        await get(path)
    for path in ("/api/teams", "/api/keys", "/api/providers", "/api/config", "/api/openapi.json"):
        await get(path)
    await judgements(port, judge)
    labels = Promise("post", "/api/labels", "202")
    for status, wanted in (("202", one.id), ("404", "ffff"), ("409", "0")):
        await ask(port, judge, labels._replace(status=status), labels.path, json=LABEL | {"id": wanted})
    await get("/api/models", 404, "/api/models?provider=nobody")
    await sums(port, judge)
    each = "/api/exchanges/{id}"
    for path in (each, f"{each}/request", f"{each}/response", f"{each}/explain"):
        await get(path, 200, path.format(id=one.id))
        await get(path, 404, path.format(id="ffff"))
        await get(path, 409, path.format(id="0"))
    for which in ("request", "response"):
        await get(f"{each}/{which}", 410, f"/api/exchanges/{none.id}/{which}")
        await get(f"{each}/{which}", 404, f"/api/exchanges/{empty.id}/{which}")
    for one_more in (again, *turned_down):
        await get(f"{each}/explain", 200, f"/api/exchanges/{one_more.id}/explain")
    budget = "/api/budgets/{owner}/{name}"
    [raised] = (await post(f"{budget}/raise", amount_usd="20", **{"for": "24h"}))["deeds"]
    await post(f"{budget}/correct", amount_usd="-1")
    await get("/api/budgets")
    await get(budget, 200, "/api/budgets/search/daily")
    await get(budget, 404, "/api/budgets/search/x")
    await post(f"{budget}/end", **{"raise": raised["id"]})
    await post(f"{budget}/end", 404, **{"raise": raised["id"]})
    await post(f"{budget}/reset")
    for what in ("raise", "reset", "correct"):
        unknown = Promise("post", f"{budget}/{what}", "404")
        await ask(port, judge, unknown, f"/api/budgets/search/x/{what}", json=WHO)
    await post("/api/budgets/acknowledge", model="openai/gpt-x")
    await post("/api/budgets/acknowledge", 404, model="openai/gpt-x")
    await get("/api/budgets/trail")
    return one


async def judgements(port: Port, judge: Judge) -> None:
    """Ask what was judged, and add it up, parted by everything."""
    report = "/api/evaluators/report"
    for path in ("/api/evaluations", "/api/evaluators", report):
        await ask(port, judge, Promise("get", path, "200"), path)
    parted = await ask(port, judge, Promise("get", report, "200"), f"{report}?by={','.join(DIMENSIONS)}")
    assert {*DIMENSIONS} <= parted["report"][0].keys()


async def sums(port: Port, judge: Judge) -> None:
    """Add up by everything, over every step, and count."""

    async def get(path: str, question: str) -> Any:
        return await ask(port, judge, Promise("get", path, "200"), f"{path}?{question}")

    for by in (*GROUPS, *STEPS):
        told = await get("/api/spend", f"by={by}")
        assert by in told["spend"][0]
    assert (await get("/api/spend", "by=session&limit=1"))["rest"]
    assert [] == (await get("/api/series", "team=nobody"))["spend"]
    await get("/api/series", "")
    for step in STEPS:
        for by in GROUPS:
            told = await get("/api/series", f"step={step}&by={by}")
            assert {by, step} <= told["spend"][0].keys()
    assert "count" in await get("/api/exchanges", "count=true")
    assert (await get("/api/exchanges", "scores=true"))["evaluations"]


async def live(port: Port, judge: Judge, one: Record) -> None:
    """Look at an event of the stream."""
    promise = Promise("get", "/api/exchanges/live", "200")
    async with port.client.get("/api/exchanges/live?after=1&team=search&user=text%2Fhtml") as answer:
        assert "text/event-stream" == answer.content_type
        while not (line := await answer.content.readline()).startswith(b"data: "):
            pass
        events = judge.look_up(judge.document["paths"][promise.path]["get"]["responses"]["200"])
        shown = orjson.loads(line.removeprefix(b"data: "))
        judge.check(events["content"]["text/event-stream"]["x-events"]["exchange"], shown)
        assert one.id == shown["id"]
    judge.seen.add(promise)


async def refused(port: Port, judge: Judge) -> None:
    """Ask in every way in which the door refuses, everywhere."""
    for method, path, operation in judge.operations():
        url = path.format(id="00", owner="search", name="daily")
        if operation.get("security") == []:
            continue
        json = {"json": WHO} if method == "post" else {}
        if "400" in operation["responses"]:
            await ask(port, judge, Promise(method, path, "400"), f"{url}?colour=red", **json)
        await ask(port, judge, Promise(method, path, "403"), url, headers={"Host": "evil.example"}, **json)
        if method == "post":
            await ask(port, judge, Promise(method, path, "415"), url, data=b"{}")
        port.token = "s3cret"
        await ask(port, judge, Promise(method, path, "401"), url, **json)
        port.token = None
    port.metrics_token = "s3cret"
    scrape = Promise("get", "/metrics", "401")
    await ask(port, judge, scrape, scrape.path)
    await ask(port, judge, scrape._replace(status="200"), scrape.path, headers={"Authorization": "Bearer s3cret"})
    port.metrics_token = None


async def unavailable(port: Port, judge: Judge, one: Record, patch: pytest.MonkeyPatch) -> None:
    """Ask while neither store nor queue nor ledger can be read, and no worker runs."""
    patch.setattr("gateway.store.schema.VERSION", 0)
    patch.setattr("gateway.evaluation.queue_schema.VERSION", 0)
    server, port.ledger, port.why_not_ready = port.server, None, "no worker"
    for method, path, operation in judge.operations():
        url = path.format(id=one.id, owner="search", name="daily")
        if "503" in operation["responses"]:
            json = {"json": ORDERS.get(path, WHO)} if method == "post" else {}
            await ask(port, judge, Promise(method, path, "503"), url, **json)
    port.ledger = server


async def test_every_promise_is_kept_by_a_real_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer that the file promises was really given, and is as it says: every path, every status, every field."""
    judge = Judge()
    async with serving(tmp_path, CONFIG, ENV) as port:
        one = await answered(port, judge)
        await live(port, judge, one)
        await refused(port, judge)
        await unavailable(port, judge, one, monkeypatch)

    assert set() == judge.promises() - judge.seen


def test_the_file_is_valid_and_of_this_version() -> None:
    """Programs that make clients of it can read it."""
    validate(document())  # type: ignore[arg-type] # it is one

    assert gateway.__version__ == document()["info"]["version"]


async def test_every_route_is_in_the_file_and_the_other_way_round(tmp_path: Path) -> None:
    """What is served and not described would be a secret; what is described and not served, a lie."""
    async with serving(tmp_path) as port:
        served = {
            (route.method.lower(), route.resource.canonical)
            for route in make_app(port.sources).router.routes()
            if route.resource is not None and route.method != "HEAD"
        }
    described = {(method, path) for path, item in document()["paths"].items() for method in METHODS if method in item}

    assert described == served


async def test_every_parameter_that_is_documented_is_accepted(tmp_path: Path) -> None:
    """And an unknown one refused, which the promises above show for each path."""
    judge = Judge()
    async with serving(tmp_path, CONFIG, ENV) as port:
        one = record()
        port.store.commit([finished(one)], {})
        for method, path, operation in judge.operations():
            if method != "get" or "text/event-stream" in operation["responses"]["200"]["content"]:
                continue
            url = path.format(id=one.id, owner="search", name="daily")
            for parameter in judge.parameters(method, path):
                name = parameter["name"]
                value = VALUES.get(name, one.id)
                if path == "/api/evaluations" and name == "cursor":
                    value = f"{one.id}.{one.id}"
                if path == "/api/models" and name == "model":
                    value = "fast"
                judge.check(parameter["schema"], READ.get(parameter["schema"].get("type"), str)(value))
                answer = await port.client.get(url, params={name: value})
                assert 200 == answer.status, (url, name, await answer.text())


def test_every_filter_is_documented() -> None:
    """Those of the log are those of the live tail and of sums, but for paging; a new one cannot be forgotten."""
    judge = Judge()
    log, tail, spend, series = (
        sorted(one["name"] for one in judge.parameters("get", f"/api/{path}"))
        for path in ("exchanges", "exchanges/live", "spend", "series")
    )
    with pytest.raises(ValueError, match="there are") as said:
        query({"colour": "red"}, 0)
    filters = {*str(said.value).partition("there are ")[2].split(", ")} - {"limit", "cursor"}

    assert sorted(filters | {"limit", "cursor", "count", "scores"}) == log
    assert sorted(filters | {"after"}) == tail
    assert sorted(filters | {"limit", "by"}) == spend
    assert sorted(filters | {"step", "by"}) == series


@pytest.mark.parametrize("struct", [Attempt, Hold, Job, Usage, Record, Evaluation, Score])
def test_every_field_of_the_record_is_documented(struct: type[msgspec.Struct]) -> None:
    """Also one that no answer above happens to have, and with words."""
    described = document()["components"]["schemas"][SCHEMAS.get(struct, struct.__name__)]["properties"]

    assert {*struct.__struct_fields__} == described.keys() - {"cost_usd", "judge_cost_usd"}
    assert [] == [name for name, one in described.items() if not one.get("description") and not _refers(one)]


def test_closed_lists_are_those_of_the_record() -> None:
    """A client that is made of the file knows every word."""
    schemas = document()["components"]["schemas"]
    fields = schemas["RecordFields"]["properties"]

    assert [*OUTCOMES, None] == fields["outcome"]["enum"]
    assert [*USAGE_SOURCES] == fields["usage_source"]["enum"]
    assert [*PRICE_SOURCES] == fields["price_source"]["enum"] == schemas["Price"]["properties"]["price_source"]["enum"]
    assert [*BODIES] == fields["bodies"]["enum"]
    assert [*JOB_STATES] == schemas["Job"]["properties"]["state"]["enum"]
    assert [*KINDS] == schemas["BillLine"]["properties"]["kind"]["enum"]
    assert [*KINDS] == [*schemas["Rates"]["properties"]] == [*schemas["Prices"]["properties"]]


def test_closed_lists_are_those_of_the_questions() -> None:
    """What one can ask for, and what sums and limits have."""
    judge = Judge()
    schemas = judge.document["components"]["schemas"]
    asked = {
        (path, one["name"]): one["schema"].get("enum")
        for path in ("/api/exchanges", "/api/spend", "/api/series")
        for one in judge.parameters("get", path)
    }
    limits = [*QUOTAS, "concurrent"]

    assert [*USAGE_SOURCES] == asked["/api/exchanges", "usage_source"]
    assert [*BODIES] == asked["/api/exchanges", "bodies"]
    assert [*GROUPS, *STEPS] == asked["/api/spend", "by"]
    assert [*GROUPS] == asked["/api/series", "by"]
    assert [*STEPS] == asked["/api/series", "step"]
    assert [*GROUPS, *STEPS] == [*schemas["Spend"]["properties"]][: len(GROUPS) + len(STEPS)]
    assert [*GROUPS, None] == schemas["Spending"]["properties"]["by"]["enum"]
    assert [*STEPS, None] == schemas["Spending"]["properties"]["step"]["enum"]
    assert limits == [*schemas["HoldingLimit"]["properties"]][-len(limits) :]


def test_closed_lists_are_those_of_evaluation() -> None:
    """Why an exchange was evaluated or not, how far it came, and what a report can be parted by."""
    schemas = document()["components"]["schemas"]
    described = [*schemas["ReportLine"]["properties"]]

    assert [*STATES] == schemas["WhyEvaluated"]["properties"]["state"]["enum"]
    assert [*FUNNEL] == [*schemas["Standing"]["properties"]["funnel"]["properties"]]
    assert [*SCORE_TYPES, None] == schemas["ReportLine"]["properties"]["type"]["enum"]
    assert [*DIMENSIONS] == [name for name in described if name in DIMENSIONS]


def test_objects_are_closed() -> None:
    """Else a field that nobody described would pass for one that is. Open ones say what they are."""
    found = [*_open_objects(document()["components"]["schemas"], ""), *_open_objects(document()["paths"], "")]

    # What a provider wrote, what the config's own document describes, this file; and fields that are closed where used.
    assert ["/RecordFields", "/Config/properties/company", "/Config/properties/teams/additionalProperties"] == [
        each for each in found if not each.startswith("/~1api~1openapi.json")
    ]


def _open_objects(value: Any, where: str) -> list[str]:
    if isinstance(value, list):
        return [each for number, one in enumerate(value) for each in _open_objects(one, f"{where}/{number}")]
    if not isinstance(value, dict):
        return []
    closed = {"additionalProperties", "unevaluatedProperties"} & value.keys()
    own = [where] if value.get("type") == "object" and not closed else []
    inner = ((name, one) for name, one in value.items())
    return own + [each for name, one in inner for each in _open_objects(one, f"{where}/{name.replace('/', '~1')}")]


def _refers(schema: dict[str, Any]) -> bool:
    return "$ref" in schema or "oneOf" in schema
