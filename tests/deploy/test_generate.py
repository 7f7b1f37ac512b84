"""The files that ship are those that the source makes."""

import re
import subprocess
import sys

from deploy.generate import ROOT, files, main
from deploy.source.provisioning import DASHBOARDS_PROVIDER
from tests.deploy.tools import program
from tests.test_docs import FORBIDDEN


def test_files_are_what_the_source_makes() -> None:
    """Nobody edited a generated file, and nobody forgot to generate."""
    made = files()

    assert {name: True for name in made} == {name: (ROOT / name).read_text() == text for name, text in made.items()}


def test_check_tells_what_is_stale() -> None:
    """`python -m deploy.generate --check` is the same test for people."""
    command = [sys.executable, "-m", "deploy.generate", "--check"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (0, "") == (ran.returncode, ran.stderr)
    assert 2 == main(["--what"])


def test_every_file_that_ships_is_made() -> None:
    """What is no longer made does not stay behind."""
    kept = {"deploy/compose.yml"}
    there = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "deploy").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }

    assert there == {name for name in files() if name.startswith("deploy/")} | kept


def test_files_are_about_the_project_only() -> None:
    """Nothing that ships names the place where it was written."""
    texts = [path.read_text() for path in (ROOT / "deploy").rglob("*") if path.is_file() and path.suffix != ".pyc"]

    assert [] == [pattern.pattern for pattern in FORBIDDEN for text in texts if pattern.search(text)]


def test_compose_file_mounts_what_is_there() -> None:
    """Paths exist, options are Prometheus', and both agree with the files that they mount."""
    text = (ROOT / "deploy" / "compose.yml").read_text()
    mounts = re.findall(r"- (\./[\w/]+):([\w/]+):ro", text)
    options = re.findall(r"- --([a-z.-]+)=", text)
    known = subprocess.run([program("prometheus"), "--help"], capture_output=True, text=True, check=False)
    dashboards_path = DASHBOARDS_PROVIDER["providers"][0]["options"]["path"]

    assert 3 == len(mounts)
    assert all((ROOT / "deploy" / source).is_dir() for source, _ in mounts)
    assert ("./grafana", dashboards_path) in mounts
    assert all(f"--{option}=" in known.stdout + known.stderr for option in options)
    assert f"cp deploy/grafana/*.json {dashboards_path}/" in (ROOT / "docs" / "monitoring.md").read_text()
