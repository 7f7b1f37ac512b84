"""What must a plugin process be able to read? Python, installed packages, the plugin's own files; nothing of ours."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from gateway.evaluation import landlock

# What the C library, Python and number crunchers look at. Of /proc only what tells of this machine and this process.
_SYSTEM: Final = (
    "/lib", "/lib64", "/lib32", "/usr/lib", "/usr/lib64", "/usr/lib32", "/usr/share", "/usr/local/lib",
    "/etc/ld.so.cache", "/etc/localtime", "/etc/nsswitch.conf", "/etc/hosts", "/etc/resolv.conf", "/etc/host.conf",
    "/etc/gai.conf", "/etc/passwd", "/etc/group", "/etc/mime.types",
    "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs", "/etc/pki/ca-trust",
    "/dev/zero", "/dev/random", "/dev/urandom", "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat",
    "/proc/sys/kernel", "/proc/sys/vm", "/sys/devices/system/cpu", "/sys/devices/system/node",
)  # fmt: skip
_CODE: Final = {".py", ".pyi", ".pyc", ".so", ".pth", ".zip", ".egg"}


def rules_for(folder: str, files: Iterable[str]) -> Iterator[tuple[Path, int]]:
    """Yield paths and rights for Landlock: `folder` to write, `files` to read besides what Python needs."""
    yield from ((Path(path).resolve(), landlock.READ) for path in _SYSTEM)
    yield from ((path, landlock.LIST) for path in _loose_places())
    yield from ((path, landlock.READ) for path in [*code(), *map(Path, files)])
    yield Path(folder), landlock.READ | landlock.WRITE
    yield Path("/dev/null"), landlock.READ | landlock.WRITE


def code() -> list[Path]:
    """Return where Python itself and everything that can be imported lies."""
    loose = [path for place in _loose_places() for path in place.iterdir() if _is_importable(path)]
    return [*_installations(), *loose, *_editable()]


def closed_to_others(paths: Iterable[Path]) -> Path | None:
    """Return the first of these that another user may not read, or not get to."""
    for path in paths:
        whole = path.resolve()
        if not whole.exists():
            continue
        if any(not each.stat().st_mode & 0o001 for each in whole.parents) or not whole.stat().st_mode & 0o004:
            return path
    return None


def _installations() -> list[Path]:
    """Return where the standard library and installed packages lie: nothing else that is in the same folder."""
    places = {Path(path).resolve() for path in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
    found = {(place / name).resolve() for place in places for name in ("lib", "lib64", "pyvenv.cfg")}
    return sorted(path for path in found if path.exists())


def _loose_places() -> list[Path]:
    """Return folders of the search path outside of any installation: a checkout, with what else lies there."""
    installations = _installations()
    places = [Path(entry).resolve() for entry in sys.path if entry]
    return [
        place for place in places if place.is_dir() and not any(place.is_relative_to(each) for each in installations)
    ]


def _is_importable(path: Path) -> bool:
    """Tell code from what may lie beside it, a configuration or a data directory."""
    if path.is_dir():
        return (path / "__init__.py").is_file() or path.suffix in (".dist-info", ".egg-info", ".libs")
    return path.suffix in _CODE


def _editable() -> list[Path]:
    """Return the folders of packages that were installed to be edited in place."""
    finders = [module for name, module in sys.modules.items() if name.startswith("__editable___")]
    return [Path(path).resolve() for finder in finders for path in getattr(finder, "MAPPING", {}).values()]
