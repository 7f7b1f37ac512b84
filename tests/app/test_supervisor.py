"""Supervisor: real processes are started, led, replaced and ended."""

import os
import signal
import socket
import sys
import time
from functools import partial
from pathlib import Path

import pytest

import gateway
from gateway.app.supervisor import our_commands
from gateway.metrics import board
from gateway.metrics.board import Board, Slot
from tests.app.processes import LIMIT_S, Run, answer_of, supervised

CONFIG = """\
[server]
listen = "127.0.0.1:{port}"
admin = "127.0.0.1:0"
workers = 2
drain_timeout = "{drain}"

[providers.local]
dialect = "openai"
base_url = "http://127.0.0.1:9"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(CONFIG.format(port=0, drain="60 s"))
    (tmp_path / "orders").write_text("")
    return tmp_path


@pytest.fixture
def evaluated(root: Path) -> Path:
    (root / "teams").mkdir()
    (root / "teams" / "a.toml").write_text('[evaluation]\nsample = 1.0\nevaluators = ["truncated"]\n')
    return root


def pid_of(run: Run, name: str) -> int:
    """Return the pid of the newest child of that name."""
    lines = [line for line in run.notes.read_text().splitlines() if line.startswith(f"{name} pid ")]
    return int(lines[-1].rpartition(" ")[2])


def told_all(run: Run, news: str) -> bool:
    """Tell whether the two workers and the recorder got a message."""
    return run.noted(news) == 3


def test_start_serve_drain(root: Path) -> None:
    """Children get their config first; SIGTERM ends the workers, then the recorder, with status 0."""
    with supervised(root) as run:
        ports = run.announced()
        assert answer_of(ports["listen"]).endswith("generation 1")
        assert "recorder generation 1" == answer_of(ports["admin"])
        run.signal(signal.SIGTERM)

        assert 0 == run.ends()
        ends = [line for line in run.notes.read_text().splitlines() if "drained" in line]
        assert ["worker 0 ends, drained", "worker 1 ends, drained"] == sorted(ends[:2])
        assert ["recorder ends, drained"] == ends[2:]
        for name in ("worker 0", "worker 1", "recorder"):
            assert run.noted(f'{name} got {{"type":"config"') == 1
        with pytest.raises(ConnectionRefusedError):
            answer_of(ports["listen"])


def test_recorder_is_told_the_state(root: Path) -> None:
    """What only the supervisor knows (who is up, restarts, the last reload) reaches the metrics."""
    with supervised(root) as run:
        run.announced()
        up = '"reload_ok":true,"problems":[],"workers":2,"running":["worker 0","worker 1","recorder"]'
        run.until(lambda: run.noted(f'recorder got {{"type":"state","generation":1,{up}'))

        os.kill(pid_of(run, "worker 1"), signal.SIGKILL)
        run.until(lambda: run.noted(f'{up},"restarts":{{"worker 0":0,"worker 1":1,"recorder":0}}'))

        (root / "config.toml").write_text("[server]\nworkers = 0\n")
        run.until(lambda: run.noted('"generation":1,"reload_ok":false,"problems":["config.toml: server.workers'))
        assert run.said("config refused, the one before it stays in force: config.toml: server.workers")


@pytest.mark.parametrize("name", ["worker 0", "recorder"])
def test_killed_child_is_replaced_at_once(root: Path, name: str) -> None:
    """kill -9 of any child: a new one takes its place, with the config of now, on the same socket."""
    with supervised(root) as run:
        ports = run.announced()
        (root / "teams").mkdir()
        (root / "teams" / "a.toml").write_text("")
        run.until(lambda: run.noted('"generation":2,"sources"') == 3)
        time.sleep(1)  # older than a child that dies young
        began = time.monotonic()

        os.kill(pid_of(run, name), signal.SIGKILL)
        run.until(lambda: run.noted(f"{name} pid") == 2)

        assert time.monotonic() - began < 2
        run.until(lambda: run.noted(f'{name} got {{"type":"config","generation":2') == 2)
        assert answer_of(ports["listen"]).endswith("generation 2")
        shown = f'"{name}"' if " " in name else name
        assert run.said(f'what it was serving ended with it child={shown} status="signal SIGKILL"')


def test_child_that_keeps_dying_is_replaced_ever_more_slowly(root: Path) -> None:
    """A broken worker must not turn the supervisor into a fork bomb; the others go on."""
    with supervised(root) as run:
        ports = run.announced()
        (root / "orders").write_text("worker 0: die\n")
        os.kill(pid_of(run, "worker 0"), signal.SIGKILL)
        run.until(lambda: run.said("replaced_in_s=0.5"))

        assert 6 > run.noted("worker 0 pid")
        assert run.said("worker 0 cannot live")
        assert answer_of(ports["listen"]).startswith("worker 1")

        (root / "orders").write_text("")
        run.until(lambda: "worker 0" in answer_of(ports["listen"]))
        run.signal(signal.SIGTERM)
        assert 0 == run.ends()


@pytest.mark.parametrize("name", ["worker 1", "recorder"])
def test_child_that_cannot_start_ends_the_start(root: Path, name: str) -> None:
    """At the first start there is nothing to go on with: status 1, and the child's own words."""
    (root / "orders").write_text(f"{name}: die\n")
    with supervised(root) as run:
        assert 1 == run.ends()
        assert run.said(f"{name} cannot live")
        assert run.said(f"refused: the {name} ended before it was ready (exit status 1)")
        assert not (root / "announced").exists()
        for other in {"worker 0", "worker 1", "recorder"} - {name}:
            if run.noted(f"{other} pid"):
                with pytest.raises(ProcessLookupError):
                    os.kill(pid_of(run, other), 0)


