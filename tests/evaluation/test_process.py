"""A plugin process seen from outside: what it is given, what it leaves, and how its end is called."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gateway.evaluation.process import PluginProcess, environment, how, sweep
from tests.evaluation.lanes import linux, processes_of


def test_environment_holds_nothing_that_was_not_named() -> None:
    """No key, no proxy, no variable of Python's that leads elsewhere."""
    ours = {"PATH": "/bin", "LANG": "C", "OPENAI_API_KEY": "sk", "HTTPS_PROXY": "http://p", "PYTHONSTARTUP": "x.py"}
    theirs = environment("/own", ours, ["/a", "/b"])

    assert {"OPENAI_API_KEY", "HTTPS_PROXY", "PYTHONSTARTUP"}.isdisjoint(theirs)
    assert ("/bin", "C", "/own", "/own") == tuple(theirs[name] for name in ("PATH", "LANG", "TMPDIR", "HOME"))
    assert f"/a{os.pathsep}/b" == theirs["PYTHONPATH"]


def test_no_code_of_others_is_imported_before_rights_are_given_up(tmp_path: Path) -> None:
    """Packages may hook into pydantic, which plugin processes import first of all."""
    (tmp_path / "hook.py").write_text("raise SystemExit('imported')")
    (tmp_path / "hook-1.dist-info").mkdir()
    (tmp_path / "hook-1.dist-info" / "entry_points.txt").write_text("[pydantic]\nhook = hook:none\n")
    env = environment(str(tmp_path), {}, [*sys.path, str(tmp_path)])
    ended = subprocess.run([sys.executable, "-c", "import gateway.evaluation.host"], env=env, check=False)

    assert 0 == ended.returncode


@pytest.mark.parametrize(
    ("status", "ran_out", "reason", "word"),
    [
        (0, False, "crash", "exit status 0"),
        (3, False, "crash", "exit status 3"),
        (-signal.SIGSEGV, False, "crash", "SIGSEGV"),
        (-signal.SIGKILL, False, "crash", "want of memory"),
        (-signal.SIGKILL, True, "oom", "more memory"),
        (-signal.SIGXCPU, False, "timeout", "processor time"),
        (None, False, "crash", "could not be started"),
    ],
)
def test_how_it_ended(status: int | None, ran_out: bool, reason: str, word: str) -> None:
    """A status nobody ordered has one reason, and a word that a person understands."""
    ended = how(status, ran_out_of_memory=ran_out)

    assert reason == ended.reason
    assert word in ended.detail


@linux
async def test_it_leads_a_group_within_the_session() -> None:
    """A session of its own would get a full share of the processors from Linux, whatever its priority in it is."""
    process = PluginProcess(lambda _: None, lambda: None)
    await process.start("of-a-group", 64)
    (pid,) = map(int, processes_of({"of-a-group"}))
    led, session = os.getpgid(pid), os.getsid(pid)
    await process.end(at_once=True)

    assert (pid, os.getsid(0)) == (led, session)


@linux
async def test_what_is_left_is_nothing() -> None:
    """The folder goes with the process, whoever ends it."""
    gone = asyncio.Event()
    process = PluginProcess(lambda _: None, gone.set)
    await process.start("nobody", 64)
    folder = Path(process.folder)
    assert folder.is_dir()  # noqa: ASYNC240
    assert process.memory_bytes() > 0
    ended = await process.end(at_once=True)
    await gone.wait()

    assert process.is_gone
    assert "SIGKILL" in ended.detail
    assert not folder.exists()  # noqa: ASYNC240


@linux
async def test_verdict_stands_whatever_the_status_says() -> None:
    """Who is ended for its memory was not ended by somebody."""
    process = PluginProcess(lambda _: None, lambda: None)
    await process.start("nobody", 64)
    process.condemn("oom", "too much")
    process.condemn("timeout", "later")

    assert ("oom", "too much") == await process.end(at_once=True)


def test_sweep_takes_what_the_dead_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of an evaluator that was killed go, those of a living one stay."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead = 4_194_305  # no pid is that large
    for pid in (os.getpid(), dead):
        (tmp_path / f"tollway-plugin-{pid}-abc").mkdir()
    (tmp_path / "tollway-plugin-not-ours").mkdir()
    sweep()

    assert {f"tollway-plugin-{os.getpid()}-abc", "tollway-plugin-not-ours"} == {
        each.name for each in tmp_path.iterdir()
    }
