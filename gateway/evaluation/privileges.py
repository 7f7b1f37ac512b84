"""Which user does a plugin process run as? Where the gateway is root's, as one of its own that owns nothing."""

import ctypes
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.evaluation.readable import closed_to_others, code

# A range that no distribution gives to people or packages (systemd takes numbers for passing services from it, too).
FIRST_USER: Final = 61184
USERS: Final = 4096
_PR_SET_KEEPCAPS: Final = 8
_DAC_READ_SEARCH: Final = 1 << 2  # read what the modes of files forbid
_CAPABILITY_VERSION: Final = 0x20080522


def drop_user(folder: str, files: Sequence[str], *, confined: bool) -> str:
    """Become a user that no other process has, and own `folder`; raise OSError where that cannot be.

    The code may lie where only root may look, in a home for instance. Where files are `confined` to an allow-list
    already, the process keeps the one power to read them; else they must be open to others.
    """
    if os.geteuid() != 0:
        raise OSError("runs as the gateway's own user; where the gateway is root's, it gets one of its own")
    if not confined and (path := closed_to_others([*code(), *map(Path, files)])) is not None:
        _keep_capabilities(0)
        raise OSError(f"another user could not read {path}; root's powers are given up, root's files are not")
    user = FIRST_USER + os.getpid() % USERS
    os.chown(folder, user, user)
    if confined:
        _prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    if confined:
        _keep_capabilities(_DAC_READ_SEARCH)
    return f"a user of its own, {user}"


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def _keep_capabilities(kept: int) -> None:
    if platform.system() != "Linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    head = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    data = (ctypes.c_uint32 * 6)(kept, kept, 0, 0, 0, 0)  # effective, permitted, inheritable; lower and upper half
    if libc.capset(head, data) != 0:
        raise OSError(ctypes.get_errno(), "capset")
