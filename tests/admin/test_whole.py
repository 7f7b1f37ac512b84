"""Of a whole gateway the admin port tells what really is: its workers, its provider, its exchanges as they end."""

import http.client
from pathlib import Path
from typing import Any

import orjson

from tests.admin.contract import Judge
from tests.gateway import LIMIT_S, standing_before
from tests.provider import Provider, answer, until

BODY = b'{"id":"c1","model":"gpt-4o-mini","usage":{"prompt_tokens":7,"completion_tokens":3},"choices":[]}'


def test_what_really_is(tmp_path: Path) -> None:
    """Every answer is as the OpenAPI file says; an exchange is seen live, and its bodies are the very bytes."""
    judge = Judge()
    provider = Provider()
    provider.start()
    with standing_before(provider, tmp_path) as run:
        watching = http.client.HTTPConnection("127.0.0.1", run.admin_port, timeout=LIMIT_S)
        watching.request("GET", "/api/exchanges/live?team=search")
        stream = watching.getresponse()
        assert stream.readline().startswith(b"retry: ")
        provider.play(answer(BODY))
        reply = run.post("/v1/chat/completions", {"model": "gpt-4o-mini", "messages": []})
        line = next(line for line in stream if line.startswith(b"data: "))
        live = orjson.loads(line.removeprefix(b"data: "))
        until(lambda: told(run.api("/api/status"))["processes"]["workers_up"] == 1, "a heartbeat is seen", LIMIT_S)
        paths = [
            f"/api/{name}"
            for name in ("status", "exchanges", "spend", "series", "teams", "keys", "providers", "models", "config")
        ]
        answers = {path: told(run.api(path)) for path in paths}
        plain = http.client.HTTPConnection("127.0.0.1", run.admin_port, timeout=LIMIT_S)
        plain.request("GET", f"/api/exchanges/{live['id']}/response")
        kept = plain.getresponse().read()
        watching.close()
        plain.close()
    provider.stop()

    for path, told_there in answers.items():
        promised = judge.document["paths"][path]["get"]["responses"]["200"]
        judge.check(promised["content"]["application/json"]["schema"], told_there)
    assert (200, BODY, BODY) == (reply.status, reply.body, kept)
    assert [live] == answers["/api/exchanges"]["exchanges"]
    assert live["id"] == answers["/api/keys"]["keys"][0]["last_exchange"]
    assert {"ok": 1} == answers["/api/providers"]["providers"][0]["lately"]["results"]
    assert [] == answers["/api/config"]["reload"]["problems"]


def told(answer: dict[str, Any] | None) -> dict[str, Any]:
    """Take an answer that is one."""
    assert answer is not None
    return answer
