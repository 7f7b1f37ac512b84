"""A line of the log: one event, one line, the same facts to people and programs, no secrets and no content."""

import logging
import sys
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.app.log_lines import FORMATS, JsonLines, Lines, brief, kind, told
from gateway.config.problems import ConfigError, Problem

LONG = "the prompt of somebody, long enough to be one, with words"


def made(message: str, *args: object, name: str = "tollway.x", exc: BaseException | None = None, **more: Any) -> Any:
    """Make a record, as a logger does."""
    info = None if exc is None else (type(exc), exc, exc.__traceback__)
    record = logging.LogRecord(name, logging.WARNING, __file__, 1, message, args, info)
    record.created = 1_795_435_200.25
    vars(record).update(more)
    return record


def people(record: Any, *secrets: str) -> str:
    """Write it for people."""
    return Lines("worker 0", secrets).format(record)


def programs(record: Any, *secrets: str) -> Any:
    """Write it for programs, and read it."""
    return orjson.loads(JsonLines("worker 0", secrets).format(record))


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    """Raise an exception and catch it, so that it has a place."""
    try:
        raise error from cause
    except Exception as caught:
        return caught


def test_fields_stand_behind_the_message() -> None:
    """Time, level, role, message, then name=value; what has spaces stands in quotes."""
    record = made("it is %s", "so", child="worker 1", pid=7, ratio=0.5, names=["a", "b c"], error=OSError(2, "No", "x"))

    assert (
        '2026-11-23T12:00:00.250Z WARNING worker 0: it is so child="worker 1" pid=7 ratio=0.5 '
        'names=["a","b c"] error="FileNotFoundError: No: x"'
    ) == people(record)


def test_programs_get_the_same_as_an_object() -> None:
    """Our own names win over a field's."""
    record = made("it is %s", "so", child="worker 1", pid=7, role="mine", level="mine", suppressed=3)

    assert {
        "ts": "2026-11-23T12:00:00.250Z",
        "level": "warning",
        "role": "worker 0",
        "logger": "tollway.x",
        "message": "it is so",
        "suppressed": 3,
        "child": "worker 1",
        "pid": 7,
    } == programs(record)


def test_lines_that_were_held_back_are_counted() -> None:
    """In words for people."""
    assert people(made("again", suppressed=1234)).endswith("again (1,234 more like this in the last minute)")


def test_exception_is_told_by_type_text_and_places() -> None:
    """On the same line, with its cause; no source text, no values."""
    error = raised(ValueError("it\nbroke"), raised(KeyError("inner")))
    line = people(made("failed", exc=error))

    assert "failed | ValueError: it\\nbroke (tests/app/test_log_lines.py:" in line
    assert " raised) <- KeyError: 'inner' (" in line
    assert 1 == len(line.splitlines())
    assert programs(made("failed", exc=error))["exception"].startswith("ValueError: it\\nbroke (tests/app/")


def test_what_exceptions_quote_is_left_out() -> None:
    """It may be what somebody said to a model; and no text is endless."""
    assert "ValueError: invalid literal for int() with base 10: '…'" == brief(raised(ValueError(
        f"invalid literal for int() with base 10: '{LONG}'"
    )))  # fmt: skip
    assert "the provider's answer is none that the parser of anybody who is here reads as anybody's" == brief(
        ConfigError(
            [Problem("", "", "the provider's answer is none that the parser of anybody who is here reads as anybody's")]
        )
    )
    assert 320 > len(brief(ValueError("x" * 5_000)))
    assert "ValueError" == brief(ValueError())


def test_libraries_say_one_line() -> None:
    """asyncio adds the repr of a task, in which an exception with its text stands."""
    record = made(f"Task exception was never retrieved\nfuture: <Task exception=ValueError('{LONG}')>", name="asyncio")

    assert people(record).endswith("worker 0: Task exception was never retrieved")
    assert LONG not in people(made("odd: %r", LONG, name="aiohttp.server"))
    assert 700 > len(people(made("x" * 5_000, name="py.warnings")))


@pytest.mark.parametrize(
    "text",
    [
        "https://user:s3cretpassword@example.com/x",
        "GET /v1beta/models?key=s3cretpassword&alt=sse",
        "https://example.com/list?x=1&api_key=s3cretpassword",
        "Authorization: Bearer s3cretpassword",
        "{'x-api-key': 's3cretpassword'}",
        "bearer s3cretpassword",
        "sk-ant-s3cretpassword",
        "tw-s3cretpassword_and_more",
        "no such key AIzas3cretpasswords3cretpasswords3cr",
    ],
)
def test_credentials_are_hidden(text: str) -> None:
    """However they came there: in URLs, in headers, as providers shape them."""
    for record in (made(text), made("%s", text), made("x", exc=raised(OSError(text))), made("x", field=text)):
        assert "s3cretpassword" not in people(record)
        assert "s3cretpassword" not in str(programs(record))


def test_secrets_of_the_config_are_hidden_everywhere() -> None:
    """Whatever shape they have; one that holds another is taken out whole."""
    record = made("the key is my own", exc=raised(ValueError("my own")), where="my own", more=["my own key"])

    assert "own" not in people(record, "my own", "my own key", "x")
    assert "own" not in str(programs(record, "my own"))


def test_alike_is_what_has_the_same_template() -> None:
    """Numbers and addresses do not part what is the same problem; levels and loggers do."""
    assert kind(made("at %s", 1)) == kind(made("at %s", 2))
    assert kind(made("<Task at 0x7f3a failed 12>")) == kind(made("<Task at 0x8bb failed 345>\nmore"))
    assert kind(made("a")) != kind(made("a", name="tollway.y"))
    assert kind(made("a")) != kind(made("b"))
    assert kind(made("a", provider="openai")) != kind(made("a", provider="groq"))


@given(st.text(), st.text(), st.sampled_from(sorted(FORMATS)))
def test_any_text_is_one_line(message: str, value: str, form: str) -> None:
    """What splits a log by lines never tears an event, and no escape sequence steers a terminal."""
    line = FORMATS[form]("worker 0").format(made("%s", message, field=value, exc=ValueError(value)))

    assert 1 == len(line.splitlines())
    assert line.isprintable()


def test_endless_chains_end() -> None:
    """A cause of a cause of a cause."""
    error: Exception = ValueError("0")
    for number in range(50):
        error = raised(ValueError(str(number)), error)

    assert 3 == told(error).count("ValueError")


def test_deep_stacks_are_cut() -> None:
    """The places nearest to the mistake are kept."""

    def fall(depth: int) -> None:
        if depth == 0:
            raise ValueError("deep")
        fall(depth - 1)

    try:
        fall(100)
    except ValueError:
        line = told(sys.exc_info()[1] or ValueError())

    assert 11 == line.count(" > ")
