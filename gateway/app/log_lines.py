"""What does a line of the log look like? One event, people's or JSON, without credentials and content."""

import logging
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from traceback import walk_tb
from types import CodeType
from typing import Any, Final

from gateway.core.record import public_json

MORE: Final = "suppressed"  # the field that says how many lines like this were not written
_OURS: Final = ("tollway", "gateway")
_MESSAGE_MOST: Final = 2_000
_THEIRS_MOST: Final = 500
_ERROR_MOST: Final = 300
_FRAMES_MOST: Final = 12
_CAUSES_MOST: Final = 3
_HIDDEN: Final = "[hidden]"
_ROOT: Final = Path(__file__).parents[2]
_STANDARD: Final = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}

# Credentials, should one ever come near a line: in URLs, in headers, and as providers shape their keys.
_SECRETS: Final = (
    (re.compile(r"://[^/\s@'\"]+@"), f"://{_HIDDEN}@"),
    (
        re.compile(r"(?i)([?&;](?:[\w-]*key|[\w-]*token|sig|signature|[\w-]*secret|password|code)=)[^&\s'\"]+"),
        rf"\1{_HIDDEN}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {_HIDDEN}"),
    (re.compile(r"(?i)\b((?:authorization|[\w-]*api-key|cookie)\b['\"]?\s*[:=]\s*['\"]?)[^\s'\",]+"), rf"\1{_HIDDEN}"),
    (re.compile(r"\b(?:sk|rk|pk|tw|gsk|xai|pplx|hf|gh[ops]|glpat|xox[abps])[-_][\w-]{12,}"), _HIDDEN),
    (re.compile(r"\bAIza[\w-]{30,}|\bAKIA[A-Z0-9]{16}\b"), _HIDDEN),
)  # fmt: skip
# What exceptions quote may be what somebody said to a model.
_QUOTED: Final = re.compile(r"(?<!\w)(?:'[^']{41,}'?|\"[^\"]{41,}\"?)")


class Lines(logging.Formatter):
    """Make lines of one process. `role`: which it is. `secrets`: never shown, wherever they stand.

    The base is for people; what `extra` adds to a record stands behind the message.
    """

    def __init__(self, role: str, secrets: Collection[str] = ()) -> None:
        super().__init__()
        self._role = role
        self._secrets = sorted((secret for secret in secrets if len(secret) > 3), key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as one line."""
        head = f"{_stamp(record.created)} {record.levelname} {self._role}: {self.clean(_message(record))}"
        parts = [head, *(f"{name}={_shown(self._field(value))}" for name, value in _fields(record).items())]
        if record.exc_info and record.exc_info[1]:
            parts.append(f"| {self.clean(told(record.exc_info[1]))}")
        if more := getattr(record, MORE, 0):
            parts.append(f"({more:,} more like this in the last minute)")
        return " ".join(parts)

    def clean(self, text: str) -> str:
        """Take out what must not be shown, and keep the rest on one line."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        for pattern, instead in _SECRETS:
            text = pattern.sub(instead, text)
        text = text.replace("\r", "").replace("\n", "\\n")
        return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)

    def _field(self, value: object) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, list | tuple):
            return [self._field(each) for each in value]
        if isinstance(value, BaseException):
            return self.clean(brief(value))
        return self.clean(_cut(str(value), _MESSAGE_MOST))


class JsonLines(Lines):
    """The same for programs: one object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as one JSON object; names of ours win over those of fields."""
        line: dict[str, Any] = {
            "ts": _stamp(record.created),
            "level": record.levelname.lower(),
            "role": self._role,
            "logger": record.name,
            "message": self.clean(_message(record)),
        }
        if more := getattr(record, MORE, 0):
            line[MORE] = more
        line = {**line, **{name: self._field(value) for name, value in _fields(record).items() if name not in line}}
        if record.exc_info and record.exc_info[1]:
            line["exception"] = self.clean(told(record.exc_info[1]))
        return public_json(line).decode()


FORMATS: Final[Mapping[str, type[Lines]]] = {"human": Lines, "json": JsonLines}


def kind(record: logging.LogRecord) -> tuple[str, int, str, str]:
    """Say what lines are alike: of one logger, about one provider, by one template, whatever numbers stand in it."""
    template = re.sub(r"0x[0-9a-f]+|\d+", "#", str(record.msg).partition("\n")[0][:200])
    return record.name, record.levelno, str(getattr(record, "provider", "")), template


def brief(error: BaseException) -> str:
    """Write an exception short, without what it quotes; ours have no need of their type."""
    text = _said(error)
    if type(error).__module__.startswith(_OURS) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _said(error: BaseException) -> str:
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.strerror}{f': {error.filename}' if error.filename else ''}"
    return _cut(_QUOTED.sub("'…'", text), _ERROR_MOST)


def told(error: BaseException) -> str:
    """Write an exception, where it came from and why, on one line: places only, no source text and no values."""
    return " <- ".join(_chain(error))


def _chain(error: BaseException | None) -> Iterator[str]:
    for _ in range(_CAUSES_MOST):
        if error is None:
            return
        frames = [_place(frame.f_code, line) for frame, line in walk_tb(error.__traceback__)]
        yield f"{brief(error)} ({' > '.join(frames[-_FRAMES_MOST:])})" if frames else brief(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _place(code: CodeType, line: int) -> str:
    path = Path(code.co_filename)
    shown = path.relative_to(_ROOT) if path.is_relative_to(_ROOT) else Path(*path.parts[-2:])
    return f"{shown}:{line} {code.co_name}"


def _message(record: logging.LogRecord) -> str:
    """Return what a record says. Libraries add lines to theirs in which anything may stand, exceptions among them."""
    text = record.getMessage()
    if record.name.startswith(_OURS):
        return _cut(text, _MESSAGE_MOST)
    return _cut(_QUOTED.sub("'…'", text.partition("\n")[0]), _THEIRS_MOST)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """Return what `extra` added."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD and name != MORE}


def _shown(value: Any) -> str:
    """Write a field's value: what has spaces or quotes stands in quotes."""
    if isinstance(value, str) and re.fullmatch(r"[^\s\"=]+", value):
        return value
    return public_json(value).decode()


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _stamp(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%S}.{int(at_s * 1000) % 1000:03}Z"
