"""Which exchanges were there, and what is known of one? /api/exchanges of the admin port."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from gateway.admin.answers import NotKept, NotThere, bound, only, parameters, shown
from gateway.admin.sources import Sources
from gateway.core.record import Record, public, public_json
from gateway.core.score import Evaluation
from gateway.core.score import public as public_evaluation
from gateway.store.asking import query, truth
from gateway.store.filters import BadFilter
from gateway.store.interface import Body, Counted, Exchange, Page
from gateway.store.shown import public_exchange

# Kinds of content that no browser runs; everything else is handed over as mere bytes. Never HTML, SVG or XML.
_HARMLESS: Final = re.compile(
    r"(?:application/(?:json|x-ndjson|jsonl|octet-stream|pdf|gzip|zip)|text/(?:plain|event-stream|csv)|multipart/form-data"
    r"|audio/[\w.+-]+|video/[\w.+-]+|image/(?:png|jpeg|gif|webp))(?:\s*;[\x20-\x7e]*)?\Z",
    re.IGNORECASE,
)
_PRINTABLE: Final = re.compile(r"[\x20-\x7e]+\Z")


Judged = Mapping[str, Sequence[Evaluation]]


def routes(sources: Sources) -> list[web.RouteDef]:
    """Say what is served where."""
    one = "/api/exchanges/{id}"
    return [
        web.get("/api/exchanges", bound(_exchanges, sources)),
        web.get(one, bound(_exchange, sources)),
        web.get(f"{one}/request", bound(_request, sources)),
        web.get(f"{one}/response", bound(_response, sources)),
    ]


async def _exchanges(sources: Sources, request: web.Request) -> web.Response:
    asked = parameters(request)
    counting = _truth("count", asked.pop("count", "false"))
    with_scores = _truth("scores", asked.pop("scores", "false"))
    wanted = query(asked, sources.now_ms())
    page = await sources.store.exchanges(wanted)
    judged = await sources.store.scores_of(one.id for one in page.records) if with_scores else None
    count = await sources.store.count(wanted) if counting else None
    # A page can be ten thousand records, and on the loop workers wait for money.
    return web.Response(body=await asyncio.to_thread(_page_json, page, count, judged), content_type="application/json")


def _page_json(page: Page, count: Counted | None, judged: Judged | None) -> bytes:
    exchanges = [public(record) for record in page.records]
    shown: dict[str, Any] = {"exchanges": exchanges, "cursor": page.cursor, "complete": page.complete}
    if count is not None:
        shown |= {"count": count.found, "capped": count.capped, "count_complete": count.complete}
    if judged is not None:
        shown["evaluations"] = {one: [public_evaluation(each) for each in found] for one, found in judged.items()}
    return public_json(shown)


def _truth(name: str, text: str) -> bool:
    try:
        return truth(text)
    except ValueError as error:
        raise BadFilter(name, str(error)) from None


async def _exchange(sources: Sources, request: web.Request) -> web.Response:
    only(request)
    found = await sources.store.exchange(request.match_info["id"])
    return shown(public_exchange(found, await sources.store.judged(found.record)))


async def _request(sources: Sources, request: web.Request) -> web.Response:
    only(request)
    found = await sources.store.exchange(request.match_info["id"])
    record = found.record
    body = _kept(found, "request", found.request, record.request_bytes)
    return _raw(record, "request", body, record.request_content_type)


async def _response(sources: Sources, request: web.Request) -> web.Response:
    only(request)
    found = await sources.store.exchange(request.match_info["id"])
    record = found.record
    body = _kept(found, "response", found.response, record.response_bytes)
    answer = _raw(record, "response", body, record.response_content_type)
    if record.content_encoding and _PRINTABLE.match(record.content_encoding):
        answer.headers["X-Tollway-Content-Encoding"] = record.content_encoding
    return answer


def _kept(found: Exchange, which: str, body: Body | None, length: int) -> Body:
    if body is not None:
        return body
    record = found.record
    if found.bodies_removed and length:
        raise NotKept(f"the {which} of {record.id} was removed by retention (body_retention_days)")
    if record.bodies == "none":
        raise NotKept(f'the {which} of {record.id} was not kept: bodies = "none" held for it')
    if not length:
        raise NotThere(f"the {which} of {record.id} had no body")
    raise NotKept(f"nothing is kept of the {length} bytes of the {which} of {record.id}")


def _raw(record: Record, which: str, body: Body, content_type: str | None) -> web.Response:
    """Hand a body over in such a way that a browser stores it, and never shows or runs it."""
    came = content_type if content_type and _PRINTABLE.match(content_type) else ""
    answer = web.Response(
        body=b"".join(data for _, data in body.pieces),
        headers={
            "Content-Type": came if _HARMLESS.match(came) else "application/octet-stream",
            "Content-Disposition": f'attachment; filename="{record.id}.{which}"',
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": "no-store",
            "X-Tollway-Body-Bytes": str(body.total_bytes),
            "X-Tollway-Body-Kept": ", ".join(f"{at}-{at + len(data) - 1}" for at, data in body.pieces if data)
            or "none",
            "X-Tollway-Bodies": record.bodies,
        },
    )
    if came:
        answer.headers["X-Tollway-Content-Type"] = came
    return answer
