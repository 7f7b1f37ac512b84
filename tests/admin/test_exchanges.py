"""One exchange is shown whole, and its bodies are handed over as they are kept, where no browser runs them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientResponse

from gateway.core.record import Record, public
from gateway.journal.frame import RESPONSE
from gateway.policies.explained import explain, public_bill
from tests.admin.parts import Port, serving
from tests.records import finished, record


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    """An admin port."""
    async with serving(tmp_path) as port:
        yield port


async def test_one_exchange_with_its_bodies(port: Port) -> None:
    """By id or a beginning of it; what does not exist or is not unique is said so."""
    one = record()
    port.store.commit([finished(one, b"ask", b"\xff"), finished(record())], {})

    shown = await port.json(f"/api/exchanges/{one.id}")
    bill = public_bill(explain(one))
    bodies = {"request_body": "ask", "response_body": {"base64": "/w=="}, "bodies_removed": False, "evaluations": []}
    assert {**public(one), "bill": bill, **bodies} == shown
    assert "no exchange" in (await port.json("/api/exchanges/ffff", 404))["error"]["message"]
    assert "id" == (await port.json("/api/exchanges/0", 409))["error"]["param"]
    assert "id" == (await port.json("/api/exchanges/newest", 400))["error"]["param"]


HTML = b"<script>alert(1)</script>"


async def body(port: Port, one: Record, which: str = "response") -> ClientResponse:
    """Ask for a body."""
    return await port.ask(f"/api/exchanges/{one.id}/{which}")


async def test_bodies_are_the_bytes_that_are_kept(port: Port) -> None:
    """Whatever they are, in the type in which they came."""
    one = record(request_content_type="application/json; charset=utf-8", request_bytes=7, response_bytes=2)
    port.store.commit([finished(one, b'{"a":1}', b"\xff\x00")], {})
    asked, answered = await body(port, one, "request"), await body(port, one)

    assert (b'{"a":1}', b"\xff\x00") == (await asked.read(), await answered.read())
    assert "application/json; charset=utf-8" == asked.headers["Content-Type"]
    assert "application/octet-stream" == answered.headers["Content-Type"]
    assert ("7", "0-6") == (asked.headers["X-Tollway-Body-Bytes"], asked.headers["X-Tollway-Body-Kept"])


async def test_a_cut_body_says_which_bytes_it_is(port: Port) -> None:
    """Nothing is put in the place of what is missing: whoever has the numbers can."""
    one = record(response_bytes=100, truncated=True)
    cut = finished(one)._replace(response=[(RESPONSE, 0, b"head"), (RESPONSE, 96, b"tail")])
    port.store.commit([cut], {})
    answer = await body(port, one)

    assert b"headtail" == await answer.read()
    assert ("100", "0-3, 96-99") == (answer.headers["X-Tollway-Body-Bytes"], answer.headers["X-Tollway-Body-Kept"])


@pytest.mark.parametrize(
    "kind",
    [
        "text/html",
        "TEXT/HTML; charset=utf-8",
        "image/svg+xml",
        "application/xhtml+xml",
        "text/xml",
        "text/javascript",
        "",
    ],
)
async def test_no_browser_runs_a_body(port: Port, kind: str) -> None:
    """An agent's or a model's words are no page of this port; how they came is said beside them."""
    one = record(response_content_type=kind, request_content_type=kind)
    port.store.commit([finished(one, HTML, HTML)], {})
    for which in ("request", "response"):
        answer = await body(port, one, which)
        assert "application/octet-stream" == answer.headers["Content-Type"]
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert "nosniff" == answer.headers["X-Content-Type-Options"]
        assert answer.headers["Content-Security-Policy"].startswith("sandbox")
        assert "no-store" == answer.headers["Cache-Control"]
        assert (kind or None) == answer.headers.get("X-Tollway-Content-Type")


async def test_a_header_that_came_cannot_write_others(port: Port) -> None:
    """What stands in a record is what somebody sent."""
    one = record(response_content_type="text/plain\r\nSet-Cookie: a=b", content_encoding="gzip\r\nX: y")
    port.store.commit([finished(one)], {})
    answer = await body(port, one)

    assert (200, "application/octet-stream") == (answer.status, answer.headers["Content-Type"])
    assert {"Set-Cookie", "X-Tollway-Content-Type", "X-Tollway-Content-Encoding"}.isdisjoint(answer.headers)


async def test_compressed_answers_stay_as_they_were(port: Port) -> None:
    """How they are compressed is said, and undone by nobody on the way."""
    one = record(content_encoding="gzip", response_content_type="application/json")
    port.store.commit([finished(one, b"", b"\x1f\x8b")], {})
    answer = await body(port, one)

    assert (b"\x1f\x8b", "gzip") == (await answer.read(), answer.headers["X-Tollway-Content-Encoding"])
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"bodies": "none", "response_bytes": 9}, 410, 'bodies = "none"'),
        ({"response_bytes": 9}, 410, "nothing is kept of the 9 bytes"),
        ({"response_bytes": 0}, 404, "had no body"),
    ],
)
async def test_a_body_that_is_not_there_says_why(
    port: Port, fields: dict[str, object], status: int, words: str
) -> None:
    """Never kept, kept no longer, and never there are not the same."""
    one = record(**fields)
    port.store.commit([finished(one, None, None)], {})

    assert words in (await port.json(f"/api/exchanges/{one.id}/response", status))["error"]["message"]
