"""A segment gives its sound frames whatever happened to the file around them."""

import fcntl
import os
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.journal.frame import BEGIN, END, MAGIC, VERSION, pack
from gateway.journal.frame import HEADER as HEADER_STRUCT
from gateway.journal.segment import CHUNK_BYTES, Damage, Segment

METAS = [b'{"n":%d}' % number * (1 + number % 5) for number in range(8)]
FRAMES = [pack(END, meta, [(1, 0, meta * 9)]) for meta in METAS]
WHOLE = b"".join(FRAMES)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that each example writes anew."""
    return tmp_path_factory.mktemp("segments") / "worker-0-00000000000000000001-000000.seg"


def read(segment: Segment, *, final: bool = False) -> tuple[list[bytes], list[Damage]]:
    """Read everything: the metas in order, and the damage."""
    metas, damage = [], []
    for item in segment.read(1 << 30, final=final):
        if isinstance(item, Damage):
            damage.append(item)
        else:
            metas.append(item[1].meta)
    return metas, damage


@given(cut=st.integers(0, len(WHOLE)))
@settings(max_examples=300, deadline=None)
def test_cut_at_any_byte(path: Path, cut: int) -> None:
    """Whole frames before a cut are read; the rest waits while the file may grow, and is torn once it may not."""
    path.write_bytes(WHOLE[:cut])
    segment = Segment(path)
    ends = [sum(map(len, FRAMES[: number + 1])) for number in range(len(FRAMES))]
    sound = [meta for meta, end in zip(METAS, ends, strict=True) if end <= cut]

    assert (sound, []) == read(segment)
    path.write_bytes(WHOLE)
    assert (METAS[len(sound) :], []) == read(segment)
    segment.close()

    path.write_bytes(WHOLE[:cut])
    segment = Segment(path)
    metas, damage = read(segment, final=True)
    assert sound == metas
    assert [True for _ in damage] == [one.torn for one in damage]
    assert (cut not in (0, *ends)) == bool(damage)
    segment.close()


@given(at=st.integers(0, len(WHOLE) - 1), flips=st.binary(min_size=1, max_size=40))
@settings(max_examples=300, deadline=None)
def test_damage_costs_only_the_frames_it_touches(path: Path, at: int, flips: bytes) -> None:
    """Bytes that changed anywhere lose the frames they stand in, and no other."""
    damaged = bytearray(WHOLE)
    touched = range(at, min(at + len(flips), len(WHOLE)))
    for place, flip in zip(touched, flips, strict=False):
        damaged[place] ^= flip | 1
    path.write_bytes(bytes(damaged))
    start, untouched = 0, []
    for meta, frame in zip(METAS, FRAMES, strict=True):
        if touched.stop <= start or touched.start >= start + len(frame):
            untouched.append(meta)
        start += len(frame)

    segment = Segment(path)
    metas, damage = read(segment, final=True)
    segment.close()
    # A flip in the reserved word harms nothing, so a touched frame may still be sound.
    assert set(untouched) <= set(metas) <= set(METAS)
    assert len(metas) == len(METAS) or damage


@settings(deadline=None)
@given(garbage=st.lists(st.one_of(st.binary(max_size=60), st.just(MAGIC), st.just(FRAMES[0][:20])), max_size=8))
def test_garbage_between_frames_is_skipped(path: Path, garbage: list[bytes]) -> None:
    """Whatever stands between two frames, magic words and beginnings of frames included, both are found."""
    path.write_bytes(FRAMES[0] + b"".join(garbage) + FRAMES[1])
    segment = Segment(path)
    metas, damage = read(segment, final=True)
    segment.close()

    assert METAS[:2] == metas
    assert sum(map(len, garbage)) == sum(one.end - one.start for one in damage)
    assert not any(one.torn for one in damage)


def test_zeros_after_a_power_loss_are_damage(path: Path) -> None:
    """A file whose end was never written to the disk comes back with zeros: skipped, to the end."""
    path.write_bytes(WHOLE + bytes(5000))
    segment = Segment(path)
    metas, damage = read(segment, final=True)
    segment.close()

    assert METAS == metas
    assert [(len(WHOLE), len(WHOLE) + 5000)] == [(one.start, one.end) for one in damage]


def test_frames_larger_than_a_chunk_are_read(path: Path) -> None:
    """A frame need not fit into one read, wherever it begins."""
    large = pack(END, b"large", [(0, 0, b"x" * (2 * CHUNK_BYTES))])
    path.write_bytes(FRAMES[0] + large + FRAMES[1] + large)
    segment = Segment(path)

    assert ([METAS[0], b"large", METAS[1], b"large"], []) == read(segment)
    segment.close()


def test_budget_bounds_one_reading(path: Path) -> None:
    """A long backlog is read in portions, and the next one goes on where the last ended."""
    path.write_bytes(WHOLE * 20_000)
    segment = Segment(path)
    size = len(WHOLE) * 20_000
    first = sum(1 for _ in segment.read(1))

    assert 0 < first < 160_000
    rest, _ = read(segment)
    assert 160_000 == first + len(rest)
    assert size == segment.offset
    segment.close()


def test_newer_frames_are_left_alone(path: Path) -> None:
    """Frames of a later release are neither skipped nor called damage."""
    payload = b"later"
    newer = HEADER_STRUCT.pack(
        MAGIC, len(payload), zlib.crc32(payload, BEGIN | (VERSION + 1) << 8), BEGIN, VERSION + 1, 0
    )
    path.write_bytes(FRAMES[0] + newer + payload + FRAMES[1])
    segment = Segment(path)

    assert ([METAS[0]], []) == read(segment, final=True)
    assert segment.refused is not None
    assert "update tollway" in segment.refused
    assert len(FRAMES[0]) == segment.low_watermark
    segment.close()


def test_half_frame_that_is_being_replaced_is_not_damage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read that catches the writer between taking back half a frame and writing another is simply repeated."""
    path.write_bytes(FRAMES[0] + FRAMES[1])
    segment = Segment(path)
    pread = os.pread
    mixed = [FRAMES[0] + FRAMES[1][:30] + FRAMES[2][30 : len(FRAMES[1])]]
    monkeypatch.setattr(os, "pread", lambda *given: mixed.pop() if mixed else pread(*given))

    assert ([METAS[0]], []) == read(segment)
    assert ([METAS[1]], []) == read(segment)
    segment.close()


def test_lock_tells_a_living_writer(path: Path) -> None:
    """Abandoned means: nobody holds the lock. Asking does not take it away from anybody."""
    path.write_bytes(WHOLE)
    segment = Segment(path)
    with path.open("ab") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert not segment.is_abandoned()
    assert segment.is_abandoned()
    assert segment.is_abandoned()
    segment.close()


def test_name_tells_the_writer(path: Path) -> None:
    """All segments of one process share the name before the last number."""
    path.write_bytes(b"")
    segment = Segment(path)

    assert "worker-0-00000000000000000001" == segment.writer
    segment.close()