def test_child_that_dies_later_does_not_end_the_gateway(root: Path) -> None:
    """Once it served, a child that dies young every time is replaced, however often."""
    (root / "orders").write_text("worker 1: die_when_ready\n")
    with supervised(root) as run:
        run.until(lambda: run.noted("worker 1 pid") == 3)

        assert run.process.poll() is None
        assert run.said('status="exit status 3"')


def test_change_reaches_all_children_within_a_second(root: Path) -> None:
    """A new team, and its end; each change is one generation for everybody."""
    with supervised(root) as run:
        run.announced()
        (root / "teams").mkdir()
        for generation, change in ((2, Path.touch), (3, Path.unlink)):
            news = f'"generation":{generation},"sources"'
            began = time.monotonic()
            change(root / "teams" / "new.toml")
            run.until(partial(told_all, run, news))

            assert time.monotonic() - began < 1


def test_broken_change_reaches_nobody(root: Path) -> None:
    """The old config stays in force until the file is mended."""
    with supervised(root) as run:
        ports = run.announced()
        good = (root / "config.toml").read_text()
        (root / "config.toml").write_text("[server")
        run.until(lambda: run.said("config refused"))

        assert answer_of(ports["listen"]).endswith("generation 1")
        assert 3 == run.noted('"type":"config"')

        (root / "config.toml").write_text(good + "[models]\n")
        run.until(lambda: run.noted('"generation":2,"sources"') == 3)


def test_restarts_and_reloads_are_counted_over_runs(root: Path) -> None:
    """By why and by how they went, on a row that the next supervisor goes on with; only workers are restarted here."""
    for run_number in (1, 2):
        with supervised(root) as run:
            run.announced()
            row = Board(root / "data" / "board").slot(board.SUPERVISOR)
            began_ms = row.get(board.RELOADED_AT_MS)
            for name in ("worker 1", "recorder"):
                os.kill(pid_of(run, name), signal.SIGKILL)
                run.until(partial(_was_started, run, name, run_number * 2))
            good = (root / "config.toml").read_text()
            for text in ("[server", good + "\n"):
                (root / "config.toml").write_text(text)
                run.until(partial(_has_more, row, _reloads(row)))

            assert (run_number, 0) == (row.get(board.DIED_KILLED), row.get(board.DIED_CRASH))
            assert (run_number, run_number) == (row.get(board.RELOADS_OK), row.get(board.RELOADS_FAILED))
            assert row.get(board.RELOADED_AT_MS) > began_ms > 0
            run.signal(signal.SIGTERM)
            assert 0 == run.ends()
        (root / "announced").unlink()


