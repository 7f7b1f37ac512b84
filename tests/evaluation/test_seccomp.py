"""The filter of system calls, run by a small machine of our own: what is refused, and what is not."""

import struct

import pytest

from gateway.evaluation.seccomp import _CALLS, _MACHINES, Block, assemble, internet_rules, network_rules, process_rules

PID = 4242
ALLOW, EPERM, ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026
THREAD = 0x00010000
RULES = process_rules(PID) | network_rules()


def decide(
    machine: str, call: str | int, *arguments: int, audit: int | None = None, rules: dict[str, Block] = RULES
) -> int:
    """Run the filter as the kernel does."""
    kind = _MACHINES[machine]
    number = call if isinstance(call, int) else _CALLS[call][kind.column]
    padded = [argument & (1 << 64) - 1 for argument in (*arguments, *[0] * (6 - len(arguments)))]
    data = struct.pack("=IIQ6Q", number, audit or kind.audit, 0, *padded)
    code = assemble(rules, machine)
    program = [struct.unpack_from("=HBBI", code, at) for at in range(0, len(code), 8)]
    accumulator, at = 0, 0
    for _ in range(len(program)):
        operation, if_true, if_false, operand = program[at]
        at += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, operand)
            case 0x54:
                accumulator &= operand
            case 0x06:
                return operand
            case _:
                holds = {0x15: accumulator == operand, 0x45: bool(accumulator & operand), 0x35: accumulator >= operand}
                at += if_true if holds[operation] else if_false
    raise AssertionError("the program has no end")


REFUSED = [
    ("socket", 2, 1), ("connect", 3), ("sendto", 3, 0, 0, 0, 1), ("sendto", 3, 0, 0, 0, 1 << 32), ("socketpair", 1, 2),
    ("clone", 0x11), ("execve",), ("execveat",), ("kill", 1, 9), ("kill", -1, 9), ("kill", 0, 9), ("tkill", 1, 9),
    ("tgkill", 1, 1, 9), ("ptrace",), ("process_vm_readv", 1), ("prlimit64", 1), ("setpriority", 0, 1),
    ("sched_setscheduler", 1), ("prctl", 1, 0), ("fcntl", 3, 8, 1), ("ioctl", 3, 0x5412), ("pidfd_open", 1),
    ("setsid",), ("open_by_handle_at",), ("unshare",), ("setns",), ("bpf",), ("keyctl",),
]  # fmt: skip
LET_PASS = [
    ("clone", THREAD | 0x100), ("kill", PID, 6), ("tgkill", PID, PID, 6), ("prlimit64", 0), ("prlimit64", PID),
    ("sched_setscheduler", 0), ("prctl", 15), ("fcntl", 3, 3), ("ioctl", 3, 0x5401), ("socketpair", 1, 1),
    ("socketpair", 1, 1 | 0o2000000), ("sendto", 3, 1, 1, 0, 0), (0,), (1,), (63,),
]  # fmt: skip


@pytest.mark.parametrize("machine", _MACHINES)
@pytest.mark.parametrize("call", REFUSED, ids=str)
def test_refused(machine: str, call: tuple[str, int]) -> None:
    """Sockets, processes and the processes of others: EPERM, on every machine."""
    assert EPERM == decide(machine, *call)


@pytest.mark.parametrize("machine", _MACHINES)
@pytest.mark.parametrize("call", LET_PASS, ids=str)
def test_let_pass(machine: str, call: tuple[str, int]) -> None:
    """Threads, signals to itself, its own limits, its own pair of sockets, and everything that nobody named."""
    assert ALLOW == decide(machine, *call)


@pytest.mark.parametrize("machine", _MACHINES)
def test_network_means_the_internet(machine: str) -> None:
    """Who may use it opens sockets of IPv4 and IPv6, and none of Unix, netlink, packets and the others."""
    families = [family for family in range(64) if decide(machine, "socket", family, 1, rules=internet_rules()) == ALLOW]

    assert [2, 10] == families
    assert [ALLOW, EPERM] == [decide(machine, "socketpair", 1, kind, rules=internet_rules()) for kind in (1, 2)]
    assert [ALLOW, ALLOW] == [decide(machine, call, 3, rules=internet_rules()) for call in ("connect", "bind")]


@pytest.mark.parametrize("call", ["clone3", "io_uring_setup", "io_uring_enter"])
def test_what_cannot_be_judged_is_not_there(call: str) -> None:
    """Their arguments lie where a filter cannot look: callers are told to take the older way."""
    assert [ENOSYS, ENOSYS] == [decide(machine, call) for machine in _MACHINES]


def test_forks_of_the_older_kind() -> None:
    """Only x86_64 has calls of their own for them."""
    assert [EPERM, EPERM] == [decide("x86_64", call) for call in ("fork", "vfork")]


def test_no_way_around_by_another_numbering() -> None:
    """32-bit calls and x32 have other numbers for everything: none of them is let through."""
    assert ENOSYS == decide("x86_64", 0, audit=0x40000003)
    assert ENOSYS == decide("x86_64", 0x40000000 + 41)
    assert ENOSYS == decide("aarch64", 0, audit=0x40000028)
