"""Which files a parameter may name: those below `evaluation/` beside config.toml, by whatever name."""

from pathlib import Path

import pytest

from gateway.evaluation.named_files import EVALUATION_FOLDER, Outside, named_file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of configuration: a secret beside `evaluation/`, and links in it."""
    folder = tmp_path / EVALUATION_FOLDER
    (folder / "deep").mkdir(parents=True)
    (tmp_path / "secret").write_text("sk-secret")
    (folder / "deep" / "rubric.md").write_text("Good?")
    (folder / "inside").symlink_to("deep/rubric.md")
    (folder / "outside").symlink_to("../secret")
    (folder / "circle").symlink_to("circle")
    return tmp_path


@pytest.mark.parametrize(
    "name", ["evaluation/deep/rubric.md", "evaluation/inside", "./evaluation/../evaluation/inside"]
)
def test_what_is_below_is_named(root: Path, name: str) -> None:
    """A link stands for the file that it leads to, which is the one that is read."""
    assert (root / "evaluation" / "deep" / "rubric.md").resolve() == named_file(str(root), name)


@pytest.mark.parametrize(
    "name",
    ["secret", "config.toml", "evaluation/../secret", "evaluation/outside", "evaluation-other/x", "../x", "/etc/passwd",
     "evaluation/a\0b", ""],
)  # fmt: skip
def test_nothing_else_is(root: Path, name: str) -> None:
    """Neither beside it nor above, nor by a link out of it."""
    with pytest.raises(Outside):
        named_file(str(root), name)


def test_the_folder_itself_is_no_way_out(tmp_path: Path) -> None:
    """Where `evaluation` is a link, what it leads to is not below."""
    (tmp_path / "secret").write_text("sk-secret")
    (tmp_path / EVALUATION_FOLDER).symlink_to(".")

    with pytest.raises(Outside):
        named_file(str(tmp_path), "evaluation/secret")
