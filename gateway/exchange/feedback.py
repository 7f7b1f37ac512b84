"""What does an agent say about its exchanges and sessions? `POST /v1/feedback`: one score frame, and nothing else.

It stands aside: it is no exchange, it goes to no provider, and nobody waits for it.
"""

import re
import time
from math import ceil
from typing import Final, NamedTuple, Protocol
from uuid import UUID

import msgspec

from gateway.core.clock import Stamps
from gateway.core.errors import Advice, Refusal
from gateway.core.ids import IdMaker, started_ms
from gateway.core.score import Evaluation, encode, evaluation_id
from gateway.core.score import said as word
from gateway.exchange.farewell import Farewell
from gateway.exchange.intake import Intake, Taking
from gateway.exchange.introduction import Introduction
from gateway.exchange.replies import JSON, id_line, unknown_path
from gateway.http.reader import Request
from gateway.http.server import ServerConnection
from gateway.journal.frame import SCORE
from gateway.journal.writer import Journal
from gateway.policies.allowance import Allowance
from gateway.policies.redaction import Effort

PATH: Final = "/v1/feedback"
MOST_BYTES: Final = 16 * 1024
COMMENT_BYTES: Final = 2048
LABEL_CHARS: Final = 100
SESSION_CHARS: Final = 256
# Of one key, in each worker. Nobody pays for feedback, and each word of it is a write.
PER_S: Final = 10
BURST: Final = 50
_DAY_MS: Final = 86_400_000
# So much the clock of another host may be ahead of ours.
AHEAD_MS: Final = 5_000
NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z")
_USAGE: Final = (
    'Send {"id": "…"} of an exchange (its x-tollway-request-id) or {"session": "…"}, with "name", "value" (true, '
    'false, a number or a label) and, if you like, "comment".'
)


