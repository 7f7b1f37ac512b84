"""Whoever may not spend reaches no provider, on whatever path; and whom nobody knows leaves no trace, however often."""

import os
import random
import re
import select
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.wire import anthropic, gemini, openai
from gateway.wire.endpoint import AN_ID, EndpointTable
from tests.client import Reply
from tests.faults.harness import connect, logged, processes, rss_bytes
from tests.gateway import KEY, Gateway, standing_before, team_file
from tests.provider import Answer, Asked, Provider, answer, providing, until

# ==== every path ======================================================================================================

# One line for each call of the endpoint tables: with money that is gone it is `refused` where it can cost something,
# and `passes` where it costs nothing. Who looks at things, removes them or stops them must be able to, above all then.
OPENAI = """
POST chat/completions           refused
POST completions                refused
POST responses                  refused
POST responses/compact          refused
POST responses/input_tokens     passes
POST embeddings                 refused
POST moderations                passes
POST rerank                     refused
POST decisions                  refused
POST fim/completions            refused
POST images/generations         refused
POST images/edits               refused
POST images/variations          refused
POST audio/speech               refused
POST audio/transcriptions       refused
POST audio/translations         refused
POST ocr                        refused
POST api/chat                   refused
POST api/generate               refused
POST api/embed                  refused
POST chat                       refused
POST embed                      refused
POST batches                    refused
GET  responses/*                passes
POST responses/*/cancel         passes
GET  batches/*                  passes
POST batches/*/cancel           passes
"""
ANTHROPIC = """
POST messages                   refused
POST messages/count_tokens      passes
POST messages/batches           refused
POST complete                   refused
GET  messages/batches/*         passes
POST messages/batches/*/cancel  passes
GET  messages/batches/*/results passes
"""
# Behind openai/ Google speaks the other dialect.
GEMINI = """
POST interactions               refused
"""
GEMINI_ACTIONS = """
POST generatecontent            refused
POST streamgeneratecontent      refused
POST counttokens                passes
POST embedcontent               refused
POST batchembedcontents         refused
POST predict                    refused
POST predictlongrunning         refused
POST batchgeneratecontent       refused
POST asyncbatchembedcontent     refused
"""
# What no table names, in every family of every dialect and behind each provider's own name.
ELSEWHERE = """
GET    families                 passes
DELETE families                 passes
POST   families                 refused
PUT    families                 refused
PATCH  families                 refused
GET    brand/new                passes
POST   brand/new                refused
POST   models/a:brandNew        refused
PUT    brand/new                refused
"""
AN_EXAMPLE = "thing_1"


@dataclass(frozen=True, slots=True)
class Path_:
    """One call, and what is expected of it when the money is gone."""

    method: str
    target: str
    expected: str
    google: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.target}"


def lines(table: str) -> Iterator[tuple[str, str, str]]:
    """Read a table: method, path, expectation."""
    for line in table.strip().splitlines():
        method, path, expected = line.split()
        yield method, path.replace(AN_ID, AN_EXAMPLE), expected


def named(table: EndpointTable) -> set[str]:
    """Name every call of an endpoint table as ours do."""
    jobs = {f"{job.method} {'/'.join(job.words)}" for job in table.jobs}
    return {f"POST {path}" for path in table.posts} | jobs


def listed(table: str) -> set[str]:
    """Name every call that a table of ours speaks of."""
    return {" ".join(line.split()[:2]) for line in table.strip().splitlines()}


def mounts(dialect: str, path: str) -> Sequence[str]:
    """Say where a path of a dialect is reached: at the root, and behind its provider."""
    if dialect == "gemini":
        return f"/v1beta/{path}", f"/gemini/v1beta/{path}"
    return f"/v1/{path}", f"/{dialect}/v1/{path}"


def all_paths() -> list[Path_]:
    """Enumerate everything."""
    found = []
    for dialect, table in (("openai", OPENAI), ("anthropic", ANTHROPIC), ("gemini", GEMINI)):
        for method, path, expected in lines(table):
            found += [Path_(method, target, expected, dialect == "gemini") for target in mounts(dialect, path)]
    for method, action, expected in lines(GEMINI_ACTIONS):
        for target in mounts("gemini", f"models/gemini-3:{action}"):
            found.append(Path_(method, target, expected, True))
    families = {"openai": openai.ENDPOINTS, "anthropic": anthropic.ENDPOINTS, "gemini": gemini.ENDPOINTS}
    for method, path, expected in lines(ELSEWHERE):
        for dialect, known in families.items():
            words = [f"{family}/{AN_EXAMPLE}/x" for family in known.families] if path == "families" else [path]
            found += [Path_(method, mounts(dialect, word)[1], expected, dialect == "gemini") for word in words]
    return found


