"""Exchanges come out of the journal once each and whole, whoever wrote them and however they ended."""

import itertools
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.record import encode
from gateway.journal import reader as reader_module
from gateway.journal.frame import AMEND, BEGIN, END, PART, Frame, Piece, pack
from gateway.journal.reader import Finished, Reader
from gateway.journal.segment import Segment
from gateway.journal.writer import Journal
from tests import records
from tests.records import begun, record, write


def body(pieces: list[Piece]) -> bytes:
    """Join pieces that must follow each other without a gap."""
    data = b""
    for _, offset, piece in pieces:
        assert len(data) == offset
        data += piece
    return data


def part(exchange_id: str) -> bytes:
    """Make the meta of a part frame."""
    return b'{"id":"%s"}' % exchange_id.encode()


def script(exchange_id: str, number: int) -> list[tuple[int, bytes, list[Piece]]]:
    """Make the frames of one exchange, with parts both ways."""
    one = record(id=exchange_id, session=str(number))
    return [
        (BEGIN, encode(begun(id=exchange_id)), [(0, 0, b"req%d" % number)]),
        (PART, part(exchange_id), [(1, 0, b"A" * 9000)]),
        (PART, part(exchange_id), [(1, 9000, b"B" * 10)]),
        (END, encode(one), [(1, 9010, b"C%d" % number)]),
    ]


@given(st.lists(st.integers(0, 4), max_size=40), st.integers(1, 4000))
@settings(max_examples=60, deadline=None)
def test_any_interleaving_of_exchanges(tmp_path_factory: pytest.TempPathFactory, order: list[int], rotate: int) -> None:
    """Frames of several exchanges may mix in any way, over any number of segments: each comes out whole, once."""
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal(folder, "worker-0", segment_bytes=rotate)
    scripts = {number: script(records.new_id(), number) for number in range(5)}
    left = {number: iter(frames) for number, frames in scripts.items()}
    reader = Reader(folder)
    found: list[Finished] = []
    for number in itertools.chain(order, itertools.chain.from_iterable(itertools.repeat(n, 4) for n in range(5))):
        frame = next(left[number], None)
        if frame is not None:
            journal.append(*frame)
            found += reader.poll(thorough=True)
    journal.close()
    found += reader.poll(thorough=True)
    reader.close()

    assert sorted(map(str, range(5))) == sorted(str(one.record.session) for one in found)
    for one in found:
        assert b"req%s" % str(one.record.session).encode() == body(one.request)
        assert b"A" * 9000 + b"B" * 10 + b"C%s" % str(one.record.session).encode() == body(one.response)


@given(cut=st.data())
@settings(max_examples=80, deadline=None)
def test_resuming_anywhere_repeats_but_never_loses(
    tmp_path_factory: pytest.TempPathFactory, cut: st.DataObject
) -> None:
    """A reader that starts from the last watermarks finds every exchange whole that was not returned before."""
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal(folder, "worker-0", segment_bytes=20_000)
    frames = [frame for number in range(3) for frame in script(records.new_id(), number)]
    order = cut.draw(st.permutations(range(3)))
    mixed = [frames[number * 4 + step] for step in range(4) for number in order]
    stop = cut.draw(st.integers(0, len(mixed)))
    first = Reader(folder)
    before: list[Finished] = []
    for frame in mixed[:stop]:
        journal.append(*frame)
        before += first.poll(thorough=True)
    marks = first.watermarks()
    first.close()
    for frame in mixed[stop:]:
        journal.append(*frame)
    second = Reader(folder, marks)
    after = second.poll(thorough=True)
    journal.close()
    second.close()

    done = {one.record.id for one in before}
    fresh = [one for one in after if one.record.id not in done]
    assert 3 == len(done) + len(fresh)
    for one in fresh:
        assert 9012 == len(body(one.response))
        assert 4 == len(body(one.request))


def test_exchange_without_end_waits_while_its_worker_lives(tmp_path: Path) -> None:
    """A running exchange is not finished, and holds back the position to resume from."""
    journal = Journal(tmp_path, "worker-0")
    reader = Reader(tmp_path)
    journal.append(BEGIN, encode(begun()))
    write(journal, record())

    assert 1 == len(reader.poll(thorough=True))
    assert [0] == list(reader.watermarks().values())
    assert [] == reader.removable()
    journal.close()
    reader.close()


