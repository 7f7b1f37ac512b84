"""Where secrets lie: `env:NAME` in the environment, `file:PATH` in a file of its own."""

from collections.abc import Mapping
from pathlib import Path


class MissingSecret(Exception):
    """The secret is not where config says; the text tells where that is and never what is in it."""


def reveal(secret: str, env: Mapping[str, str], root: Path) -> str:
    """Fetch a secret; raise MissingSecret where there is none."""
    kind, _, place = secret.partition(":")
    value = _from_file(root / place, secret) if kind == "file" else env.get(place, "").strip()
    if not value:
        raise MissingSecret(f"{secret} is empty" if kind == "file" else f"the environment variable {place} is not set")
    if not (value.isascii() and value.isprintable()):
        raise MissingSecret(f"{secret} holds characters that cannot stand in a header")
    return value


def _from_file(path: Path, secret: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MissingSecret(f"{secret} cannot be read: {getattr(error, 'strerror', None) or 'not text'}") from error
