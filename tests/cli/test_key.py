"""`tollway key`: made, listed, revoked."""

from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.config import edit
from gateway.config.load import parse, read


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").touch()
    edit.add_team(tmp_path, "search")
    edit.add_team(tmp_path, "web")
    return tmp_path


def run(root: Path, *words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["key", *words, "--config", str(root / "config.toml")])
    return result.exit_code, result.stdout, result.stderr


def names(root: Path, team: str) -> list[str]:
    return [key.name for key in parse(read(root / "config.toml"), {}).teams[team].keys]


def test_new_key_opens_and_is_shown_once(root: Path) -> None:
    """On stdout the key alone; in the file its hash."""
    status, out, _ = run(root, "new", "--team", "search", "--name", "ci")
    keys = parse(read(root / "config.toml"), {}).teams["search"].keys

    assert 0 == status
    assert [("ci", sha256(out.strip().encode()).hexdigest())] == [(key.name, key.sha256) for key in keys[1:]]
    assert out.strip() not in run(root, "list", "--json")[1]


def test_json_of_a_new_and_a_revoked_key(root: Path) -> None:
    """One object each."""
    new = msgspec.json.decode(run(root, "new", "--team", "web", "--name", "ci", "--json")[1])
    gone = msgspec.json.decode(run(root, "revoke", "--team", "web", "ci", "--json")[1])

    assert ("web", "ci", "tw-") == (new["team"], new["name"], new["key"][:3])
    assert {"team": "web", "name": "ci", "revoked": True} == gone


def test_list_of_all_keys_or_of_one_team(root: Path) -> None:
    """People see a table, scripts one object a line."""
    edit.add_key(root, "search", "ci")
    lines = [msgspec.json.decode(line) for line in run(root, "list", "--json")[1].splitlines()]

    assert [("search", "default"), ("search", "ci"), ("web", "default")] == [
        (row["team"], row["name"]) for row in lines
    ]
    assert 64 == len(lines[0]["sha256"])
    assert "ci" in run(root, "list")[1]
    assert "search" not in run(root, "list", "--team", "web")[1]


def test_list_without_keys_says_what_to_do(root: Path) -> None:
    """Also for a team that has none."""
    edit.revoke_key(root, "web", "default")

    assert "tollway key new --team" in run(root, "list", "--team", "web")[1].replace("\n", " ")


def test_revoked_key_is_gone(root: Path) -> None:
    """And only that one."""
    edit.add_key(root, "search", "ci")
    status, out, _ = run(root, "revoke", "--team", "search", "default")

    assert (0, "revoked key 'default' of team 'search'\n") == (status, out)
    assert ["ci"] == names(root, "search")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["new", "--team", "serch", "--name", "x"], "there is no team 'serch'. Did you mean 'search'?"),
        (["new", "--team", "search", "--name", "default"], "has a key 'default' already"),
        (["new", "--team", "search", "--name", "a b"], "cannot be the name of a key"),
        (["revoke", "--team", "search", "zzz"], "has no key 'zzz'. It has: default"),
        (["revoke", "--team", "zzz", "x"], "There are: search, web"),
        (["list", "--team", "zzz"], "there is no team 'zzz'. There are: search, web"),
    ],
)
def test_wrong_names_are_refused_with_the_right_ones(root: Path, words: list[str], said: str) -> None:
    """Status 1, nothing on stdout, nothing changed."""
    status, out, err = run(root, *words)

    assert (1, "") == (status, out)
    assert said in err
    assert ["default"] == names(root, "search")


def test_keys_beside_a_config_that_is_not_there_stay(root: Path) -> None:
    """A mistyped --config must not change the teams of another one."""
    (root / "config.toml").unlink()

    for words in (["new", "--team", "search", "--name", "ci"], ["revoke", "--team", "search", "default"]):
        status, _, err = run(root, *words)
        assert 1 == status
        assert "no such file" in err
    assert [path.read_text().count("[[keys]]") for path in (root / "teams").iterdir()] == [1, 1]


def test_change_that_a_running_gateway_will_not_take_is_said(root: Path) -> None:
    """A problem elsewhere keeps the whole config back: a revoked key would go on working."""
    (root / "teams" / "web.toml").write_text("nonsense = 1")
    status, _, err = run(root, "revoke", "--team", "search", "default")

    assert 0 == status
    assert "1 problem, so a running gateway keeps the one before" in err
