"""The layering is a test: who may import whom, who may touch I/O, how big things may get, and where their tests are."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gateway"
TESTS = ROOT / "tests"

# Lowest layer first. A module imports from lower layers and from its own group only.
LAYERS = [
    ["core"],
    ["wire", "policies", "journal"],
    ["http", "store", "ledger", "metrics", "config"],
    ["exchange"],
    ["evaluation"],
    ["proxy", "admin", "audit"],
    ["app"],
    ["cli"],
    ["__main__"],
]
LEVEL = {group: level for level, groups in enumerate(LAYERS) for group in groups}

# Decisions over plain data: time and randomness come in as arguments, so every case of theirs can be written as a test.
SANS_IO = {"core", "wire", "policies", "audit"}
IO_MODULES = {
    "aiohttp", "aiosqlite", "asyncio", "httptools", "logging", "os", "random", "secrets", "selectors", "socket",
    "sqlite3", "subprocess", "threading", "time", "uvloop",
}  # fmt: skip

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60

# Modules without a test file of their own, each with the reason.
UNTESTED = {
    "__init__.py": "the version",
    "__main__.py": "three lines; every test that starts the command runs it",
}

MODULES = sorted(PACKAGE.rglob("*.py"))

# What ships as a plugin uses what everybody's plugins may use, so that it stays enough.
PLUGINS = sorted(path for path in (ROOT / "plugins").glob("*.py") if path.name != "__init__.py")
FOR_PLUGINS = ("gateway.evaluation.api.", "gateway.evaluation.text.", "gateway_plugins.")


def name_of(path: Path) -> str:
    """Return a module's path inside the package, as test id."""
    return str(path.relative_to(PACKAGE))


def group_of(path: Path) -> str:
    """Return the layer group of a module: its folder or, at the top level, its name."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of everything imported anywhere in a module, functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: use absolute imports, so that a search finds them"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def layer_violations(here: str, tree: ast.AST) -> list[str]:
    """Return what a module of group `here` imports and must not."""
    found = []
    for line, name in imported_names(tree):
        root, _, rest = name.partition(".")
        there = rest.partition(".")[0]
        if root == "gateway" and there in LEVEL and there != here and LEVEL[there] >= LEVEL[here]:
            found.append(f"line {line}: {here} must not import {there}")
        if here in SANS_IO and root in IO_MODULES:
            found.append(f"line {line}: {here} is sans-I/O and must not import {root}")
    return found


def local_imports(tree: ast.Module) -> list[str]:
    """Return imports of our own inside functions: that is where cycles hide."""
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return [
        f"line {line}: import {name} at the top of the module"
        for function in functions
        for line, name in imported_names(function)
        if name.startswith("gateway.")
    ]


def long_functions(tree: ast.AST) -> list[str]:
    """Return the functions that are too long to read at once."""
    return [
        f"{node.name} has {length} lines"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]


def silent_handlers(tree: ast.AST) -> list[str]:
    """Return handlers that catch everything, or everything and say nothing."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        broad = isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
        says_nothing = all(isinstance(step, ast.Pass | ast.Continue) for step in node.body)
        if node.type is None or (broad and says_nothing):
            found.append(f"line {node.lineno}: name the exceptions, or count what was swallowed")
    return found


def undocumented(tree: ast.Module) -> list[str]:
    """Return the module and its public classes and functions that lack a docstring."""
    public = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    missing = [f"{node.name} needs a docstring" for node in public if not ast.get_docstring(node)]
    return missing if ast.get_docstring(tree) else ["say in one sentence what this module is for", *missing]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_keeps_its_place(path: Path) -> None:
    """A module imports from lower layers and its own group only; core, wire and policies touch no I/O."""
    if path == PACKAGE / "__init__.py":
        return
    here = group_of(path)

    assert here in LEVEL, f"give {here} a place in LAYERS"
    tree = ast.parse(path.read_text())
    assert [] == layer_violations(here, tree) + local_imports(tree)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_is_readable(path: Path) -> None:
    """A module fits in one reading: sizes, a docstring that says its question, and no swallowed errors."""
    source = path.read_text()
    tree = ast.parse(source)

    assert source.count("\n") <= MAX_MODULE_LINES, "split this module by responsibility"
    assert [] == undocumented(tree) + long_functions(tree) + silent_handlers(tree)


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.name)
def test_plugin_keeps_its_place(path: Path) -> None:
    """A plugin uses the public API, reads at once like any module, and has a test file (what plugins share has one)."""
    source = path.read_text()
    tree = ast.parse(source)
    imported = [name for _, name in imported_names(tree) if name.startswith("gateway")]

    assert [] == [name for name in imported if not name.startswith(FOR_PLUGINS)]
    assert source.count("\n") <= MAX_MODULE_LINES
    assert [] == undocumented(tree) + long_functions(tree) + silent_handlers(tree)
    assert path.name.startswith("_") or (TESTS / "plugins" / f"test_{path.name}").is_file()


@pytest.mark.parametrize("path", [path for path in MODULES if path.name != "__init__.py"], ids=name_of)
def test_module_has_its_test_file(path: Path) -> None:
    """gateway/<path>/<module>.py is tested by tests/<path>/test_<module>.py, so that nobody searches."""
    relative = path.relative_to(PACKAGE)
    if str(relative) in UNTESTED:
        return

    assert (TESTS / relative.with_name(f"test_{relative.name}")).is_file()


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("__init__.py")), ids=name_of)
def test_package_root_holds_no_code(path: Path) -> None:
    """An __init__.py says the rule of its layer and nothing else (the top one also the version)."""
    body = ast.parse(path.read_text()).body[1:]

    assert all(isinstance(node, ast.Assign) and path.parent == PACKAGE for node in body)


def test_every_package_is_installed() -> None:
    """A package that pyproject.toml does not name is missing from wheels, though every checkout has it."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]

    packages = {".".join(path.parent.relative_to(ROOT).parts) for path in MODULES}
    assert packages | {"gateway_plugins"} == set(declared)


def test_every_layer_exists() -> None:
    """A group in LAYERS that is gone would let a misspelt one through unnoticed."""
    groups = {group_of(path) for path in MODULES} - {"__init__"}

    assert groups == set(LEVEL)


@pytest.mark.parametrize(
    ("here", "line", "complaint"),
    [
        ("wire", "from gateway.policies import access", "must not import policies"),
        ("core", "from gateway.wire.sse import split", "must not import wire"),
        ("policies", "import time", "is sans-I/O"),
        ("http", "from gateway.store import sqlite", "must not import store"),
    ],
)
def test_planted_violations_are_named(here: str, line: str, complaint: str) -> None:
    """The rules themselves can fail: a sibling, an upward and an I/O import are each found."""
    found = layer_violations(here, ast.parse(line))

    assert 1 == len(found)
    assert complaint in found[0]


def test_planted_bad_handlers_are_named() -> None:
    """A bare except and a silent broad one are found, a narrow silent one is not."""
    source = "try: f()\nexcept: g()\ntry: f()\nexcept Exception: pass\ntry: f()\nexcept OSError: pass\n"

    assert 2 == len(silent_handlers(ast.parse(source)))