def test_exchange_of_a_dead_worker_becomes_a_row(tmp_path: Path) -> None:
    """A begin without end, once its process is gone, is written down as our error, with the parts that came."""
    journal = Journal(tmp_path, "worker-0")
    one = begun(model_requested="gpt-4o")
    journal.append(BEGIN, encode(one), [(0, 0, b"asked")])
    journal.append(PART, part(one.id), [(1, 0, b"data: half")])
    reader = Reader(tmp_path)
    assert [] == reader.poll(thorough=True)
    journal.close()

    (dead,) = reader.poll(thorough=True)
    assert dead.died
    assert ("gateway_error", "worker died", "estimated") == (
        dead.record.outcome,
        dead.record.error,
        dead.record.usage_source,
    )
    assert (b"asked", b"data: half") == (body(dead.request), body(dead.response))
    assert dead.record == msgspec.json.decode(dead.meta, type=type(dead.record))
    assert 1 == reader.counts.dead
    assert 1 == len(reader.removable())
    reader.close()


def test_rotation_is_not_death(tmp_path: Path) -> None:
    """An exchange goes on in its process's next segment, although the one it began in is closed."""
    journal = Journal(tmp_path, "worker-0", segment_bytes=10)
    one = record()
    reader = Reader(tmp_path)
    journal.append(BEGIN, encode(begun(id=one.id)))
    journal._wake.set()
    while not reader.poll(thorough=True) and not all(
        segment.is_abandoned() for name, segment in list(reader._segments.items())[:1]
    ):
        journal._wake.set()
    assert [] == reader.poll(thorough=True)
    journal.append(END, encode(one))

    assert [one] == [each.record for each in reader.poll(thorough=True)]
    journal.close()
    reader.close()


def test_rotation_between_looking_and_asking_is_not_death(tmp_path: Path) -> None:
    """The next segment may appear after the folder was listed and before the old one's lock was found free."""
    journal = Journal(tmp_path, "worker-0", segment_bytes=1 << 20)
    one = record()
    journal.append(BEGIN, encode(begun(id=one.id)))
    reader = Reader(tmp_path)
    assert [] == reader.poll(thorough=True)
    journal._rotate()
    journal.sync()  # closes the old segment
    reader._listed_at_s = float("inf")
    reader._checked_at_s = float("-inf")

    assert [] == reader.poll()
    journal.append(END, encode(one))
    assert [one] == [each.record for each in reader.poll(thorough=True)]
    journal.close()
    reader.close()


def test_respawned_worker_does_not_keep_the_dead_alive(tmp_path: Path) -> None:
    """The next process in the same slot has the same name, but is not the writer of what its predecessor began."""
    first = Journal(tmp_path, "worker-0")
    first.append(BEGIN, encode(begun()))
    first.close()
    second = Journal(tmp_path, "worker-0")
    reader = Reader(tmp_path)

    assert [True] == [one.died for one in reader.poll(thorough=True)]
    second.close()
    reader.close()


def test_amendment_comes_after_its_exchange(tmp_path: Path) -> None:
    """An amendment is given as one, with the bytes that it adds."""
    journal = Journal(tmp_path, "worker-0")
    one = record()
    write(journal, one)
    one.outcome = "upstream_error"
    journal.append(AMEND, encode(one), [(1, 7, b"more")])
    reader = Reader(tmp_path)

    first, second = reader.poll()
    assert (False, True) == (first.amends, second.amends)
    assert ("upstream_error", [(1, 7, b"more")]) == (second.record.outcome, second.response)
    journal.close()
    reader.close()


def test_damage_is_counted_kept_and_passed(tmp_path: Path) -> None:
    """Damage in the middle costs the exchange it hit; its bytes are put aside before the segment goes."""
    journal = Journal(tmp_path, "worker-0")
    for _ in range(3):
        write(journal, record())
    journal.close()
    (path,) = tmp_path.glob("*.seg")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    reader = Reader(tmp_path)

    assert 2 <= len(reader.poll(thorough=True)) <= 3
    assert 1 == reader.counts.corrupt
    (kept,) = (tmp_path / "quarantine").iterdir()
    assert kept.read_bytes() in bytes(data)
    reader.close()


