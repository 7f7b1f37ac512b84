"""What `append` said True to is in the file, whatever happens to the process or the disk."""

import contextlib
import errno
import fcntl
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.record import encode
from gateway.journal.frame import BEGIN, END, MAX_PAYLOAD_BYTES, PART, unpack
from gateway.journal.reader import Reader
from gateway.journal.segment import Segment
from gateway.journal.writer import MOST_HELD_BYTES, Journal
from tests import records

ROOT = Path(__file__).parents[2]


def frames_of(path: Path) -> list[tuple[int, bytes]]:
    """Read all frames of a segment; fail on anything else in it."""
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        frame = unpack(data, at)
        assert frame is not None
        found.append((frame.kind, frame.meta))
        at += frame.size
    return found


def is_locked(path: Path) -> bool:
    """Tell whether somebody holds the segment."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal in an empty folder."""
    journal = Journal(tmp_path, "worker-0")
    yield journal
    journal.close()


@contextlib.contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size`: writes come back short, then fail, like on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_appended_frame_is_in_the_file_at_once(tmp_path: Path, journal: Journal) -> None:
    """No buffer of ours stands between append and the kernel."""
    assert journal.append(BEGIN, b"{}", [(0, 0, b"body")])

    (segment,) = tmp_path.glob("*.seg")
    assert [(BEGIN, b"{}")] == frames_of(segment)


def test_frames_of_a_turn_are_one_write(tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody flushes at the end of a turn, frames wait for it and are written in one piece, in order."""
    due: list[int] = []
    sizes: list[int] = []
    write = os.write

    def noted(fd: int, data: bytes) -> int:
        sizes.append(len(data))
        return write(fd, data)

    monkeypatch.setattr(os, "write", noted)
    journal.due = lambda: due.append(1)
    for number in range(3):
        journal.add(END, b"%d" % number)
    (segment,) = tmp_path.glob("*.seg")
    assert ([1], 0) == (due, segment.stat().st_size)
    assert journal.flush()

    assert [segment.stat().st_size] == sizes
    assert [(END, b"0"), (END, b"1"), (END, b"2")] == frames_of(segment)


def test_a_lost_turn_is_counted_by_its_frames(tmp_path: Path, journal: Journal) -> None:
    """What does not fit is taken back whole, so that no frame is half there, and each is counted."""
    journal.due = lambda: None
    with file_size_limit(100):
        for _ in range(5):
            journal.add(END, b"x" * 30)
        assert not journal.flush()
    (segment,) = tmp_path.glob("*.seg")

    assert (5, True, 0) == (journal.lost, journal.failing, segment.stat().st_size)


def test_little_is_held(tmp_path: Path, journal: Journal) -> None:
    """Long bodies are written on before the turn ends: memory stays small."""
    journal.due = lambda: None
    for _ in range(5):
        journal.add(PART, b"{}", [(0, 0, b"a" * 65536)])

    (segment,) = tmp_path.glob("*.seg")
    assert segment.stat().st_size > MOST_HELD_BYTES


def test_segment_is_locked_while_its_writer_lives(tmp_path: Path) -> None:
    """The lock tells readers that more may come; it is gone after close."""
    journal = Journal(tmp_path, "worker-0")
    (segment,) = tmp_path.glob("*.seg")

    assert is_locked(segment)
    journal.close()
    assert not is_locked(segment)


def test_full_segment_is_followed_by_another(tmp_path: Path) -> None:
    """Rotation loses nothing, and names sort in the order of writing."""
    journal = Journal(tmp_path, "worker-0", segment_bytes=100)
    for number in range(10):
        assert journal.append(END, b"%d" % number)
    journal.close()

    segments = sorted(tmp_path.glob("*.seg"))
    assert 1 < len(segments)
    assert [b"%d" % number for number in range(10)] == [meta for one in segments for _, meta in frames_of(one)]


def test_every_process_start_begins_a_segment(tmp_path: Path) -> None:
    """A respawned worker never writes behind what a killed one may have torn."""
    for _ in range(2):
        Journal(tmp_path, "worker-0").close()

    assert 2 == len(list(tmp_path.glob("*.seg")))


def test_short_write_is_taken_back(tmp_path: Path, journal: Journal) -> None:
    """Half a frame on a full disk is counted as lost and cut off, so that what follows is readable."""
    journal.append(END, b"before")
    (segment,) = tmp_path.glob("*.seg")
    sound = segment.stat().st_size
    with file_size_limit(sound + 10):
        assert not journal.append(END, b"lost")
        assert (True, sound) == (journal.failing, segment.stat().st_size)
    assert journal.append(END, b"after")

    assert (1, False) == (journal.lost, journal.failing)
    assert [(END, b"before"), (END, b"after")] == frames_of(segment)


def test_no_room_at_all_is_loss_and_heals(tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """ENOSPC on every write loses each frame, makes no new files, and ends when there is room again."""
    write = os.write

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "write", full)
    assert [False, False] == [journal.append(END, b"x"), journal.append(END, b"y")]
    monkeypatch.setattr(os, "write", write)
    assert journal.append(END, b"z")

    (segment,) = tmp_path.glob("*.seg")
    assert 2 == journal.lost
    assert [(END, b"z")] == frames_of(segment)


def test_failing_file_is_left_for_a_new_one(tmp_path: Path, journal: Journal) -> None:
    """Where the open segment itself fails, the frame goes to a fresh one and nothing is lost."""
    os.close(journal._fd)
    journal._fd = os.open("/dev/null", os.O_RDONLY)  # every write fails with EBADF

    assert journal.append(END, b"saved")
    assert 0 == journal.lost
    assert [(END, b"saved")] in [frames_of(path) for path in tmp_path.glob("*.seg")]


def test_a_damaged_segment_stays_locked_until_there_is_a_next_one(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks for a lock must not take a living writer for a dead one, whose money is given to others."""
    (segment,) = tmp_path.glob("*.seg")
    write, rename = os.write, Path.rename

    def fails(*_: object) -> int:
        raise OSError(errno.EIO, "no")

    monkeypatch.setattr(os, "write", fails)
    monkeypatch.setattr(Path, "rename", fails)
    assert not journal.append(END, b"lost")
    journal.sync()
    assert is_locked(segment)
    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(Path, "rename", rename)
    journal._reopen_at_s = 0.0
    assert journal.append(END, b"after")
    journal.sync()

    assert not is_locked(segment)
    assert [True] == [is_locked(path) for path in tmp_path.glob("*-000001.seg")]


def test_a_writer_has_a_name_of_its_own(tmp_path: Path, journal: Journal) -> None:
    """The one that the reader sees in the names of its segments."""
    other = Journal(tmp_path, "worker-0")

    segments = [Segment(path) for path in tmp_path.glob("*.seg")]
    assert other.name != journal.name
    assert {other.name, journal.name} == {one.writer for one in segments}
    for one in segments:
        one.close()
    other.close()


def test_parts_are_split_into_frames(tmp_path: Path, journal: Journal) -> None:
    """Each piece of a part is a frame of its own, so that no append stalls the loop."""
    assert journal.append(PART, b"{}", [(0, 0, b"a" * 65536), (0, 65536, b"b" * 65536)])

    (segment,) = tmp_path.glob("*.seg")
    assert [(PART, b"{}")] * 2 == frames_of(segment)


def test_frame_too_large_to_read_back_is_not_written(tmp_path: Path, journal: Journal) -> None:
    """What the reader would take for damage is counted as lost instead."""
    assert not journal.append(END, b"x" * MAX_PAYLOAD_BYTES)

    (segment,) = tmp_path.glob("*.seg")
    assert 0 == segment.stat().st_size
    assert 1 == journal.lost


def test_power_durability_syncs_before_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With durability=power each end is on the disk when append returns; other frames do not wait."""
    synced: list[int] = []
    fdatasync = os.fdatasync
    journal = Journal(tmp_path, "worker-0", durability="power")

    def noted(fd: int) -> None:
        synced.append(fd)
        fdatasync(fd)

    monkeypatch.setattr(os, "fdatasync", noted)
    journal.append(BEGIN, b"{}")
    assert [] == synced
    journal.append(END, b"{}")
    assert 1 == len(synced)
    journal.close()


def test_unknown_durability_is_refused(tmp_path: Path) -> None:
    """A misspelt setting must not weaken the promise silently."""
    with pytest.raises(ValueError, match="process or power"):
        Journal(tmp_path, "worker-0", durability="disk")


CHILD = """
import sys
from pathlib import Path
from gateway.core.record import encode
from gateway.journal.writer import MOST_HELD_BYTES, Journal
from tests import records
journal = Journal(Path(sys.argv[1]), "worker-0", segment_bytes=1 << 20)
body = bytes(range(256)) * int(sys.argv[2])
number = 0
while True:
    one = records.record(session=str(number))
    records.write(journal, one, body, body)
    sys.stdout.buffer.write(b"%s\\n" % one.id.encode())
    sys.stdout.buffer.flush()
    number += 1
"""


def run_and_kill(folder: Path, size: int, after_s: float) -> list[str]:
    """Run a writing process, kill it, and return the ids that it had reported as written."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), str(size)], stdout=subprocess.PIPE, cwd=ROOT, bufsize=0
    )
    assert child.stdout is not None
    reported = child.stdout.readline()  # it is running
    end = time.monotonic() + after_s
    while time.monotonic() < end:
        reported += child.stdout.read(65536)
    child.kill()
    reported += child.stdout.read()
    child.stdout.close()
    child.wait()
    return reported.decode().split("\n")[:-1]  # a line cut by the kill was not reported


@pytest.mark.parametrize("size", [4, 1200])
def test_killed_process_loses_nothing_it_reported(tmp_path: Path, size: int) -> None:
    """kill -9 in the middle of writing, several lives long: every reported exchange is read back whole."""
    for life in range(4):
        reported = run_and_kill(tmp_path, size, 0.02 * life)
        reader = Reader(tmp_path)
        found = {one.record.id: one for one in reader.poll(1 << 30, thorough=True)}
        assert set(reported) <= set(found)
        for exchange_id in reported:
            one = found[exchange_id]
            assert len(bytes(range(256)) * size) == sum(len(data) for _, _, data in one.request)
            assert len(bytes(range(256)) * size) == sum(len(data) for _, _, data in one.response)
        assert 0 == reader.counts.corrupt
        for name in reader.removable():
            reader.remove(name)
        assert [] == list(tmp_path.glob("*.seg"))
        reader.close()


def test_record_of_a_begin_frame_reads_back(tmp_path: Path, journal: Journal) -> None:
    """What the worker encodes is what the reader decodes."""
    one = records.record()
    journal.append(END, encode(one))
    reader = Reader(tmp_path)

    assert [one] == [each.record for each in reader.poll()]
    reader.close()
