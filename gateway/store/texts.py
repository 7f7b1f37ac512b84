"""Which exchanges may hold a text? An index over the bodies of a day file, where `[store] full_text` asks for one.

It knows every three characters that follow each other in a body, and nothing of where. So what it finds may hold the
text, what it does not find does not; the bodies themselves decide. That is what a search without it says, only sooner.
"""

import msgspec

from gateway.journal.frame import Piece
from gateway.store.bodies import Stretches, join

# Contentless, without positions or sizes: 1.6 KB for an exchange of 2 KB, 10 KB for one of 200 KB.
SCHEMA = "CREATE VIRTUAL TABLE texts USING fts5(said, content='', columnsize=0, detail=none, tokenize='trigram');"
HAS_INDEX = "SELECT 1 FROM sqlite_master WHERE name = 'texts'"
INSERT = "INSERT INTO texts (rowid, said) VALUES (?, ?)"
# An index without contents must be told again what it is to forget.
FORGET = "INSERT INTO texts (texts, rowid, said) VALUES ('delete', ?, ?)"
FIND = "exchanges.seq IN (SELECT rowid FROM texts WHERE texts MATCH ?)"

_SHORTEST = 3
# So many of a long text's trigrams are looked up: more of them do not find less.
_LOOKED_UP = 64


def said(request: Stretches | None, response: Stretches | None) -> str:
    """Return what the bodies say, for the index."""
    parts = [data for body in (request, response) for _, data in body or ()]
    return "\n".join([part.decode("utf-8", "replace") for part in parts])


def said_by(request: list[Piece], response: list[Piece]) -> str:
    """Return what the bodies say that are about to be stored."""
    return said(join(request), join(response))


def wanted(text: str) -> str | None:
    """Write the question to the index for bodies that may hold a text; None: it is too short to be looked up."""
    if len(text) < _SHORTEST:
        return None
    return " OR ".join(f"({_all_of(needle)})" for needle in needles(text))


def needles(text: str) -> list[str]:
    """Return how a text may stand in a body: as it is, and as JSON writes it, with or without signs beyond ASCII."""
    return list(dict.fromkeys((text, msgspec.json.encode(text)[1:-1].decode(), _escaped(text))))


def _all_of(needle: str) -> str:
    trigrams = list(dict.fromkeys(needle[at : at + _SHORTEST] for at in range(len(needle) - _SHORTEST + 1)))
    quoted = [f'"{trigram.replace(chr(34), chr(34) * 2)}"' for trigram in trigrams[:_LOOKED_UP]]
    return " AND ".join(quoted)


def _escaped(text: str) -> str:
    r"""Write text as JSON encoders do that keep to ASCII: "é" as \u00e9."""
    units = text.encode("utf-16-be", "surrogatepass")
    codes = [int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2)]
    return "".join(chr(code) if code < 128 else f"\\u{code:04x}" for code in codes)
