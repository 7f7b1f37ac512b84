"""What a plugin process gives up, and how it says so."""

import signal
import subprocess
import sys
from pathlib import Path

from gateway.evaluation.greeting import probe
from tests.evaluation.alone import ROOT, alone
from tests.evaluation.lanes import linux

NAMES = [
    "priority", "oom", "terminal", "privileges", "files", "user", "limits", "threads", "orphans", "processes",
    "network", "cgroup",
]  # fmt: skip


@linux
async def test_every_measure_is_told_with_a_word() -> None:
    """Also one that is not in force: why not. What every Linux has is in force."""
    measures = await probe()

    assert NAMES == [each.name for each in measures]
    assert all(each.word for each in measures)
    in_force = {each.name for each in measures if each.in_force}
    assert {"priority", "oom", "terminal", "privileges", "limits", "orphans", "processes", "network"} <= in_force


@linux
def test_measure_that_is_absent_stops_nothing(tmp_path: Path) -> None:
    """A system without any of them: the process starts all the same, and says what is missing."""
    said = alone(
        f"""
import platform
platform.system = lambda: "Darwin"
from gateway.evaluation import isolation, landlock
from gateway.evaluation.protocol import Confining
landlock.version = lambda: 0
for each in isolation.confine(Confining(folder="{tmp_path}")):
    print(each.name, each.in_force)
"""
    )
    told = dict(line.split() for line in said.splitlines())

    assert {"oom", "privileges", "files", "orphans", "processes", "network"} <= {
        name for name, in_force in told.items() if in_force == "False"
    }
    assert "True" == told["limits"]


@linux
def test_terminal_is_given_up() -> None:
    """Nothing can be typed into the terminal of who started the gateway; others keep it."""
    inner = """
import os
from gateway.evaluation import isolation
os.close(os.open("/dev/tty", os.O_RDWR))
told = isolation._have_no_terminal()
try:
    os.open("/dev/tty", os.O_RDWR)
except OSError:
    print(told)
"""
    said = alone(
        f"""
import fcntl, os, subprocess, termios
os.setsid()
_, terminal = os.openpty()
fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
inner = [sys.executable, "-c", {inner!r}]
print(subprocess.run(inner, cwd={str(ROOT)!r}, capture_output=True, text=True, check=True).stdout)
os.close(os.open("/dev/tty", os.O_RDWR))
"""
    )

    assert "given up" == said


@linux
def test_memory_is_held_to_what_is_declared() -> None:
    """Beyond it there is a MemoryError, which the evaluator's word tells."""
    said = alone(
        """
from gateway.evaluation import isolation
isolation.hold_to(64, network=True)
try:
    bytearray(100 << 20)
except MemoryError:
    print("no more", len(bytearray(32 << 20)))
"""
    )

    assert "no more 33554432" == said


@linux
def test_processor_time_is_counted_anew_for_each_evaluator() -> None:
    """The limit moves on with what was used; who passes it is ended by a signal of its own."""
    code = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from gateway.evaluation.isolation import CpuLimit
limit = CpuLimit()
for _ in range(3):
    limit.allow(0.1)
    begun = time.process_time()
    while time.process_time() < begun + 0.1: pass
print("within", flush=True)
limit.allow(0.1)
while True: pass
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert ("within\n", -signal.SIGXCPU) == (done.stdout, done.returncode)


@linux
def test_who_may_use_the_network_finds_names_and_no_service_of_the_machine(tmp_path: Path) -> None:
    """Names are looked up, an event loop runs; a socket of Unix, by which services are reached, is not opened."""
    said = alone(
        f"""
import asyncio, socket
from gateway.evaluation import isolation
from gateway.evaluation.protocol import Confining
isolation.confine(Confining(folder="{tmp_path}", network=True))
flags = socket.AI_ADDRCONFIG | socket.AI_NUMERICSERV
print(bool(socket.getaddrinfo("localhost", 80, flags=flags)), asyncio.run(asyncio.sleep(0, "runs")))
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
try:
    socket.socket(socket.AF_UNIX)
except PermissionError:
    print("not of this machine")
"""
    )

    assert ["True runs", "not of this machine"] == said.splitlines()