def _was_started(run: Run, name: str, times: int) -> bool:
    return run.noted(f"{name} pid") == times


def _has_more(row: Slot, reloads: int) -> bool:
    return _reloads(row) > reloads


def _reloads(row: Slot) -> int:
    return row.get(board.RELOADS_OK) + row.get(board.RELOADS_FAILED)


def test_sighup_reloads_what_did_not_change(root: Path) -> None:
    """Secrets in files may have changed, though no text of the config did."""
    with supervised(root) as run:
        run.announced()
        run.signal(signal.SIGHUP)

        run.until(lambda: run.noted('"generation":2,"sources"') == 3)


def test_children_end_when_the_supervisor_is_killed(root: Path) -> None:
    """kill -9 of the supervisor: its end of the channel closes. The next one waits until they let go of the port."""
    (root / "orders").write_text("worker 0: linger\n")
    with supervised(root) as run:
        port = run.announced()["listen"]
        run.process.kill()
        run.process.wait()
        (root / "announced").unlink()
        (root / "config.toml").write_text(CONFIG.format(port=port, drain="60 s"))

        with supervised(root) as second:
            assert port == second.announced()["listen"]
            second.until(lambda: second.noted("orphaned") == 3)
            second.signal(signal.SIGTERM)
            assert 0 == second.ends()


def test_evaluator_is_there_while_a_team_uses_one(evaluated: Path) -> None:
    """It is told the config like everybody, comes and goes with reloads, and ends before the recorder does."""
    with supervised(evaluated) as run:
        run.announced()
        run.until(lambda: run.noted('evaluator got {"type":"config","generation":1'))
        running = '"running":["worker 0","worker 1","recorder","evaluator"]'
        run.until(lambda: run.noted(running))
        team = evaluated / "teams" / "a.toml"
        uses = team.read_text()
        team.write_text("")
        run.until(lambda: run.noted("evaluator ends, drained") == 1)
        team.write_text(uses)
        run.until(lambda: run.noted("evaluator pid") == 2)
        run.until(lambda: run.noted('evaluator got {"type":"config","generation":3'))
        run.signal(signal.SIGTERM)

        assert 0 == run.ends()
        ends = [line for line in run.notes.read_text().splitlines() if "drained" in line]
        assert "evaluator ends, drained" in ends[:-1]
        assert "recorder ends, drained" == ends[-1]


def test_evaluator_that_cannot_start_hinders_nobody(evaluated: Path) -> None:
    """Agents are served; it is tried again, ever more slowly, and counted on the supervisor's row."""
    (evaluated / "orders").write_text("evaluator: die\n")
    with supervised(evaluated) as run:
        ports = run.announced()
        run.until(lambda: run.noted("evaluator pid") >= 3)

        assert answer_of(ports["listen"]).endswith("generation 1")
        assert run.said("traffic does not need it child=evaluator")
        row = Board(evaluated / "data" / "board").slot(board.SUPERVISOR)
        run.until(lambda: row.get(board.EVALUATOR_DIED) >= 2)
        assert (0, 0) == (row.get(board.DIED_CRASH), row.get(board.DIED_KILLED))

        (evaluated / "orders").write_text("")
        run.until(lambda: run.noted('evaluator got {"type":"config"'))
        run.signal(signal.SIGTERM)
        assert 0 == run.ends()


