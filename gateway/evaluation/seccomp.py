"""Which system calls may this process make from now on? A filter of Linux's seccomp, assembled here.

A plugin computes. What it never needs, and could hurt others with, fails with EPERM: sockets, processes of its own,
looking into other processes or signalling them. Threads are allowed.
"""

import ctypes
import os
import platform
import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

_SET_MODE_FILTER, _TSYNC = 1, 1  # of the system call `seccomp`: for all threads
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_EPERM, _ENOSYS = 1, 38
# Classic BPF: load a word of `struct seccomp_data`, jump if equal / if any bit is set / if at least, return.
_LOAD, _EQUAL, _ANY, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
_CLONE_THREAD: Final = 0x00010000
_X32: Final = 0x40000000  # the other numbering of x86_64 would lead around every rule
_SOCK_STREAM: Final = 1
_INTERNET: Final = (2, 10)  # AF_INET, AF_INET6: the same numbers on every machine


class _Machine(NamedTuple):
    audit: int
    column: int  # in _CALLS
    seccomp: int


_MACHINES: Final = {"x86_64": _Machine(0xC000003E, 0, 317), "aarch64": _Machine(0xC00000B7, 1, 277)}

# name: number on x86_64, on aarch64 (None: there is no such call).
_CALLS: Final[dict[str, tuple[int, int | None]]] = {
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "sendto": (44, 206), "bind": (49, 200),
    "listen": (50, 201), "socketpair": (53, 199), "clone": (56, 220), "fork": (57, None), "vfork": (58, None),
    "execve": (59, 221), "kill": (62, 129), "fcntl": (72, 25), "ioctl": (16, 29), "ptrace": (101, 117),
    "setpgid": (109, 154), "setsid": (112, 157), "rt_sigqueueinfo": (129, 138), "setpriority": (141, 140),
    "sched_setparam": (142, 118), "sched_setscheduler": (144, 119), "prctl": (157, 167), "tkill": (200, 130),
    "sched_setaffinity": (203, 122), "tgkill": (234, 131), "add_key": (248, 217), "request_key": (249, 218),
    "keyctl": (250, 219), "ioprio_set": (251, 30), "unshare": (272, 97), "accept4": (288, 242),
    "rt_tgsigqueueinfo": (297, 240), "perf_event_open": (298, 241), "prlimit64": (302, 261),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "setns": (308, 268),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "sched_setattr": (314, 274), "bpf": (321, 280),
    "execveat": (322, 281), "userfaultfd": (323, 282), "pidfd_send_signal": (424, 424), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "pidfd_open": (434, 434), "clone3": (435, 435),
    "pidfd_getfd": (438, 438), "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "mq_open": (240, 180),
}  # fmt: skip

Block = list[tuple[int, int, int, int]]  # instructions: code, jump if true, jump if false, operand


def _refuse(code: int = _EPERM) -> Block:
    return [(_RETURN, 0, 0, _ERRNO | code)]


def _argument(index: int) -> tuple[int, int, int, int]:
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * index)  # its lower half: both machines are little-endian


_PERMIT: Final = (_RETURN, 0, 0, _ALLOW)


def _only(index: int, values: Iterable[int]) -> Block:
    """Allow a call if an argument is one of these."""
    block = [_argument(index)]
    for value in values:
        block += [(_EQUAL, 0, 1, value), _PERMIT]
    return block + _refuse()


def _never(index: int, values: Iterable[int]) -> Block:
    """Allow a call unless an argument is one of these."""
    block = [_argument(index)]
    for value in values:
        block += [(_EQUAL, 0, 1, value), *_refuse()]
    return [*block, _PERMIT]


_THREADS_ONLY: Final[Block] = [_argument(0), (_ANY, 0, 1, _CLONE_THREAD), _PERMIT, *_refuse()]
# A pair of stream sockets leads nowhere else; one of datagrams can be connected anew.
_STREAM_PAIRS: Final[Block] = [_argument(1), (0x54, 0, 0, 0xF), (_EQUAL, 0, 1, _SOCK_STREAM), _PERMIT, *_refuse()]
_NO_ADDRESS: Final[Block] = [
    _argument(4), (_EQUAL, 0, 3, 0), (_LOAD, 0, 0, _ARGUMENTS + 8 * 4 + 4), (_EQUAL, 0, 1, 0), _PERMIT, *_refuse(),
]  # fmt: skip

