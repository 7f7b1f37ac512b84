"""How does `tollway explain` say who asked for what, where it went and how it ended?"""

from collections.abc import Iterator

from rich.text import Text

from gateway.cli.output import duration, outcome_text, printable
from gateway.core.clock import stamp
from gateway.core.record import Record
from gateway.policies.explained_exchange import Story
from gateway.policies.explained_trouble import Trouble

_CLAIMED = ("user", "session", "agent")
_BODIES = {
    "full": "bodies are kept as they were",
    "redacted": "bodies are kept without secrets and personal details",
    "none": "bodies are not kept",
}
_BY = {"tollway": "refused by Tollway", "provider": "the provider's doing", "client": "the client's doing"}


def head(one: Story) -> Iterator[tuple[str, str | Text]]:
    """Give label and text of each line; what is not known is left out."""
    record = one.record
    yield "id", f"{record.id}, {record.started_at[:19].replace('T', ' ')} UTC"
    yield from _caller(record)
    streamed = ", streamed" if record.stream else ""
    model = f", for {record.model_requested}" if record.model_requested else ""
    yield "asked", f"{record.method or '?'} {record.path or '?'}{model}{streamed}"
    yield "went to", record.provider or "nobody"
    yield "because", one.reason.told
    served = f", from {record.model_served}" if record.model_served else ""
    took = f" in {duration(record.duration_ms)}" if record.duration_ms is not None else ""
    status = "nothing was sent" if record.status is None else str(record.status)
    yield "ended", Text.assemble(outcome_text(record.outcome), printable(f" ({status}){served}{took}"))
    if times := ", ".join(_times(record)):
        yield "time", times
    if record.finish_reason is not None or record.tool_calls:
        calls = f"{record.tool_calls} tool call{'s' * (record.tool_calls != 1)}" if record.tool_calls else ""
        yield "stopped", ", with ".join(filter(None, (record.finish_reason or "-", calls)))
    yield "privacy", _privacy(record)
    if one.trouble is not None:
        yield from _trouble(one, one.trouble)
    elif record.error:
        yield "error", record.error


def _caller(record: Record) -> Iterator[tuple[str, str]]:
    yield "caller", f"{record.team}/{record.key}" + (f" ({record.client})" if record.client else "")
    for name in _CLAIMED:
        claimed, source = getattr(record, name), getattr(record, f"{name}_source")
        if claimed is not None:
            under = f", under {record.parent_agent}" if name == "agent" and record.parent_agent else ""
            yield name, f"{claimed}{under}" + (f" (said by {source})" if source else " (as claimed)")
    if record.tags:
        yield "tags", ", ".join(record.tags)
    if record.metadata:
        yield "metadata", ", ".join(f"{name}={value}" for name, value in record.metadata.items())
    if record.response_id:
        yield "answer", record.response_id


def _times(record: Record) -> Iterator[str]:
    ours_ms = None if record.overhead_us is None else record.overhead_us / 1000
    waited_ms = record.waited_us / 1000 or None
    for what, time_ms in (
        ("waited for a limit", waited_ms),
        ("Tollway itself", ours_ms),
        ("first byte after", record.first_byte_ms),
        ("first token after", record.first_token_ms),
    ):
        if time_ms is not None:
            yield f"{what} {duration(time_ms)}"


def _privacy(record: Record) -> str:
    told = _BODIES.get(record.bodies, record.bodies)
    taken = f"; {record.redactions:,} taken out" if record.redactions else ""
    return told + taken + ("; cut by max_body" if record.truncated else "")


def _trouble(one: Story, trouble: Trouble) -> Iterator[tuple[str, str | Text]]:
    """Say what was in the way, whose it is, until when, and what to do."""
    yield "error", f"{_BY[trouble.by]}: {trouble.said}" if trouble.said else _BY[trouble.by]
    blamed = trouble.budget or trouble.limit
    if blamed:
        kind = "budget" if trouble.budget else "limit"
        whose = "the company" if trouble.owner == "company" else f"team {trouble.owner}"
        yield "by", f"{kind} {blamed}{trouble.part}, of {whose}{_resets(one, trouble.budget)}"
    yield "next", trouble.advice


def _resets(one: Story, budget: str | None) -> str:
    found = [kept for kept in one.balances if kept.series.budget == budget]
    if budget is None or not found:
        return "" if budget is None else " (no longer configured, or no longer for such requests)"
    resets_s = found[0].resets_s
    return "" if resets_s is None else f", free again by {stamp(resets_s)}"