def test_evaluator_that_does_not_end_holds_nobody_up_for_long(
    evaluated: Path,
) -> None:
    """What it has not done waits in its queue; a second signal waits for nothing."""
    (evaluated / "orders").write_text("evaluator: stay\n")
    with supervised(evaluated) as run:
        run.announced()
        run.until(lambda: run.noted('evaluator got {"type":"config"'))
        run.signal(signal.SIGTERM)
        run.until(lambda: run.noted("worker 1 ends, drained"))
        run.signal(signal.SIGTERM)

        assert 0 == run.ends()
        assert run.noted("recorder ends, drained")


def test_second_gateway_on_the_same_data_is_refused(root: Path) -> None:
    """The sentence names who has it."""
    with supervised(root) as run:
        run.announced()
        other = Run(root)

        assert 1 == other.ends()
        assert run.said(f"is in use by another `tollway serve` (pid {run.process.pid})")
        assert run.process.poll() is None


def test_port_in_use_is_refused(root: Path) -> None:
    """No child is started for nothing."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (root / "config.toml").write_text(CONFIG.format(port=port, drain="1 s"))
        with supervised(root) as run:
            assert 1 == run.ends()
            assert run.said(f"refused: cannot listen on 127.0.0.1:{port}: another program listens there")
            assert 0 == run.noted("pid")


def test_drain_has_a_limit(root: Path) -> None:
    """A worker that does not end is killed after drain_timeout and a last warning; the rest ends as always."""
    (root / "config.toml").write_text(CONFIG.format(port=0, drain="200 ms"))
    (root / "orders").write_text("worker 0: stay\n")
    with supervised(root) as run:
        run.announced()
        run.signal(signal.SIGTERM)

        assert 0 == run.ends()
        assert run.said('a child took too long to drain, ending it child="worker 0"')
        assert run.noted("recorder ends, drained")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_ends_at_once(root: Path, number: signal.Signals) -> None:
    """Nobody has to wait for a stream that never ends; until then nobody new gets in."""
    (root / "orders").write_text("worker 0: stay\n")
    with supervised(root) as run:
        port = run.announced()["listen"]
        run.signal(number)
        run.until(lambda: run.noted("worker 1 ends, drained"))
        with pytest.raises(ConnectionRefusedError):
            answer_of(port)
        began = time.monotonic()
        run.signal(number)

        assert 0 == run.ends()
        assert time.monotonic() - began < LIMIT_S / 2
        assert run.noted("recorder ends, drained")


def test_ctrl_c_in_a_terminal_drains(root: Path) -> None:
    """The terminal signals the whole group; the children must not be torn out of their work by it."""
    with supervised(root) as run:
        run.announced()
        os.killpg(run.process.pid, signal.SIGINT)

        assert 0 == run.ends()
        assert 3 == run.noted("ends, drained")
        assert not run.said("a child died")


def test_signal_during_the_start_ends_it(root: Path) -> None:
    """A start may take long; it can be given up like everything else."""
    (root / "orders").write_text("worker 0: never_ready\n")
    with supervised(root) as run:
        run.until(lambda: run.noted('worker 0 got {"type":"config"'))
        run.signal(signal.SIGTERM)

        assert 0 == run.ends()
        assert not (root / "announced").exists()


def test_our_children_name_their_role() -> None:
    """`ps` shows who is who, and a folder named `gateway` in the current directory is not run by mistake."""
    commands = our_commands()

    assert (sys.executable, "gateway.app.worker", "3") == (commands.worker(3)[0], *commands.worker(3)[-2:])
    assert "gateway.app.recorder" == commands.recorder[-1]
    assert "gateway.app.evaluator" == commands.evaluator[-1]


def test_our_children_do_not_look_into_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of a checkout Python must not take modules from where the user happens to be."""
    monkeypatch.chdir(tmp_path)
    assert "-P" in our_commands().recorder

    monkeypatch.chdir(Path(gateway.__file__).parents[1])
    assert "-P" not in our_commands().recorder
