"""How is a pattern run? By RE2, in linear time; what RE2 does not know, by Python, under the evaluator's time limit."""

import re
from typing import Any

import re2


def compiled(pattern: str, *, ignore_case: bool = False) -> Any:
    """Compile a pattern that RE2 knows; raise ValueError."""
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not ignore_case
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0]
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise ValueError(f"{pattern!r} is no regular expression that RE2 takes: {text}") from None


def compiled_somehow(pattern: str, *, ignore_case: bool = False) -> Any:
    """Compile a pattern, also with look-around and back references, which only Python knows; raise ValueError."""
    try:
        return compiled(pattern, ignore_case=ignore_case)
    except ValueError as no:
        try:
            return re.compile(pattern, re.IGNORECASE if ignore_case else 0)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from no
