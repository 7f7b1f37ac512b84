"""Changes to team files that commands make: comments and order stay, the file is replaced in one step."""

import contextlib
import fcntl
import os
import re
import secrets
import tempfile
import tomllib
from collections.abc import Iterator
from hashlib import sha256
from itertools import takewhile
from pathlib import Path
from typing import Any

from gateway.config.load import TEAMS, team_files
from gateway.config.problems import suggestion
from gateway.config.values import NAME_RULE, is_name

KEY_PREFIX = "tw-"
FIRST_KEY = "default"

_KEYS_HEAD = re.compile(r"\s*\[\[\s*keys\s*\]\]")

_NEW_TEAM = """\
# Team {name}: who may call, what, and what is kept of it. A change takes effect within a second.
name = "{name}"

# With x-tollway-key, let clients pay with their own provider credential (subscription log-ins of coding agents).
# forward_credentials = false

# The models that may be used, with wildcards; without this, all of them.
# [models]
# allow = ["gpt-4o*", "claude-*"]

# What may be spent, and how fast; `tollway check` shows all that holds.
# [[budgets]]
# limit_usd = "50.00"
# window = "day"         # a day of timezone = "UTC"
# [[budgets]]
# name = "loop"          # an agent that runs in circles stops by itself
# limit_requests = 300
# window = "rolling:24h"
# per = ["session"]
# [[limits]]
# requests_per_minute = 600
# concurrent = 64

# [logging]
# bodies = "full"        # "redacted": without secrets and personal details; "none": no prompts and answers
# max_body = "1 MiB"     # of each body; its end is kept too

# One table per key: `tollway key new --team {name} --name NAME` adds one, `tollway key revoke` removes it.
[[keys]]
name = "{key}"
sha256 = "{digest}"
"""


class EditError(Exception):
    """The change cannot be made; the text says why and what to do."""


def new_key() -> tuple[str, str]:
    """Make a key of 256 random bits; return it and its SHA-256, which is all that is kept."""
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    return key, sha256(key.encode()).hexdigest()


def add_team(root: Path, name: str) -> str:
    """Write teams/NAME.toml with a first key and return that key."""
    _check_name("team", name)
    path = root / TEAMS / f"{name}.toml"
    path.parent.mkdir(exist_ok=True)
    key, digest = new_key()
    with _locked(path.parent):
        # Where file names know no case, "Search" would be "search".
        for other in team_files(root):
            if other.stem.lower() == name.lower():
                raise EditError(f"there is a team '{other.stem}' already: {other}. Add a key with `tollway key new`")
        _replace(path, _NEW_TEAM.format(name=name, key=FIRST_KEY, digest=digest))
    return key


def add_key(root: Path, team: str, name: str) -> str:
    """Add a key to a team and return it."""
    _check_name("key", name)
    path = _team_file(root, team)
    key, digest = new_key()
    with _locked(path.parent):
        text, keys = _read(path)
        if any(each.get("name") == name for each in keys):
            raise EditError(
                f"team '{team}' has a key '{name}' already. Choose another name, or "
                f"`tollway key revoke --team {team} {name}` first"
            )
        entry = f'[[keys]]\nname = "{name}"\nsha256 = "{digest}"\n'
        _replace(path, _checked(path, _inserted(text, entry), [*keys, {"name": name, "sha256": digest}]))
    return key


def revoke_key(root: Path, team: str, name: str) -> None:
    """Remove a key from a team; from the next reload on nobody gets in with it."""
    path = _team_file(root, team)
    with _locked(path.parent):
        text, keys = _read(path)
        names = [str(each.get("name")) for each in keys]
        if name not in names:
            hint = suggestion(name, names) or f" It has: {', '.join(names) or 'none'}."
            raise EditError(f"team '{team}' has no key '{name}'.{hint}")
        at = names.index(name)
        _replace(path, _checked(path, _removed(text, at), [*keys[:at], *keys[at + 1 :]]))


def _spans(lines: list[str]) -> list[tuple[int, int]]:
    """Find the lines of each [[keys]] table: from its head to its last setting.

    What follows up to the next head, comments above all, is about the next thing and stays where it is; a TOML
    library takes it for a part of this table, and would delete it with the table.
    """
    spans = []
    for start, line in enumerate(lines):
        if _KEYS_HEAD.match(line):
            rest = takewhile(lambda number: not lines[number].lstrip().startswith("["), range(start + 1, len(lines)))
            settings = [number for number in rest if re.match(r"\s*[^\s#]", lines[number])]
            end = settings[-1] if settings else start
            spans.append((start, end + 1))
    return spans


def _inserted(text: str, entry: str) -> str:
    lines = text.splitlines(keepends=True)
    spans = _spans(lines)
    at = spans[-1][1] if spans else len(lines)
    if lines and not lines[at - 1].endswith("\n"):
        lines[at - 1] += "\n"
    return "".join([*lines[:at], "\n" if lines else "", entry, *lines[at:]])


def _removed(text: str, index: int) -> str:
    lines = text.splitlines(keepends=True)
    spans = _spans(lines)
    if index >= len(spans):
        return text  # not written as [[keys]]: _checked will say so
    start, end = spans[index]
    if start and not lines[start - 1].strip():
        start -= 1  # the blank line above goes too
    return "".join(lines[:start] + lines[end:])


def _checked(path: Path, text: str, keys: list[Any]) -> str:
    """Make sure that the edit did what it should, whatever the file looked like, before anybody reads it."""
    try:
        right = tomllib.loads(text).get("keys", []) == keys
    except tomllib.TOMLDecodeError:
        right = False
    if not right:
        raise EditError(f"{path} is written in a way that this command cannot edit: change its [[keys]] by hand")
    return text


def _check_name(what: str, name: str) -> None:
    if not is_name(name):
        raise EditError(f"'{name}' cannot be the name of a {what}: {NAME_RULE}")


def _team_file(root: Path, team: str) -> Path:
    found = {path.stem: path for path in team_files(root)}
    if team not in found:
        hint = suggestion(team, found) or f" There are: {', '.join(found) or 'none'}."
        raise EditError(f"there is no team '{team}'.{hint} Make it with `tollway team new {team}`")
    return found[team]


def _read(path: Path) -> tuple[str, list[Any]]:
    try:
        text = path.read_bytes().decode()
        return text, tomllib.loads(text).get("keys", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EditError(
            f"{path} is not valid TOML: {error}. Mend it first; `tollway check` shows everything"
        ) from error


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder, so that of two commands at once neither undoes the other's change."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, text: str) -> None:
    """Put a text in the place of a file: a reader sees the old one or the new one, also after a power cut."""
    real = path.resolve()  # a link stays a link
    mode = real.stat().st_mode & 0o777 if real.exists() else 0o644
    descriptor, temporary = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(temporary).replace(real)
    except BaseException:
        Path(temporary).unlink()
        raise
    folder = os.open(real.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