def test_every_endpoint_has_its_line() -> None:
    """An endpoint that is added must be thought about: may it be called when the money is gone?"""
    behind_google = {name for name in named(gemini.ENDPOINTS) if not name.startswith("POST openai/")}

    assert named(openai.ENDPOINTS) == listed(OPENAI)
    assert named(anthropic.ENDPOINTS) == listed(ANTHROPIC)
    assert behind_google - named(openai.ENDPOINTS) == listed(GEMINI)
    assert {f"POST {action}" for action in gemini.ACTIONS} == listed(GEMINI_ACTIONS)


BODY = b'{"model": "gpt-4o-mini", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "input": "hi"}'
FORM = (
    b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nsound\r\n--x--\r\n'
)
GOOGLE_BODY = b'{"contents": [{"parts": [{"text": "hi"}]}]}'
USAGE = (
    b'{"id": "c", "object": "chat.completion", "model": "gpt-4o-mini", "choices": [],'
    b' "usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}}'
)
MONEY = {
    "soft": 'mode = "soft"\nlimit_usd = "0.000000001"\nwindow = "total"',
    "strict": 'mode = "strict"\nlimit_usd = "0.000000001"\nwindow = "total"',
    "requests": 'mode = "strict"\nlimit_requests = 1\nwindow = "total"',
}


def said(asked: Asked) -> Answer:
    """Answer whatever is asked."""
    return answer(USAGE)


def ask(run: Gateway, path: Path_, key: str, body: bytes | None = None) -> Reply:
    """Make a call as its client would."""
    headers = [("x-goog-api-key", key)] if path.google else [("Authorization", f"Bearer {key}")]
    if path.method == "GET":
        return run.ask(path.method, path.target, headers)
    if body is not None:
        return run.ask(path.method, path.target, [*headers, ("Content-Type", "multipart/form-data; boundary=x")], body)
    usual = GOOGLE_BODY if path.google else BODY
    return run.ask(path.method, path.target, [*headers, ("Content-Type", "application/json")], usual)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """Plays every provider."""
    with providing(said) as provider:
        yield provider


