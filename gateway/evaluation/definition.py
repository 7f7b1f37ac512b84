"""Which class is behind a `use`, and by which fingerprint its scores are known."""

import importlib
import importlib.metadata
import importlib.util
import inspect
import sys
import traceback
from hashlib import sha256
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

import msgspec
from pydantic import BaseModel, ValidationError

from gateway.evaluation.api import Evaluator, Judge
from gateway.evaluation.canonical import NotJson, canonical
from gateway.evaluation.code import code_hash
from gateway.evaluation.declared import problems, problems_of_scores, specs_of
from gateway.evaluation.named_files import Outside, named_file
from gateway.evaluation.protocol import DETAIL_BYTES, Loaded, Loading
from gateway.wire.scan import UNREADABLE

GROUP: Final = "tollway.evaluators"
FILE: Final = "file:"
_FILE_BYTES: Final = 1 << 20
_decode: Final = msgspec.json.Decoder().decode


class CannotLoad(Exception):
    """The plugin cannot be used; the message says what to do. `detail`: what a person reads besides, a traceback."""

    def __init__(self, problem: str, detail: str | None = None) -> None:
        super().__init__(problem)
        self.detail = detail


class Found(NamedTuple):
    """What was imported. `distribution`: `name==version` of an installed one."""

    cls: type[Evaluator[Any]]
    module: ModuleType
    distribution: str | None


def load(loading: Loading) -> tuple[type[Evaluator[Any]], Loaded]:
    """Import a plugin and check what it declares and its parameters; raise CannotLoad. Only in a plugin process."""
    found = find(loading.use)
    cls = found.cls
    if cls.needs.judge and not loading.judged:
        raise CannotLoad(f'{loading.use} asks a judge: name its model, `judge = "PROVIDER/MODEL"`')
    params = params_of(cls, loading)
    if wrong := problems_of_scores(cls, params):
        raise CannotLoad(f"{loading.use}: {wrong[0]}", "\n".join(wrong))
    needs = cls.needs
    return cls, Loaded(
        evaluator=loading.evaluator,
        plugin=cls.name,
        version=cls.version,
        code_hash=code_hash(found.module, found.distribution),
        params_hash=_hash(canonical(params.model_dump(mode="json"))),
        distribution=found.distribution,
        unit=needs.unit,
        content=needs.content,
        judge=needs.judge,
        max_judge_calls=needs.max_judge_calls if needs.judge else 0,
        network=needs.network,
        reference=needs.reference,
        wall_s=needs.wall_s,
        cpu_s=needs.cpu_s,
        memory_mb=needs.memory_mb,
        specs=specs_of(cls, params),
    )


def find(use: str) -> Found:
    """Import what a `use` means and check what it declares; raise CannotLoad. Only in a plugin process."""
    found = _from_file(use) if use.startswith(FILE) else _from_entry_point(use)
    if wrong := problems(found.cls):
        raise CannotLoad(f"{use}: {wrong[0]}", "\n".join(wrong))
    return found


def params_of(cls: type[Evaluator[Any]], loading: Loading) -> BaseModel:
    """Read the parameters, `{file = "PATH"}` as what stands in that file; raise CannotLoad."""
    try:
        given = _with_files(_decode(loading.params.encode()), loading.root)
        if not isinstance(given, dict):
            raise CannotLoad("params: must be a table of names and values")
        params = cls.Params.model_validate(given)
        canonical(params.model_dump(mode="json"))
    except UNREADABLE as error:
        raise CannotLoad(f"params: no JSON ({error})") from None
    except NotJson as error:
        raise CannotLoad(f"params: {error}") from None
    except ValidationError as error:
        raise CannotLoad(_params_problem(cls, error)) from None
    return params


def make(cls: type[Evaluator[Any]], params: BaseModel, judge: Judge | None) -> Evaluator[Any]:
    """Make an evaluator. One that asks nobody need not know that there are judges."""
    return cls(params) if judge is None else cls(params, judge)


