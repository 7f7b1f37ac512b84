"""Control groups, on files that look like the kernel's and, where we may, on the kernel's."""

import subprocess
from pathlib import Path

import pytest

from gateway.evaluation import cgroup
from gateway.evaluation.cgroup import Cgroup
from tests.provider import until


def as_kernel(base: Path, *names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each folder made below have these files at once, as in a control group."""
    make = Path.mkdir

    def mkdir(self: Path, *arguments: object, **keywords: object) -> None:
        make(self, *arguments, **keywords)  # type: ignore[arg-type]
        for name in names:
            (self / name).touch()

    monkeypatch.setattr(Path, "mkdir", mkdir)


def test_limits_are_set_where_there_are_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel does not offer here is not made up: a file of ours would limit nothing."""
    as_kernel(tmp_path, "memory.max", "cgroup.procs", "cgroup.kill", monkeypatch=monkeypatch)
    made = Cgroup.make("x", 100, tmp_path)
    (folder,) = tmp_path.iterdir()

    assert made is not None
    assert "ended as a whole, memory.max limited" == made.word
    assert str((100 + cgroup.MARGIN_MB) << 20) == (folder / "memory.max").read_text()
    assert made.take(42)
    assert "42" == (folder / "cgroup.procs").read_text()
    assert not (folder / "pids.max").exists()


@pytest.mark.parametrize(
    ("events", "expected"), [("low 0\noom 0\noom_kill 0\n", False), ("oom 3\noom_kill 1\n", True), (None, False)]
)
def test_who_was_ended_for_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, events: str | None, expected: bool
) -> None:
    """The kernel counts it; without its word it is a crash like any other."""
    made = Cgroup.make("x", 100, tmp_path)
    (folder,) = tmp_path.iterdir()
    if events is not None:
        (folder / "memory.events").write_text(events)

    assert made is not None
    assert expected == made.ran_out_of_memory


def test_where_none_can_be_made_there_is_none(tmp_path: Path) -> None:
    """Nothing else changes."""
    assert Cgroup.make("x", 100, tmp_path / "absent") is None


def test_real_group_ends_what_left_its_session() -> None:
    """A process that its own children outlive: all of the group end at once."""
    made = Cgroup.make("test", 64)
    if made is None:
        pytest.skip("no control group may be made here")
    with subprocess.Popen(
        ["sh", "-c", "read x; setsid sleep 60 & echo $!; wait"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        made.take(process.pid)
        process.stdin.write("\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        child = int(process.stdout.readline())  # type: ignore[union-attr]
        made.kill()
    until(lambda: not is_running(child), "the child has ended")
    made.remove()


def is_running(pid: int) -> bool:
    """Whether it is there, and not only its exit status."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
