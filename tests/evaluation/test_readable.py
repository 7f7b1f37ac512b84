"""What plugin processes can read: code, and not what lies beside it."""

import sys
import tempfile
from pathlib import Path

import pytest

from gateway.evaluation import landlock
from gateway.evaluation.readable import closed_to_others, code, rules_for


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the search path with code, a configuration and a data directory."""
    for name in ("package", "data", "teams", "installed-1.0.dist-info"):
        (tmp_path / name).mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    for name in ("module.py", "config.toml", "provider.key", "data/key.py"):
        (tmp_path / name).touch()
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    return tmp_path


def test_code_beside_a_configuration_is_told_from_it(checkout: Path) -> None:
    """Run from a checkout, the data directory and the keys lie in a folder that is imported from."""
    here = {path.name for path in code() if path.parent == checkout}

    assert {"package", "module.py", "installed-1.0.dist-info"} == here


def test_folders_of_the_search_path_are_listed_and_not_read(checkout: Path) -> None:
    """Python must see which modules there are."""
    rules = dict(rules_for("/own", ["/a/plugin.py"]))

    assert landlock.LIST == rules[checkout]
    assert checkout / "data" not in rules
    assert landlock.READ == rules[Path("/a/plugin.py")]
    assert landlock.WRITE & rules[Path("/own")] == landlock.WRITE
    assert [Path("/own"), Path("/dev/null")] == [
        path for path, rights in rules.items() if rights & landlock.WRITE & ~landlock.READ
    ]


def test_python_itself_is_readable() -> None:
    """The installation, and the one that a virtual environment was made of."""
    places = code()

    assert {Path(sys.prefix).resolve() / "lib", Path(sys.base_prefix).resolve() / "lib"} <= set(places)
    assert Path(sys.prefix).resolve() not in places


@pytest.mark.parametrize(
    ("mode", "parent", "closed"), [(0o644, 0o755, False), (0o640, 0o755, True), (0o644, 0o750, True)]
)
def test_who_else_may_read(mode: int, parent: int, closed: bool) -> None:
    """Every folder on the way counts."""
    with tempfile.TemporaryDirectory() as place:  # pytest's folders are closed to others
        Path(place).chmod(0o755)
        file = Path(place) / "folder" / "file"
        file.parent.mkdir()
        file.touch()
        file.chmod(mode)
        file.parent.chmod(parent)

        assert (file if closed else None) == closed_to_others([file])
        assert closed_to_others([file.parent / "nothing"]) is None
