"""Ids are UUIDv7: unique, sortable by time, and they name their day."""

import os
import uuid
from datetime import UTC, datetime

from gateway.core.ids import IdMaker, day_of, started_ms

NOON_NS = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()) * 10**9


def test_ids_are_uuid_version_7() -> None:
    """Version and variant stand where RFC 9562 wants them."""
    made = [uuid.UUID(IdMaker(os.urandom).new(NOON_NS)) for _ in range(100)]

    assert {7} == {each.version for each in made}
    assert {uuid.RFC_4122} == {each.variant for each in made}


def test_ids_differ_within_one_instant() -> None:
    """Ten thousand ids of the same nanosecond are ten thousand ids, also across refills of the entropy."""
    maker = IdMaker(os.urandom)

    assert 10_000 == len({maker.new(NOON_NS) for _ in range(10_000)})


def test_ids_sort_by_time() -> None:
    """An id of a later millisecond is greater as text."""
    maker = IdMaker(os.urandom)
    made = [maker.new(NOON_NS + ms * 1_000_000) for ms in range(0, 5_000, 7)]

    assert sorted(made) == made


def test_id_tells_its_time_and_day() -> None:
    """The millisecond and the UTC day can be read back, on both sides of midnight."""
    maker = IdMaker(os.urandom)
    last_ms = int(datetime(2026, 11, 23, 23, 59, 59, 999_000, tzinfo=UTC).timestamp() * 1000)

    assert last_ms == started_ms(maker.new(last_ms * 1_000_000))
    assert "2026-11-23" == day_of(maker.new(last_ms * 1_000_000))
    assert "2026-11-24" == day_of(maker.new((last_ms + 1) * 1_000_000))