_FORBIDDEN: Final = (
    "fork", "vfork", "execve", "execveat", "unshare", "setns", "setsid", "setpgid",  # processes of its own
    "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_open", "pidfd_getfd", "perf_event_open", "bpf",  # others'
    "pidfd_send_signal", "tkill", "setpriority", "ioprio_set",
    "add_key", "request_key", "keyctl", "name_to_handle_at", "open_by_handle_at", "userfaultfd",
    "shmget", "msgget", "semget", "mq_open", "memfd_secret",  # memory that is charged to no process
)  # fmt: skip
_ABSENT: Final = (
    "clone3",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "memfd_create",
)  # callers know another way
_SIGNALS: Final = ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
_OF_OTHERS: Final = ("prlimit64", "sched_setscheduler", "sched_setparam", "sched_setattr", "sched_setaffinity")
# Who gets the signals of a file, and which: F_SETOWN, F_SETSIG, F_SETOWN_EX; FIOSETOWN, SIOCSPGRP, TIOCSTI.
_FILE_SIGNALS: Final = {"fcntl": (8, 10, 15), "ioctl": (0x8901, 0x8902, 0x5412)}
_PR_SET_PDEATHSIG: Final = 1
_SOCKETS: Final = ("socket", "connect", "bind", "listen", "accept", "accept4")


def process_rules(pid: int) -> dict[str, Block]:
    """Return the rules of a process that is alone in the world, by call."""
    return {
        **{name: _refuse() for name in _FORBIDDEN},
        **{name: _refuse(_ENOSYS) for name in _ABSENT},
        **{name: _only(0, [pid]) for name in _SIGNALS},
        **{name: _only(0, [0, pid]) for name in _OF_OTHERS},
        **{name: _never(1, values) for name, values in _FILE_SIGNALS.items()},
        "clone": _THREADS_ONLY,
        "prctl": _never(0, [_PR_SET_PDEATHSIG]),
    }


def network_rules() -> dict[str, Block]:
    """Return the rules of a process that speaks with nobody but through what is open already."""
    return {**{name: _refuse() for name in _SOCKETS}, "socketpair": _STREAM_PAIRS, "sendto": _NO_ADDRESS}


def internet_rules() -> dict[str, Block]:
    """Return the rules of a process that may use the internet, and no socket of the services of this machine."""
    return {"socket": _only(0, _INTERNET), "socketpair": _STREAM_PAIRS}


def assemble(rules: dict[str, Block], machine: str) -> bytes:
    """Write the filter for a machine: what has no rule is allowed."""
    kind = _MACHINES[machine]
    program: Block = [(_LOAD, 0, 0, _ARCH), (_EQUAL, 1, 0, kind.audit), *_refuse(_ENOSYS), (_LOAD, 0, 0, _NUMBER)]
    if machine == "x86_64":
        program += [(_AT_LEAST, 0, 1, _X32), *_refuse(_ENOSYS)]
    for name, block in rules.items():
        if (number := _CALLS[name][kind.column]) is not None:
            program += [(_EQUAL, 0, len(block), number), *block]
    return b"".join(struct.pack("=HBBI", *each) for each in [*program, _PERMIT])


def install(rules: dict[str, Block]) -> None:
    """Hold all threads of this process to the rules, for good; raise OSError. Needs no_new_privs."""
    machine = platform.machine()
    if platform.system() != "Linux" or machine not in _MACHINES:
        raise OSError(f"there is no filter for {platform.system()} on {machine}")
    code = assemble(rules, machine)
    instructions = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(instructions, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = map(ctypes.c_long, (_MACHINES[machine].seccomp, _SET_MODE_FILTER, _TSYNC))
    if libc.syscall(*arguments, ctypes.byref(program)) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))
