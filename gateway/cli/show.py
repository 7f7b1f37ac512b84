"""`tollway logs show ID`: one exchange whole: what was said, tried and paid, or its bytes as they were."""

from collections.abc import Iterator
from typing import Annotated, Literal

import typer

from gateway.cli.options import AsJson, ConfigFile, fail
from gateway.cli.output import console, duration, print_json_line, printable, table, write_bytes
from gateway.cli.reading import answer, open_store
from gateway.cli.scores import print_evaluations
from gateway.core.money import usd_text
from gateway.core.record import Job, Record, public_usage
from gateway.core.usage import Usage
from gateway.store.interface import Exchange
from gateway.store.shown import joined, public_exchange
from gateway.wire.decode import Decoder
from gateway.wire.transcript import answer_turns, request_turns

ROLE_STYLES = {"user": "cyan", "assistant": "green", "error": "red", "system": "magenta"}
_JOB_STATES = {
    "open": "goes on, and is booked when its cost is known; else an estimate",
    "booked": "has ended, and is booked here",
    "lapsed": "nobody fetched the result in time, so an estimate is booked",
    "seen": "was asked for by another exchange, which is billed for it",
}
NOT_KEPT = {
    "full": "(the body was not kept)",
    "redacted": "(what cannot be read, and so not redacted, is not kept)",
    "none": "(no bodies are kept)",
}
REMOVED = "(removed by retention: body_retention_days)"

Raw = Annotated[
    Literal["request", "response"] | None,
    typer.Option("--raw", help="Write that body's exact bytes and nothing else.", show_default=False),
]


def show(
    context: typer.Context,
    exchange_id: Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it.")],
    config: ConfigFile = None,
    as_json: AsJson = False,
    raw: Raw = None,
) -> None:
    """Show one exchange: the conversation, the attempts, usage and cost."""
    store = open_store(config or context.obj)
    exchange = answer(store.exchange(exchange_id))
    judged = [] if raw is not None else answer(store.judged(exchange.record))
    if raw is not None:
        _write_raw(exchange, raw)
    elif as_json:
        print_json_line(public_exchange(exchange, judged))
    else:
        _print(exchange)
        print_evaluations(judged)


def _write_raw(exchange: Exchange, name: str) -> None:
    body = exchange.request if name == "request" else exchange.response
    if body is None:
        if exchange.bodies_removed:
            fail(f"the {name}'s body was removed by retention (body_retention_days)")
        fail(f"the {name}'s body was not kept (`tollway logs show ID` says why), or it had none")
    write_bytes(b"".join(data for _, data in body.pieces))
    if not body.is_whole:
        fail(f"the {name} was cut when it was logged: {body.kept_bytes} of {body.total_bytes} bytes are kept")


def _print(exchange: Exchange) -> None:
    record = exchange.record
    out = console()
    for name, value in _facts(record):
        out.print(f"[bold]{name:<10}[/bold]", end="")
        out.print(printable(value), markup=False)
    _print_conversation(exchange)
    if record.attempts:
        out.print("\n[bold]attempts[/bold]")
        columns = ("PROVIDER", "MODEL", "RESULT", "STATUS", "TIME", "PROVIDER'S ID", "ERROR")
        rows = [
            (
                one.provider,
                one.model,
                one.result,
                None if one.status is None else str(one.status),
                duration(one.duration_ms),
                one.upstream_request_id,
                one.error,
            )
            for one in record.attempts
        ]
        out.print(table(columns, rows, right=frozenset({"STATUS"})))


def _facts(record: Record) -> Iterator[tuple[str, str]]:
    """Give the head's lines; what is not known is left out."""
    yield "id", record.id
    yield "started", record.started_at
    yield "caller", f"{record.team}/{record.key}" + (f" ({record.client})" if record.client else "")
    claimed = ("user", "session", "agent")
    for name in claimed:
        value = getattr(record, name)
        if value:
            yield name, value
    if record.tags:
        yield "tags", ", ".join(record.tags)
    yield "call", " ".join(filter(None, (record.method, record.path, "(streamed)" if record.stream else "")))
    served = f" -> {record.model_served}" if record.model_served not in (None, record.model_requested) else ""
    yield "model", f"{record.model_requested or '-'}{served}"
    routed = f" by route {record.route}" if record.route else ""
    yield "provider", f"{record.provider or '-'}{routed}"
    yield "outcome", f"{record.outcome} ({'nothing sent' if record.status is None else record.status})"
    if record.error:
        yield "error", record.error
    if record.bodies != "full":
        yield "bodies", f"{record.bodies}, {record.redactions} taken out"
    yield "time", _times(record)
    yield "usage", _usage(record)
    if record.job is not None:
        yield "job", _job(record.job)
    yield "cost", f"{usd_text(record.cost_nano_usd)} USD (price: {record.price_source})"


def _times(record: Record) -> str:
    times = (
        ("whole", record.duration_ms),
        ("first byte", record.first_byte_ms),
        ("first token", record.first_token_ms),
        ("ours", None if record.overhead_us is None else record.overhead_us / 1000),
    )
    return ", ".join(f"{name} {duration(value)}" for name, value in times if value is not None) or "-"


def _usage(record: Record) -> str:
    if record.usage is None:
        return f"- (source: {record.usage_source})"
    return f"{_counts(record.usage)} (source: {record.usage_source})"


def _counts(usage: Usage) -> str:
    shown = public_usage(usage)
    shown.pop("raw", None)
    return ", ".join(f"{name} {value}" for name, value in shown.items())


def _job(job: Job) -> str:
    meaning = _JOB_STATES.get(job.state, job.state)
    return f"{job.id}: {meaning}" + (f" ({_counts(job.usage)})" if job.usage is not None else "")


def _print_conversation(exchange: Exchange) -> None:
    out = console()
    record = exchange.record
    sides = (
        ("request", exchange.request, record.request_bytes, request_turns, None),
        ("answer", exchange.response, record.response_bytes, answer_turns, record.content_encoding),
    )
    for name, body, total_bytes, read, encoding in sides:
        out.print(f"\n[bold]{name}[/bold] {total_bytes} bytes" + ("" if body is None or body.is_whole else ", cut"))
        if body is None:
            gone = REMOVED if exchange.bodies_removed else NOT_KEPT[record.bodies]
            out.print(gone if total_bytes else "(empty)")
            continue
        for role, text in read(_decoded(joined(body), encoding)):
            out.print(f"{role}:", style=ROLE_STYLES.get(role, "yellow"), markup=False)
            out.print(printable(text), markup=False)


def _decoded(data: bytes, encoding: str | None) -> bytes:
    if encoding is None:
        return data
    decode = Decoder(encoding.encode())
    text = decode(data)
    return data if decode.blind and not text else text