@pytest.fixture(scope="module")
def broke(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose teams have spent everything: each its own way."""
    teams = {
        kind: team_file([f"{KEY}-{kind}"], more=f'[[budgets]]\nname = "all"\n{settings}')
        for kind, settings in MONEY.items()
    }
    teams["left"] = team_file([f"{KEY}-left", f"{KEY}-stays"])
    folder = tmp_path_factory.mktemp("broke")
    with standing_before(provider, folder, teams=teams) as run:
        for kind in ("soft", "requests"):
            assert 200 == ask(run, Path_("POST", "/v1/chat/completions", ""), f"{KEY}-{kind}").status
        assert 200 == ask(run, Path_("POST", "/v1/chat/completions", ""), f"{KEY}-left").status
        (folder / "teams" / "left.toml").write_text(team_file([f"{KEY}-stays"]))
        wait = Path_("POST", "/v1/chat/completions", "")
        until(lambda: ask(run, wait, f"{KEY}-left").status == 401, "the key is revoked")
        yield run


PATHS = all_paths()


@pytest.mark.parametrize("kind", MONEY)
def test_money_that_is_gone_reaches_no_provider_on_any_path(kind: str, provider: Provider, broke: Gateway) -> None:
    """Whatever can cost is refused before it is sent, as JSON and as a form; whatever cannot goes on as before."""
    provider.forget()
    wrong = []
    for path in PATHS:
        for body in (None, FORM) if path.method == "POST" and not path.google else (None,):
            before = len(provider.asked)
            reply = ask(broke, path, f"{KEY}-{kind}", body)
            reached = len(provider.asked) - before
            error = reply.value("x-tollway-error")
            # A form where JSON is wanted is refused as that.
            refused = error in ("budget_exceeded", "unbounded_request") or (body is not None and error is not None)
            if (path.expected, reached, refused) not in (("refused", 0, True), ("passes", 1, False)):
                wrong.append(
                    f"{path}{' (form)' if body else ''}: {reply.status} {reply.body[:120]!r}, reached {reached}"
                )

    assert [] == wrong, "\n".join(wrong)


def test_a_revoked_key_reaches_no_provider_on_any_path(provider: Provider, broke: Gateway) -> None:
    """It is nobody's any more, whatever it asks for and in whatever way it is sent."""
    provider.forget()
    replies = {}
    for path in PATHS:
        replies[str(path)] = ask(broke, path, f"{KEY}-left").status
        if path.method == "POST":
            replies[f"{path} (form)"] = ask(broke, path, f"{KEY}-left", FORM).status

    assert {401} == set(replies.values()), {name: status for name, status in replies.items() if status != 401}
    assert 0 == len(provider.asked)


# ==== strangers =======================================================================================================

STRANGERS = int(os.environ.get("TOLLWAY_STRANGERS", "100000"))
# What an allocator keeps of what came and went; a trace of each stranger would be far more.
GROWTH_BYTES = 3 << 20
CONNECTIONS = 16
TOGETHER = 8  # requests in one write
_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")


def stranger(chance: random.Random) -> bytes:
    """Write a request of somebody whom nobody knows, for a model that nobody has."""
    name = f"{chance.getrandbits(128):032x}"
    body = b'{"model": "%b", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}' % name[:20].encode()
    target = chance.choice(
        ["/v1/chat/completions", "/v1/messages", "/v1/responses", f"/{name[:8]}/v1/chat/completions"]
    )
    head = (
        f"POST {target} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer tw-{name}\r\nX-Tollway-User: {name[5:]}\r\n"
        f"X-Tollway-Session: {name[9:]}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def statuses(data: bytearray) -> list[int]:
    """Take the whole answers from what has come, and return their statuses."""
    found = []
    while (end := data.find(b"\r\n\r\n")) >= 0:
        length = _LENGTH.search(data, 0, end)
        size = end + 4 + (int(length[1]) if length else 0)
        if len(data) < size:
            break
        found.append(int(data[9:12]))
        del data[:size]
    return found


def flood(port: int, count: int, seed: int) -> list[int]:
    """Let strangers ask so many times, on a few connections; return the statuses."""
    chance = random.Random(seed)
    found: list[int] = []
    socks = [connect(port) for _ in range(CONNECTIONS)]
    buffers = {sock: bytearray() for sock in socks}
    while len(found) < count:
        for sock in socks:
            sock.sendall(b"".join(stranger(chance) for _ in range(TOGETHER)))
        due = TOGETHER * len(socks)
        while due:
            for sock in select.select(socks, [], [], 30)[0]:
                data = sock.recv(65536)
                assert data, "the gateway has closed the connection"
                buffers[sock] += data
                answers = statuses(buffers[sock])
                due -= len(answers)
                found += answers
    for sock in socks:
        sock.close()
    return found


def series(page: str) -> set[str]:
    """Name the series of a metrics page."""
    return {line.rpartition(" ")[0] for line in page.splitlines() if line and not line.startswith("#")}


def folder_bytes(folder: Path) -> int:
    """Say how much stands in the journal and the store."""
    return sum(path.stat().st_size for name in ("journal", "store") for path in (folder / "data" / name).rglob("*"))


@pytest.mark.slow
def test_strangers_leave_no_trace(provider: Provider, tmp_path: Path) -> None:
    """Keys, models, users and sessions that somebody invents make no row, no series, no balance, and cost no memory."""
    provider.forget()
    budgets = '[[budgets]]\nwindow = "day"\nlimit_usd = "5"\nper = ["user", "session"]\n'
    with standing_before(provider, tmp_path, teams={"search": team_file(more=budgets)}) as run:
        assert 200 == ask(run, Path_("POST", "/v1/chat/completions", ""), KEY).status
        run.wait_rows(1)
        flood(run.port, 4_000, 1)  # whatever is learned and cached once
        until(lambda: "tollway_" in run.metrics(), "metrics are there")
        pids = {name: pid for name, pid in processes(run).items() if name in ("worker 0", "recorder")}
        before = {name: rss_bytes(pid) for name, pid in pids.items()}
        names, size = series(run.metrics()), folder_bytes(tmp_path)
        found = flood(run.port, STRANGERS, 2)
        time.sleep(1)  # what is told twice a second
        grown = {name: rss_bytes(pid) - before[name] for name, pid in pids.items()}

        assert {401} == set(found)
        assert set() == series(run.metrics()) ^ names
        assert size == folder_bytes(tmp_path)
        assert {} == {name: growth for name, growth in grown.items() if growth > GROWTH_BYTES}
        assert 1 == len(run.rows())
        assert 0 == run.stop()

    assert 1 == len(logged(tmp_path))
    assert 1 == len(provider.asked)