def fingerprint(loaded: Loaded, judge_model: str | None) -> str:
    """Name the series of scores: everything that a score depends on. 64 hex digits.

    The evaluator's name is part of it: two of one plugin with equal parameters are two series of scores.
    """
    return _hash(
        canonical(
            {
                "evaluator": loaded.evaluator,
                "plugin": loaded.plugin,
                "version": loaded.version,
                "code_hash": loaded.code_hash,
                "params_hash": loaded.params_hash,
                "judge": judge_model if loaded.judge else None,
            }
        )
    )


def names() -> list[str]:
    """List the entry points of the group `tollway.evaluators`, without importing any."""
    return sorted({point.name for point in importlib.metadata.entry_points(group=GROUP)})


def _from_entry_point(use: str) -> Found:
    points = list({(each.value, _distribution(each)): each for each in _points(use)}.values())
    if not points:
        known = ", ".join(names()) or "none"
        raise CannotLoad(f"no evaluator `{use}` is installed; there are: {known}. A file is `file:PATH.py:CLASS`")
    if len(points) > 1:
        whose = ", ".join(str(_distribution(each)) for each in points)
        raise CannotLoad(f"`{use}` is given by several packages: {whose}; uninstall all but one")
    (point,) = points
    module = _imported(use, lambda: importlib.import_module(point.module))
    return Found(_member(use, module, point.attr), module, _distribution(point))


def _points(name: str) -> list[EntryPoint]:
    return list(importlib.metadata.entry_points(group=GROUP, name=name))


def _distribution(point: EntryPoint) -> str | None:
    return f"{point.dist.name}=={point.dist.version}" if point.dist is not None else None


def _from_file(use: str) -> Found:
    path_text, colon, attr = use.removeprefix(FILE).rpartition(":")
    path = Path(path_text)
    if not colon or not attr.isidentifier() or path.suffix != ".py":
        raise CannotLoad(f"`{use}` must be `file:PATH.py:CLASS`")
    if not path.is_file():
        raise CannotLoad(f"{path}: there is no such file")
    # Its own name, so that two files of one name do not take each other's place.
    name = f"tollway_file_{_hash(str(path.resolve()).encode())[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # noqa: S101 - of a path that ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pydantic look there for their annotations
    _imported(use, lambda: spec.loader.exec_module(module))
    return Found(_member(use, module, attr), module, None)


def _imported(use: str, do: Any) -> ModuleType:
    """Import; whatever the plugin's code raises is told, and its fault."""
    try:
        return do()  # type: ignore[no-any-return]
    except (Exception, SystemExit) as error:
        trace = traceback.format_exc()[-DETAIL_BYTES:]
        raise CannotLoad(f"{use}: its import fails: {type(error).__name__}: {error}", trace) from None


def _member(use: str, module: ModuleType, attr: str) -> Any:
    found: Any = module
    for name in attr.split("."):
        found = getattr(found, name, None)
    if not inspect.isclass(found):
        raise CannotLoad(f"{use}: {module.__name__} has no class `{attr}`")
    return found


def _hash(data: bytes) -> str:
    return sha256(data).hexdigest()


def _with_files(value: Any, root: str) -> Any:
    """Put what stands in files in their place: the text, or what a `.json` holds."""
    if isinstance(value, list):
        return [_with_files(each, root) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"file"} and isinstance(value["file"], str):
        return _file(value["file"], root)
    return {name: _with_files(inner, root) for name, inner in value.items()}


def _file(name: str, root: str) -> Any:
    try:
        path = named_file(root, name)
    except Outside as error:
        raise CannotLoad(f"params: {error}") from None
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES + 1)
        if len(data) > _FILE_BYTES:
            raise CannotLoad(f"params: {path} is larger than {_FILE_BYTES} bytes")
        return _decode(data) if path.suffix == ".json" else data.decode()
    except OSError as error:
        raise CannotLoad(f"params: {path}: {error.strerror}") from None
    except UNREADABLE as error:
        raise CannotLoad(f"params: {path}: {error}") from None


def _params_problem(cls: type[Evaluator[Any]], error: ValidationError) -> str:
    """Say what is wrong with the first parameter that is wrong."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(["params", *map(str, first["loc"])])
    if first["type"] == "extra_forbidden":
        known = ", ".join(cls.Params.model_fields) or "none"
        return f"{where}: {cls.name} has no such parameter; it has: {known}"
    return f"{where}: {first['msg']}"
