"""What does a SCORE frame say? One evaluation, in such a shape that nothing behind the journal need doubt it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import NamedTuple
from uuid import UUID

import msgspec

from gateway.core.score import RESULTS, SCORE_TYPES, SOURCES, TARGETS, Evaluation, decode

# Sums of more do not fit into 64 bits.
_MOST_NANO_USD = 1 << 56
_MOST_MS = 1e12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Evaluated(NamedTuple):
    """An evaluation with what the store knows it by: the 16 bytes of its id and of its exchange's, and when it was."""

    key: bytes
    exchange: bytes
    created_us: int
    evaluation: Evaluation


def read(meta: bytes, key_of: Callable[[str], bytes]) -> Evaluated:
    """Read a frame. `key_of`: turns the id of an exchange into its bytes. Raise msgspec.ValidationError."""
    one = decode(meta)
    try:
        key = UUID(one.id).bytes
        created = datetime.fromisoformat(one.created_at)
        created_us = (created - _EPOCH) // _MICROSECOND  # a time without its zone cannot be compared
    except (ValueError, TypeError) as error:
        raise msgspec.ValidationError(str(error)) from None
    if not _is_sound(one):
        raise msgspec.ValidationError("a word or an amount that no evaluation has")
    return Evaluated(key, key_of(one.exchange), created_us, one)


def _is_sound(one: Evaluation) -> bool:
    if one.target_type not in TARGETS or one.result not in RESULTS or one.source not in SOURCES:
        return False
    if not 0 <= one.judge_cost_nano_usd < _MOST_NANO_USD or not 0 <= (one.duration_ms or 0) < _MOST_MS:
        return False
    return all(
        score.type in SCORE_TYPES
        and (score.value is None or isfinite(score.value))
        and (score.normalised is None or 0 <= score.normalised <= 1)
        for score in one.scores
    )
