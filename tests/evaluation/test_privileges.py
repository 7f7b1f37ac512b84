"""Another user for a plugin process, tried for real where the tests are root's."""

import os
from pathlib import Path

import pytest

from tests.evaluation.alone import alone

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")

DROP = """
import os
from gateway.evaluation import privileges
from gateway.evaluation.privileges import drop_user
def capabilities():
    status = open("/proc/self/status").read()
    return [int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("CapEff", "CapPrm"))]
"""


@as_root
def test_user_of_its_own_owns_its_folder_and_nothing_else(tmp_path: Path) -> None:
    """Neither root's rights nor groups are left; a file of root's that others may not write is not written."""
    file = tmp_path / "roots"
    file.touch()
    said = alone(
        f"""{DROP}
print(drop_user("{tmp_path}", [], confined=True))
assert os.getresuid() == (os.getuid(),) * 3 and os.getuid() >= privileges.FIRST_USER
assert os.getgroups() == [] and os.getgid() == os.getuid()
assert capabilities() == [4, 4], capabilities()  # to read, within what it is confined to
assert os.stat("{tmp_path}").st_uid == os.getuid()
try:
    open("{file}", "w")
except PermissionError:
    print("refused")
"""
    )

    assert said.startswith("a user of its own")
    assert said.endswith("refused")


@as_root
def test_where_another_user_could_not_read_python_roots_powers_go(tmp_path: Path) -> None:
    """Without a list of files to hold it to it stays root, of whom only the files are left."""
    secret = tmp_path / "plugin.py"
    secret.touch(mode=0o600)
    said = alone(
        f"""{DROP}
try:
    drop_user("{tmp_path}", ["{secret}"], confined=False)
except OSError as error:
    print(error)
assert capabilities() == [0, 0] and os.getuid() == 0
"""
    )

    assert "could not read" in said


def test_who_is_not_root_stays_who_he_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And hears what would be needed."""
    from gateway.evaluation.privileges import drop_user

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(OSError, match="own user"):
        drop_user(str(tmp_path), [], confined=True)
