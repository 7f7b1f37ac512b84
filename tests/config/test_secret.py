"""Secrets: where they lie, and that messages never hold them."""

from pathlib import Path

import pytest

from gateway.config.secret import MissingSecret, reveal


def test_secret_comes_from_environment_or_file(tmp_path: Path) -> None:
    """Spaces and the newline that editors add do not belong to a key; a file's path is relative to the config."""
    (tmp_path / "key").write_text("sk-file\n")

    assert "sk-env" == reveal("env:KEY", {"KEY": " sk-env\n"}, tmp_path)
    assert "sk-file" == reveal("file:key", {}, tmp_path)
    assert "sk-file" == reveal(f"file:{tmp_path}/key", {}, Path("/"))


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        ("env:ABSENT", "the environment variable ABSENT is not set"),
        ("env:BLANK", "the environment variable BLANK is not set"),
        ("env:BAD", "env:BAD holds characters that cannot stand in a header"),
        ("file:absent", "file:absent cannot be read: No such file"),
        ("file:blank", "file:blank is empty"),
        ("file:binary", "file:binary cannot be read: not text"),
        ("file:two", "file:two holds characters"),
    ],
)
def test_missing_secret_is_named_and_not_shown(secret: str, message: str, tmp_path: Path) -> None:
    """What cannot be sent in a header would fail at the first request, far from its cause."""
    (tmp_path / "blank").write_text(" \n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "two").write_text("sk-one\nsk-two")

    with pytest.raises(MissingSecret, match=message) as caught:
        reveal(secret, {"BLANK": " ", "BAD": "sk-é"}, tmp_path)

    assert "sk-" not in str(caught.value)
