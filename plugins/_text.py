"""How a text is read: its words, its prose without code and data, and no more of it than MOST_BYTES."""

import re
import unicodedata
from typing import Any, Final

MOST_BYTES: Final = 262_144

_WORD: Final = re.compile(r"\w+")
_FENCED: Final = re.compile(r"^[ ]{0,3}(```|~~~).*?(?:^[ ]{0,3}\1[^\n]*$|\Z)", re.MULTILINE | re.DOTALL)
_TABLE_LINE: Final = re.compile(r"^[ ]{0,3}\|.*$", re.MULTILINE)
_LONG_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{80,}={0,2}")


def capped(text: str) -> tuple[str, dict[str, Any]]:
    """Return as much of a text as is looked at, and what to say in the evidence when that is not all."""
    if len(text) * 4 <= MOST_BYTES:
        return text, {}
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= MOST_BYTES:
        return text, {}
    return data[:MOST_BYTES].decode("utf-8", "ignore"), {"truncated_input": True}


def normal(text: str) -> str:
    """Return a text in one spelling: compatibility characters composed, without case."""
    return unicodedata.normalize("NFKC", text).casefold()


def words(text: str) -> list[str]:
    """Split a text into its words, in one spelling."""
    return _WORD.findall(normal(text))


def prose(text: str) -> str:
    """Return a text without code in fences, tables and base64, which repeat themselves by their nature."""
    text = _TABLE_LINE.sub("", _FENCED.sub("", text))
    return _LONG_RUN.sub(lambda found: "" if _is_data(found.group()) else found.group(), text)


def _is_data(run: str) -> bool:
    """Base64 mixes digits and both cases; a long line of dashes or one letter does not."""
    return any(map(str.isdigit, run)) and any(map(str.isupper, run)) and any(map(str.islower, run))
