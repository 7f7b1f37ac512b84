"""What becomes of what goes wrong? A status, and always the same object that says what, and what to do."""

import logging
import sqlite3
from collections.abc import Callable

from aiohttp import web

from gateway.admin.answers import Handler, NotKept, NotNow, NotThere, TooMany, refused
from gateway.admin.budgets import NoLedger, NoSuchBar, NoSuchBudget
from gateway.admin.orders import BadOrder
from gateway.config.problems import suggestion
from gateway.evaluation.queue import QueueRefused
from gateway.store.filters import BadFilter
from gateway.store.interface import AmbiguousId, NoAnswer, NoSuchExchange, StoreRefused
from gateway.store.opening import QueryTimeout

log = logging.getLogger("tollway.admin")


def _about(error: BadFilter | BadOrder) -> web.Response:
    return refused(400, f"{error.name}: {error}" if error.name else str(error), param=error.name)


def _status(status: int) -> Callable[[Exception], web.Response]:
    return lambda error: refused(status, str(error))


# The first that fits: what, and the answer.
_ANSWERS: tuple[tuple[tuple[type[Exception], ...], Callable[..., web.Response]], ...] = (
    ((BadFilter, BadOrder), _about),
    ((NoSuchExchange, NoSuchBudget, NoSuchBar, NotThere), _status(404)),
    ((AmbiguousId,), lambda error: refused(409, str(error), param="id")),
    ((NotKept,), _status(410)),
    ((QueryTimeout, NoAnswer, StoreRefused, QueueRefused, NoLedger, NotNow, TooMany), _status(503)),
    (
        (sqlite3.DatabaseError,),
        lambda error: refused(503, f"the store cannot be read: {error}. `tollway audit` names the file"),
    ),
)


@web.middleware
async def translating(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what goes wrong into an answer."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _of_http(request, error)
    except Exception as error:
        for kinds, answer in _ANSWERS:
            if isinstance(error, kinds):
                return answer(error)
        log.exception("an admin request failed path=%r", request.path)
        return refused(500, "this is a mistake of ours: the recorder's log says which")


def _of_http(request: web.Request, error: web.HTTPException) -> web.Response:
    if isinstance(error, web.HTTPNotFound):
        near = suggestion(request.path, paths(request.app))
        return refused(404, f"nothing is served at {request.path}; /api/openapi.json says what is.{near}")
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        answer = refused(405, f"{request.method} is not for {request.path}: it takes {allowed}")
        answer.headers["Allow"] = allowed
        return answer
    return refused(error.status, error.reason)


def paths(app: web.Application) -> list[str]:
    """List what is served."""
    return [resource.canonical for resource in app.router.resources()]
