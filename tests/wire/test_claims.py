"""Who a request says it is for."""

from gateway.core.record import Record
from gateway.wire.claims import note_claims


def noted(**headers: bytes) -> Record:
    """Note the claims of these headers (underscores stand for hyphens)."""
    record = Record(id="", started_at="", team="t", key="k")
    note_claims(record, {name.replace("_", "-").encode(): value for name, value in headers.items()})
    return record


def test_claims_are_written_down() -> None:
    """User, session, agent, tags and client come from their headers."""
    record = noted(
        x_tollway_user=b"ann",
        x_tollway_session=b"s-1",
        x_tollway_agent=b"planner",
        x_tollway_tags=b"nightly, eu ,",
        user_agent=b"OpenAI/Python 3.54.0",
    )

    assert ("ann", "s-1", "planner", ["nightly", "eu"]) == (record.user, record.session, record.agent, record.tags)
    assert "OpenAI/Python 3.54.0" == record.client


def test_trace_id_comes_from_traceparent() -> None:
    """A valid W3C trace context names the trace; anything else names none."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"

    assert trace == noted(traceparent=f"00-{trace}-00f067aa0ba902b7-01".encode()).trace_id
    assert noted(traceparent=b"00-00000000000000000000000000000000-00f067aa0ba902b7-01").trace_id is None
    assert noted(traceparent=b"rubbish").trace_id is None


def test_unprintable_and_endless_claims_are_ignored() -> None:
    """A claim that is not printable or too long is none; it is not cut to something else."""
    record = noted(x_tollway_user=b"a\x01b", x_tollway_session=b"s" * 257, x_tollway_tags=b"ok," + b"t" * 65)

    assert (None, None, ["ok"]) == (record.user, record.session, record.tags)