@pytest.mark.parametrize(
    "meta",
    [b"not json", b"{}", b'{"id":"x"}', encode(record(id="ffffffff-ffff-7fff-8fff-ffffffffffff")), b"\xff"],
)
def test_meta_that_no_worker_writes_is_put_aside(tmp_path: Path, meta: bytes) -> None:
    """A frame with a right checksum and nonsense in it stops nobody."""
    journal = Journal(tmp_path, "worker-0")
    journal.append(END, meta)
    journal.append(9, encode(record()))
    write(journal, record())
    journal.close()
    reader = Reader(tmp_path)

    assert 1 == len(reader.poll(thorough=True))
    assert 2 == reader.counts.corrupt
    reader.close()


def test_torn_tail_is_no_damage(tmp_path: Path) -> None:
    """The half frame of a killed worker is the normal case and raises no alarm."""
    frame = pack(END, encode(record()))
    (tmp_path / "worker-0-00000000000000000001-000000.seg").write_bytes(frame + frame[:-1])
    reader = Reader(tmp_path)

    assert 1 == len(reader.poll(thorough=True))
    assert (1, 0) == (reader.counts.torn, reader.counts.corrupt)
    assert 1 == len(reader.removable())
    reader.close()


def test_dead_backlog_is_read_in_portions(tmp_path: Path) -> None:
    """However much dead workers left, one poll returns a bounded part of it, and nothing is called torn."""
    journal = Journal(tmp_path, "worker-0")
    for _ in range(60):
        write(journal, record(), b"x" * 100_000, b"y" * 100_000)
    journal.close()
    reader = Reader(tmp_path)
    portions = []
    while (portion := reader.poll(1 << 20, thorough=True)) or reader.moved:
        portions.append(len(portion))

    assert 60 == sum(portions)
    assert max(portions) < 60
    assert 0 == reader.counts.torn
    reader.close()


def test_frames_of_running_exchanges_are_held_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit stays in the file until the end; reading it again then gives the same bytes, and frees room."""
    monkeypatch.setattr(reader_module, "HELD_BYTES", 200_000)
    read_again: list[int] = []
    frame_at = Segment.frame_at

    def noted(segment: Segment, offset: int, size: int) -> Frame | None:
        read_again.append(size)
        return frame_at(segment, offset, size)

    monkeypatch.setattr(Segment, "frame_at", noted)
    journal = Journal(tmp_path, "worker-0")
    reader = Reader(tmp_path)
    for _ in range(2):
        one = record()
        read_again.clear()
        journal.append(BEGIN, encode(begun(id=one.id)))
        for number in range(5):
            journal.append(PART, part(one.id), [(1, number * 60_000, bytes([number]) * 60_000)])
        assert [] == reader.poll()
        journal.append(END, encode(one))
        (done,) = reader.poll()

        assert b"".join(bytes([number]) * 60_000 for number in range(5)) == body(done.response)
        assert [60_000] * 2 == [size // 10_000 * 10_000 for size in read_again]
    journal.close()
    reader.close()


def test_unreadable_segment_costs_the_others_nothing(tmp_path: Path) -> None:
    """What was read of other segments is given all the same; the error is raised when there is nothing else to say."""
    for worker in ("worker-0", "worker-2"):
        journal = Journal(tmp_path, worker)
        write(journal, record())
        journal.close()
    (tmp_path / "worker-1-00000000000000000001-000000.seg").mkdir()  # may be opened, not read
    absent = tmp_path / "worker-1-00000000000000000001-000001.seg"
    absent.symlink_to("nowhere")  # may not even be opened
    reader = Reader(tmp_path)

    assert 2 == len(reader.poll(thorough=True))
    assert [] == reader.removable()  # who knows which writer goes on in the absent one
    absent.unlink()
    with pytest.raises(IsADirectoryError):
        reader.poll(thorough=True)
    assert 2 == len(reader.removable())
    reader.close()


def test_segments_go_only_when_nobody_needs_them(tmp_path: Path) -> None:
    """A segment is removable once its writer left it, all of it was read, and no exchange of it still runs."""
    journal = Journal(tmp_path, "worker-0")
    write(journal, record())
    reader = Reader(tmp_path)
    reader.poll(thorough=True)
    assert [] == reader.removable()
    journal.close()
    reader.poll(thorough=True)

    (name,) = reader.removable()
    reader.remove(name)
    assert [] == list(tmp_path.glob("*.seg"))
    assert {} == reader.watermarks()
    reader.close()
