"""A journal that cannot be written: the operator chooses what it costs, an answer or its record, and it is counted."""

import contextlib
import json
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.client import Reply
from tests.faults.harness import logged, played, processes, question
from tests.gateway import Gateway, standing_before
from tests.provider import providing, until

DISK_BYTES = 4 << 20
PAGE_BYTES = 4096


class Limit:
    """Forbid the worker to write files, and allow it again."""

    def __init__(self, run: Gateway, _folder: Path) -> None:
        self._worker = processes(run)["worker 0"]

    def fails(self) -> None:
        """No file may be longer than a byte."""
        _, hard = resource.prlimit(self._worker, resource.RLIMIT_FSIZE)
        resource.prlimit(self._worker, resource.RLIMIT_FSIZE, (1, hard))

    def works(self) -> None:
        """Any may."""
        _, hard = resource.prlimit(self._worker, resource.RLIMIT_FSIZE)
        resource.prlimit(self._worker, resource.RLIMIT_FSIZE, (hard, hard))


class Disk:
    """Fill the journal's small disk, and make room again."""

    def __init__(self, _run: Gateway, folder: Path) -> None:
        self._ballast = folder / "data" / "journal" / "ballast"

    def fails(self) -> None:
        """Take all there is."""
        with self._ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass

    def works(self) -> None:
        """Give it back."""
        self._ballast.unlink()


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Have a file system of a few MiB in a folder."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def may_mount() -> bool:
    """Whether this user can mount: then there is one more way for a journal to fail."""
    probe = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    with contextlib.suppress(FileNotFoundError):
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    return False


WAYS: list[Callable[[Gateway, Path], Limit | Disk]] = [Limit, Disk] if may_mount() else [Limit]


def ask(run: Gateway, nonce: str) -> Reply:
    """Ask one question, which is larger than what may be left of a file's last page."""
    return run.post("/v1/chat/completions", question(nonce) + b" " * PAGE_BYTES, ("X-Tollway-Session", nonce))


def dropped(run: Gateway) -> float:
    """Return how many journal records were lost."""
    lines = [line for line in run.metrics().splitlines() if line.startswith("tollway_journal_dropped_total{")]
    return sum(float(line.split()[1]) for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("policy", ["serve", "refuse"])
def test_a_journal_that_fails_costs_what_was_chosen(
    policy: str, way: Callable[[Gateway, Path], Limit | Disk], tmp_path: Path
) -> None:
    """`serve` answers and counts what is lost; `refuse` calls no provider. Once there is room all is as before."""
    with contextlib.ExitStack() as stack:
        if way is Disk:
            stack.enter_context(small_disk(tmp_path / "data" / "journal"))
        provider = stack.enter_context(providing(played))
        server = f'on_journal_failure = "{policy}"'
        run = stack.enter_context(standing_before(provider, tmp_path, ["openai"], server=server))
        journal = way(run, tmp_path)
        assert 200 == ask(run, "before").status
        assert 0 == dropped(run)

        journal.fails()
        during = [ask(run, f"during-{number}") for number in range(20)]
        until(lambda: dropped(run) >= 20, "the loss is counted")
        journal.works()
        after = until(lambda: (reply := ask(run, "again")).status == 200 and reply, "it goes on")
        replies = [after, *(ask(run, f"after-{number}") for number in range(20))]
        asked = len(provider.asked)
        assert 0 == run.stop()

    assert {200} == {reply.status for reply in replies}
    sessions = {record.session: record for record in logged(tmp_path) if record.outcome == "ok"}
    assert {"before"} | {f"after-{number}" for number in range(20)} <= sessions.keys()
    if policy == "serve":
        assert {200} == {reply.status for reply in during}
        # The end of an exchange is small: one or two may still have found room in the last page.
        assert 2 >= len({f"during-{number}" for number in range(20)} & sessions.keys())
        return
    assert {(503, "journal_down", "1")} == {
        (reply.status, reply.value("x-tollway-error"), reply.value("retry-after")) for reply in during
    }
    assert {"overloaded_error", "server_error"} >= {json.loads(reply.body)["error"]["type"] for reply in during}
    assert 1 + len(replies) == asked, "what was refused went to the provider all the same"
