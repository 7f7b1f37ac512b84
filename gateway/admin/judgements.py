"""What was judged, and what do people say of it? /api/evaluations, /api/labels of the admin port."""

import asyncio
import os
from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web

from gateway.admin import orders
from gateway.admin.answers import NotNow, bound, only, parameters, shown
from gateway.admin.orders import BadOrder
from gateway.admin.sources import Sources
from gateway.core.clock import Stamps
from gateway.core.ids import IdMaker
from gateway.core.record import Record, public_json
from gateway.core.score import Evaluation, evaluation_id, public, said
from gateway.exchange.feedback import COMMENT_BYTES, LABEL_CHARS, NAME, SESSION_CHARS
from gateway.store.asking import score_query

LABELS: Final = "/api/labels"
_FIELDS: Final = ("id", "team", "session", "name", "value", "comment", "author", "rubric")
_AUTHOR_CHARS: Final = 100


def routes(sources: Sources) -> list[web.RouteDef]:
    """Say what is served where."""
    return [
        web.get("/api/evaluations", bound(_evaluations, sources)),
        web.post(LABELS, bound(_label, sources)),
    ]


async def _evaluations(sources: Sources, request: web.Request) -> web.Response:
    page = await sources.store.evaluations(score_query(parameters(request), sources.now_ms()))
    # A page can be ten thousand of them, and on the loop workers wait for money.
    body = await asyncio.to_thread(_page_json, page.evaluations, cursor=page.cursor, complete=page.complete)
    return web.Response(body=body, content_type="application/json")


def _page_json(evaluations: Sequence[Evaluation], **more: Any) -> bytes:
    return public_json({"evaluations": [public(one) for one in evaluations], **more})


async def _label(sources: Sources, request: web.Request) -> web.Response:
    """Take a person's word for what an exchange or a session was."""
    only(request)
    order = orders.fields(await request.read(), _FIELDS)
    record = None
    if order.get("session") is None:
        record = (await sources.store.exchange(_text(order, "id", SESSION_CHARS))).record
    one = label(order, record, int(sources.now() * 1e9))
    if not sources.tell(one):
        raise NotNow("the label cannot be written down now: the recorder ends, or its disk is full")
    return shown({"id": one.id}, status=202)


def label(order: orders.Fields, record: Record | None, now_ns: int) -> Evaluation:
    """Make an evaluation of an order; `record`: the exchange that it is about, None: it is about a session."""
    name, author = _text(order, "name", 64), _text(order, "author", _AUTHOR_CHARS)
    if not NAME.match(name):
        raise BadOrder("name", "1 to 64 letters, digits, '_', '-' and '.', such as helpful")
    about = record or _session(order, now_ns)
    target_type, target = ("conversation", about.session or "") if record is None else ("exchange", about.id)
    if order.get("team") not in (None, about.team):
        raise BadOrder("team", f"the exchange is of the team {about.team!r}")
    return Evaluation(
        id=evaluation_id("online", target_type, target, f"human|{about.team}|{author}|{name}"),
        created_at=Stamps().text(now_ns),
        team=about.team,
        exchange=about.id,
        target_type=target_type,
        target=target,
        source="human",
        author=author,
        version=_text(order, "rubric", SESSION_CHARS) if order.get("rubric") is not None else None,
        conversation=about.session,
        model=about.model_served or about.model_requested,
        route=about.route,
        outcome=about.outcome,
        replaces=True,
        scores=[said(name, _value(order), _comment(order))],
    )


def _session(order: orders.Fields, now_ns: int) -> Record:
    """Read which session it is about; it is filed under now."""
    if order.get("id") is not None:
        raise BadOrder("id", "give id, or team and session")
    session, team = _text(order, "session", SESSION_CHARS), _text(order, "team", SESSION_CHARS)
    return Record(id=IdMaker(os.urandom).new(now_ns), started_at="", team=team, key="", session=session)


def _value(order: orders.Fields) -> bool | float | str:
    value = order.get("value")
    if isinstance(value, bool) or (isinstance(value, int | float) and abs(value) < 1e300):
        return value
    if isinstance(value, str) and 0 < len(value) <= LABEL_CHARS:
        return value
    raise BadOrder("value", f"true, false, a number, or a label of 1 to {LABEL_CHARS} characters")


def _comment(order: orders.Fields) -> str | None:
    comment = order.get("comment")
    if comment is None:
        return None
    if not isinstance(comment, str) or len(comment.encode()) > COMMENT_BYTES:
        raise BadOrder("comment", f"a text of at most {COMMENT_BYTES} bytes")
    return comment


def _text(order: orders.Fields, name: str, most: int) -> str:
    found = order.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= most or not found.isprintable():
        raise BadOrder(name, f"is required: 1 to {most} characters")
    return found
