"""Which file does `{file = "PATH"}` of a parameter mean? One below `evaluation/` beside config.toml, or none.

Whoever writes a team's file may name it, and what is in it can reach a judge or a score: so no secret stands there.
"""

from pathlib import Path
from typing import Final

EVALUATION_FOLDER: Final = "evaluation"


class Outside(Exception):
    """The file that is named may not be read."""


def named_file(root: str, name: str) -> Path:
    """Return the file, with every link followed: what is checked here is what is read. Raises Outside."""
    try:
        folder = Path(root).resolve() / EVALUATION_FOLDER
        path = (folder.parent / name).resolve()
    except (OSError, ValueError, RuntimeError) as error:  # links in a circle, a NUL
        raise Outside(f"{name!r} is no path: {error}") from None
    if not path.is_relative_to(folder):
        raise Outside(f"{path} is not below {folder}: put it there")
    return path
