"""Which files make a plugin's scores? Its module's, and those of its own package that it imports."""

import ast
import sys
from collections.abc import Iterator
from hashlib import sha256
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType


def code_hash(module: ModuleType, distribution: str | None) -> str:
    """Hash them. What a plugin imports from elsewhere goes by the version of its distribution."""
    files = {name: sha256(path.read_bytes()).hexdigest() for name, path in _files(module).items()}
    own = files.pop(module.__name__, "")
    lines = [distribution or "", own, *(f"{name} {digest}" for name, digest in sorted(files.items()))]
    return sha256("\n".join(lines).encode()).hexdigest()


def _files(module: ModuleType) -> dict[str, Path]:
    """Follow the imports, which have all been made: the module is loaded."""
    package = module.__name__.partition(".")[0]
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        one = waiting.pop()
        path = getattr(one, "__file__", None)
        if path is None or one.__name__ in found:
            continue
        found[one.__name__] = Path(path)
        waiting += [
            sys.modules[name]
            for name in _imported(one, Path(path))
            if name.partition(".")[0] == package and name in sys.modules
        ]
    return found


def _imported(module: ModuleType, path: Path) -> Iterator[str]:
    """Give the names of what a module imports; of `from a import b` both a and a.b, one of which may be none."""
    if path.suffix != ".py":
        return
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            source = resolve_name(name, module.__package__) if node.level else name
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)
