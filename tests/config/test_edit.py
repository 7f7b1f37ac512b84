"""Edit: keys come and go, everything else in a team's file stays."""

import re
import tomllib
from hashlib import sha256
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import edit
from gateway.config.load import parse, read

HANDMADE = """\
# ours
name = "search"   # yes

[models]
allow = [
    "fast",  # quick
]

# the build server
[[keys]]
name = "ci"
sha256 = "{a}"  # rotated in May

# Ada's laptop
[[keys]]
sha256 = "{b}"
name = "ada"
# end of keys

[logging]
max_body = "2 MiB"
""".format(a="ab" * 32, b="cd" * 32)


def keys_of(path: Path) -> list[str]:
    return [key["name"] for key in tomllib.loads(path.read_text()).get("keys", [])]


@pytest.fixture
def team(tmp_path: Path) -> Path:
    (tmp_path / "teams").mkdir()
    path = tmp_path / "teams" / "search.toml"
    path.write_text(HANDMADE)
    return path


def test_new_team_is_valid_and_its_key_opens(tmp_path: Path) -> None:
    """The file that is written passes the check, and holds only the key's hash."""
    key = edit.add_team(tmp_path, "search")
    config = parse(read(tmp_path / "config.toml", required=False), {}, tmp_path)

    (entry,) = config.teams["search"].keys

    assert sha256(key.encode()).hexdigest() == entry.sha256
    assert "default" == entry.name
    assert key not in (tmp_path / "teams" / "search.toml").read_text()


def test_every_line_of_a_new_team_can_be_switched_on(tmp_path: Path) -> None:
    """What stands there as a comment works: people take the sign away and expect that."""
    edit.add_team(tmp_path, "search")
    text = (tmp_path / "teams" / "search.toml").read_text()
    switched_on = re.sub(r"(?m)^# (?=\[|\w+ = )", "", text)

    team = parse({"teams/search.toml": switched_on}, {}).teams["search"]

    assert (["day", "loop"], 1) == ([budget.name or budget.window for budget in team.budgets], len(team.limits))
    assert ("search", False, ["gpt-4o*", "claude-*"]) == (team.name, team.forward_credentials, team.models.allow)


def test_keys_are_long_and_never_the_same() -> None:
    """256 random bits behind a prefix that secret scanners can look for."""
    keys = {edit.new_key()[0] for _ in range(100)}

    assert 100 == len(keys)
    assert {(46, "tw-")} == {(len(key), key[:3]) for key in keys}


def test_added_key_leaves_the_rest_byte_for_byte(team: Path) -> None:
    """Comments, order, spacing: a file of a team is the team's."""
    key = edit.add_key(team.parents[1], "search", "bob")
    before, _, after = HANDMADE.partition("# end of keys")
    entry = f'\n[[keys]]\nname = "bob"\nsha256 = "{sha256(key.encode()).hexdigest()}"\n'

    assert before + entry + "# end of keys" + after == team.read_text()


def test_revoked_key_takes_only_its_own_lines(team: Path) -> None:
    """The comment that follows a key is about what comes next."""
    edit.revoke_key(team.parents[1], "search", "ci")

    head, _, rest = HANDMADE.partition("[[keys]]")
    assert head + rest.partition("# rotated in May\n")[2] == team.read_text()
    assert ["ada"] == keys_of(team)


@given(st.lists(st.sampled_from("abcde"), max_size=12))
def test_any_order_of_changes_ends_with_the_right_keys(tmp_path_factory: pytest.TempPathFactory, names: str) -> None:
    """Naming a key adds it, naming it again revokes it; the file stays valid and its comments stay."""
    root = tmp_path_factory.mktemp("edits")
    edit.add_team(root, "t")
    path = root / "teams" / "t.toml"
    comments = [line for line in path.read_text().splitlines() if line.startswith("#")]
    expected = ["default"]
    for name in names:
        if name in expected:
            edit.revoke_key(root, "t", name)
            expected.remove(name)
        else:
            edit.add_key(root, "t", name)
            expected.append(name)

    assert expected == keys_of(path)
    assert comments == [line for line in path.read_text().splitlines() if line.startswith("#")]


def test_key_is_added_to_any_file_without_keys(team: Path) -> None:
    """Empty, or without a newline at its end."""
    for text in ("", 'name = "search"', "[logging]\n"):
        team.write_text(text)
        edit.add_key(team.parents[1], "search", "ci")

        assert ["ci"] == keys_of(team)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('keys = [{ name = "a", sha256 = "x" }]', "cannot edit: change its .* by hand"),
        ('note = """\n[[keys]]\n"""\n[[keys]]\nname = "a"', "cannot edit"),
        ("name = ", "is not valid TOML"),
    ],
)
def test_file_that_cannot_be_edited_safely_is_left_alone(text: str, message: str, team: Path) -> None:
    """What an edit would break is for a person to change."""
    team.write_text(text)

    with pytest.raises(edit.EditError, match=message):
        edit.revoke_key(team.parents[1], "search", "a")

    assert text == team.read_text()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("search", "there is a team 'search' already"),
        ("Search", "there is a team 'search' already"),
        ("../x", "letters"),
    ],
)
def test_team_that_cannot_be_made(name: str, message: str, team: Path) -> None:
    """Taken, also on file systems that know no case; or not a name."""
    with pytest.raises(edit.EditError, match=message):
        edit.add_team(team.parents[1], name)

    assert HANDMADE == team.read_text()


def test_key_that_cannot_be_made_or_revoked(team: Path) -> None:
    """The answer says what there is, or what to do."""
    root = team.parents[1]

    with pytest.raises(edit.EditError, match=r"has a key 'ci' already.* revoke --team search ci"):
        edit.add_key(root, "search", "ci")
    with pytest.raises(edit.EditError, match="'a b' cannot be the name of a key"):
        edit.add_key(root, "search", "a b")
    with pytest.raises(edit.EditError, match=r"Did you mean 'search'.*tollway team new serch"):
        edit.add_key(root, "serch", "x")
    with pytest.raises(edit.EditError, match=r"has no key 'zzz'. It has: ci, ada"):
        edit.revoke_key(root, "search", "zzz")
    with pytest.raises(edit.EditError, match="There are: search"):
        edit.revoke_key(root, "zzz", "ci")


def test_concurrent_edits_all_arrive(team: Path) -> None:
    """Two people make keys in the same moment: none is lost."""
    root = team.parents[1]
    threads = [Thread(target=edit.add_key, args=(root, "search", f"k{number}")) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {"ci", "ada", *(f"k{number}" for number in range(8))} == set(keys_of(team))
    assert [team] == list(team.parent.iterdir())


def test_link_and_mode_stay(team: Path, tmp_path: Path) -> None:
    """A linked file is changed where it lies; who may read it does not change."""
    real = tmp_path / "real.toml"
    team.rename(real)
    real.chmod(0o640)
    team.symlink_to(real)

    edit.add_key(tmp_path, "search", "bob")

    assert team.is_symlink()
    assert ["ci", "ada", "bob"] == keys_of(real)
    assert 0o640 == real.stat().st_mode & 0o777
