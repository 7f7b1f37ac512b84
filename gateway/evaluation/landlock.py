"""Which files may this process touch from now on? Linux's Landlock: an allow-list that needs no privilege."""

import ctypes
import os
import platform
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

# The same numbers on every architecture.
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_CREATE_VERSION: Final = 1
_PATH_BENEATH: Final = 1
# Rights in files, by the version of the interface that brought them: bits of <linux/landlock.h>.
_WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE, _IOCTL = 1 << 1, 1 << 2, 1 << 3, 1 << 14, 1 << 15
_FIRST: Final = (1 << 13) - 1
_LATER: Final = ((2, 1 << 13), (3, _TRUNCATE), (5, _IOCTL))
_OF_FILES: Final = _WRITE_FILE | _READ_FILE | _TRUNCATE  # rules for anything but a directory may hold only these
_TCP: Final = 0b11  # bind, connect
_SCOPES: Final = 0b11  # abstract sockets and signals reach only processes as confined as this one

READ: Final = _READ_FILE | _READ_DIR
LIST: Final = _READ_DIR
WRITE: Final = _FIRST & ~1 | _TRUNCATE  # everything but to execute


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """Return the kernel's version of the interface; 0: there is none."""
    try:
        return max(0, _call(_CREATE, None, 0, _CREATE_VERSION))
    except OSError:
        return 0


def restrict(rules: Iterable[tuple[Path, int]], *, network: bool) -> int:
    """Allow what `rules` say (a path and the rights beneath it), and nothing else, for good; raise OSError.

    Return the version of the interface. Needs no_new_privs. Paths that are not there are left out.
    """
    known = version()
    if not known:
        raise OSError("this system has no Landlock, or it is not switched on")
    files = _FIRST | sum(bit for since, bit in _LATER if known >= since)
    ruleset = _Ruleset(files, 0 if network or known < 4 else _TCP, _SCOPES if known >= 6 else 0)
    # Earlier kernels take the beginning of the structure, as long as what they do not know is 0.
    made = _call(_CREATE, ctypes.byref(ruleset), 24 if known >= 6 else 16 if known >= 4 else 8, 0)
    try:
        for path, rights in rules:
            _allow(made, path, rights & files)
        _call(_RESTRICT, made, 0)
    finally:
        os.close(made)
    return known


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _OF_FILES
        if rights:
            _call(_ADD, ruleset, _PATH_BENEATH, ctypes.byref(_Beneath(rights, place)), 0)
    finally:
        os.close(place)


def _call(number: int, *arguments: object) -> int:
    if platform.system() != "Linux":
        raise OSError("only Linux has Landlock")
    libc = ctypes.CDLL(None, use_errno=True)
    result = int(libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