class Said(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A body."""

    name: str
    value: bool | float | str
    id: str | None = None
    session: str | None = None
    comment: str | None = None


_decode: Final = msgspec.json.Decoder(Said).decode


class Scribe(Protocol):
    """Where it is written down, how ids and instants are made, and what each key may still say."""

    journal: Journal
    feedback: Allowance
    ids: IdMaker
    stamps: Stamps


class Refuse(Protocol):
    """Ends the request with a refusal, or a defect of ours."""

    def __call__(self, error: Exception, /) -> None: ...


class Aside(NamedTuple):
    """A request that no provider shall get, as far as its head tells."""

    id: str
    request: Request
    intro: Introduction
    intake: Intake


def feedback_allowance() -> Allowance:
    """Make what holds each key of one worker to its rate."""
    return Allowance(PER_S, BURST)


class Feedback(Farewell):
    """The answer, once the body has come. Raises Refusal where the head shows that it cannot be taken."""

    __slots__ = ("_aside", "_refuse", "_scribe")

    def __init__(self, client: ServerConnection, aside: Aside, scribe: Scribe, refuse: Refuse) -> None:
        _check_head(aside.request, aside.intro)
        is_encoded = b"content-encoding" in aside.request.head.index
        aside.intake.expect(Taking.REFUSE if is_encoded else Taking.WHOLE, aside.request.length)
        self._client = client
        self._aside = aside
        self._scribe = scribe
        self._refuse = refuse
        self.late = True

    def say(self) -> None:
        """Write down what came, and answer."""
        self.late = False
        now_ns = time.time_ns()
        scribe = self._scribe
        try:
            _check_rate(self._aside.intro, scribe)
            one = evaluation(self._aside.intake.release(), self._aside.intro, scribe, now_ns)
            if not scribe.journal.append(SCORE, encode(one)):
                raise Refusal("journal_down", "The feedback could not be written down: the disk is full or failing.")
        except Exception as error:
            self._refuse(error)
            return
        body = b'{"id":"%b"}' % one.id.encode()
        self._client.start(202, JSON + id_line(self._aside.id), len(body))
        self._client.send(body, end=True)


def _check_head(request: Request, intro: Introduction) -> None:
    path = intro.record.path or ""
    if path != PATH:
        raise Refusal("not_found", unknown_path(path))
    if request.head.method != b"POST":
        raise Refusal("method_not_allowed", f"{PATH} takes POST. {_USAGE}")
    if request.length is None:
        raise Refusal("bad_request", "Send feedback with a Content-Length.")
    if request.length > MOST_BYTES:
        raise Refusal("body_too_large", f"Feedback is at most {MOST_BYTES} bytes.")


def _check_rate(intro: Introduction, scribe: Scribe) -> None:
    wait_s = scribe.feedback.take((intro.principal.team, intro.principal.key), time.monotonic())
    if wait_s:
        message = f"A key may send {PER_S} words of feedback a second, {BURST} at once. Please try again in a moment."
        raise Refusal("rate_limited", message, advice=Advice(retry_after_ms=ceil(wait_s * 1000)))


def evaluation(body: bytes, intro: Introduction, scribe: Scribe, now_ns: int) -> Evaluation:
    """Make of a body what is kept of it. Raises Refusal."""
    said = _read(body)
    comment = _kept(said.comment, intro) if said.comment and intro.record.bodies != "none" else None
    value = _kept(said.value, intro) if isinstance(said.value, str) else said.value
    team, key = intro.principal.team, intro.principal.key
    target_type, target, exchange = _target(said, scribe, now_ns)
    _check_day(exchange, intro, now_ns)
    return Evaluation(
        id=evaluation_id("online", target_type, target, f"user|{team}|{key}|{said.name}"),
        created_at=scribe.stamps.text(now_ns),
        team=team,
        exchange=exchange,
        target_type=target_type,
        target=target,
        source="user",
        author=key,
        conversation=said.session,
        replaces=True,
        scores=[word(said.name, value, comment)],
    )


def _read(body: bytes) -> Said:
    try:
        said = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal("bad_request", f"This is no feedback: {error}. {_USAGE}") from None
    if (said.id is None) == (said.session is None):
        raise Refusal("bad_request", f"Give id or session, one of them. {_USAGE}", param="id")
    if not NAME.match(said.name):
        raise Refusal("bad_request", "name: 1 to 64 letters, digits, '_', '-' and '.', such as helpful.", param="name")
    if isinstance(said.value, str) and not 0 < len(said.value) <= LABEL_CHARS:
        raise Refusal("bad_request", f"value: a label has 1 to {LABEL_CHARS} characters.", param="value")
    if said.comment is not None and len(said.comment.encode()) > COMMENT_BYTES:
        raise Refusal("bad_request", f"comment: at most {COMMENT_BYTES} bytes.", param="comment")
    return said


def _target(said: Said, scribe: Scribe, now_ns: int) -> tuple[str, str, str]:
    """Return the kind of target, its name, and the exchange in whose day it is kept: of a session, today."""
    if said.id is None:
        session = said.session or ""
        if not 0 < len(session) <= SESSION_CHARS or not session.isprintable():
            raise Refusal("bad_request", f"session: 1 to {SESSION_CHARS} characters that can be read.", param="session")
        return "conversation", session, scribe.ids.new(now_ns)
    try:
        exchange = str(UUID(said.id))
    except ValueError:
        exchange = ""
    if exchange[14:15] != "7" or started_ms(exchange) > now_ns // 1_000_000 + AHEAD_MS:
        raise Refusal("bad_request", "id: the x-tollway-request-id of an answer.", param="id")
    return "exchange", exchange, exchange


def _check_day(exchange: str, intro: Introduction, now_ns: int) -> None:
    """Refuse what is about a day that is removed, or about to be."""
    days = intro.snapshot.retention.of(intro.principal.team).rows_days
    age_days = now_ns // 1_000_000 // _DAY_MS - started_ms(exchange) // _DAY_MS
    if days is not None and age_days > days:
        raise Refusal("bad_request", f"id: exchanges are kept for {days} days, and this one is older.", param="id")


def _kept(text: str, intro: Introduction) -> str:
    """Return what may be kept of a text: as of the bodies that it is about."""
    if intro.record.bodies == "full":
        return text
    kept, count = intro.principal.redaction.text(text.encode(), Effort(time.thread_time_ns))
    return kept.decode("utf-8", "replace") if count else text
