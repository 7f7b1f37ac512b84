"""Only what looks at exchanges can be tried and run on the past, and whoever asks is told beforehand."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.evaluation.backfills import NotOfExchanges, refuse_other_units
from gateway.evaluation.protocol import Loaded
from gateway.evaluation.queue import Queue
from gateway.policies.evaluating import Plugin
from tests.evaluation.looking import evaluating, rule
from tests.records import NOON_MS


def test_what_the_evaluator_found_out_is_known(tmp_path: Path) -> None:
    """Nothing is loaded for that; the newest counts."""
    queue = Queue(tmp_path)
    for number, unit in enumerate(("exchange", "conversation")):
        queue.define(f"f{number}", Loaded(evaluator="mine", unit=unit), None, NOON_MS + number)
    queue.define("p", Loaded(evaluator="two", unit="pair"), None, NOON_MS)
    queue.define("x", Loaded(evaluator="one"), None, NOON_MS)
    queue.close()
    config = evaluating(rule("mine"), rule("two"), rule("one"))
    refuse_other_units(tmp_path, config, ["one"])

    for name, unit in (("mine", "conversations"), ("two", "pairs")):
        with pytest.raises(NotOfExchanges, match=f"{name} looks at {unit}: "):
            refuse_other_units(tmp_path, config, ["one", name])


def test_before_the_first_start_a_process_is_asked(tmp_path: Path) -> None:
    """One that cannot be loaded is let pass: what is wrong with it is told elsewhere."""
    plugins = {"talk": Plugin("talk", "conversation_outcome"), "none": Plugin("none", "no_such")}
    config = evaluating(rule("refusal"), rule("talk"), rule("none"), plugins=plugins)
    refuse_other_units(tmp_path, config, ["refusal", "none"])

    with pytest.raises(NotOfExchanges, match="talk looks at conversations: "):
        refuse_other_units(tmp_path, config, ["talk"])


@pytest.mark.parametrize("command", [["preview"], ["backfill", "--yes"]])
def test_commands_say_so(command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of a number that means nothing, or of a run that the evaluator refuses later."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams" / "search.toml").write_text('[evaluation]\nevaluators = ["conversation_outcome"]\n')
    told = CliRunner().invoke(app, ["eval", *command, "conversation_outcome"])

    assert (1, "") == (told.exit_code, told.stdout)
    assert "conversation_outcome looks at conversations: " in told.stderr
