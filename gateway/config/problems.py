"""What is wrong with a config, said so that it can be mended: file, place in it, sentence."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails


class Problem(NamedTuple):
    """One thing to mend. `where`: the path inside the file ("keys[1].sha256"), "" for the whole of it."""

    file: str
    where: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in self if part)


class ConfigError(Exception):
    """The config cannot be used; carries every problem of every file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def from_validation(file: str, model: type[BaseModel], error: ValidationError) -> list[Problem]:
    """Translate what pydantic found; the values at fault are never quoted, as they may be secrets."""
    return [
        Problem(file, _path(each["loc"]), _message(model, each))
        for each in error.errors(include_url=False, include_input=False)
    ]


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" where a known name is close, else ""."""
    close = get_close_matches(wrong, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""


_SENTENCES = {
    "missing": "is required",
    "string_type": "expected a text in quotes",
    "int_type": "expected a whole number",
    "bool_type": "expected true or false",
    "list_type": "expected a list: [ … ]",
    "dict_type": "expected a table",
    "model_type": "expected a table",
    "model_attributes_type": "expected a table",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}

_BOUNDS = {"greater_than_equal": ("at least", "ge"), "less_than_equal": ("at most", "le")}


def _message(model: type[BaseModel], error: ErrorDetails) -> str:
    kind, loc = error["type"], error["loc"]
    if kind == "extra_forbidden":
        known = _fields_at(model, loc[:-1])
        listed = "" if (hint := suggestion(str(loc[-1]), known)) else f" Known here: {', '.join(known)}."
        return f"unknown setting.{hint}{listed}"
    if kind == "literal_error":
        return f"expected {error['ctx']['expected']}"
    if kind in _BOUNDS:
        word, bound = _BOUNDS[kind]
        return f"expected {word} {error['ctx'][bound]}"
    return _SENTENCES.get(kind) or error["msg"].removeprefix("Value error, ")


def _path(loc: Sequence[str | int]) -> str:
    text = ""
    for step in loc:
        if step == "[key]":  # pydantic's word for: the key of a table is wrong
            continue
        text += f"[{step}]" if isinstance(step, int) else f"{'.' if text else ''}{step}"
    return text


def _fields_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """Return the settings that exist at a place."""
    here: Any = model
    for step in loc:
        if isinstance(here, type) and issubclass(here, BaseModel):
            field = here.model_fields.get(str(step))
            # A table of tables has fields of its own beside their names.
            here = field.annotation if field is not None else get_type_hints(here)["__pydantic_extra__"]
            if field is None:
                here = get_args(here)[-1]
        else:  # list[X] or dict[K, X]
            here = get_args(here)[-1]
        if get_origin(here) in (Union, UnionType):
            here = get_args(here)[0]
    return [name for name in here.model_fields] if isinstance(here, type) and issubclass(here, BaseModel) else []
