"""What a config says of evaluation, for commands: compiled, or every problem; names are completed from it."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli.evaluating import evaluating_if_well, evaluating_of
from gateway.cli.main import app
from gateway.cli.options import load
from tests.cli.desk import COMPANY, TEAM, Desk

BROKEN = COMPANY + '[[evaluators]]\nname = "mine"\nuse = "file:gone.py:Mine"\n'
JUDGED = COMPANY + (
    '[providers.local]\ndialect = "openai"\nbase_url = "http://127.0.0.1:9/v1"\nmodels = ["m"]\n'
    'prices = { "m" = { input = "1", output = "10" } }\n'
    '[[evaluators]]\nname = "helpful"\nuse = "llm_judge"\njudge = "m"\nbudget_usd_per_day = "1"\n'
    'params = { rubric = "Is it helpful?" }\n'
)


def test_compiles_what_the_files_say(tmp_path: Path) -> None:
    """Who evaluates what; and what a judge costs only where that is asked, so that no price stands in anybody's way."""
    desk = Desk(tmp_path, JUDGED, '[evaluation]\nevaluators = ["helpful"]\n')
    found = load(desk.config)

    assert ["helpful"] == [each.evaluator for each in evaluating_of(found).rules["search"]]
    assert 0 == evaluating_of(found).plugins["helpful"].cost_nano_usd
    # 2,000 tokens in, 300 out
    assert 5_000_000 == evaluating_of(found, with_prices=True).plugins["helpful"].cost_nano_usd


def test_problems_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And end the command; but they do not keep what is in the log from whoever reads it."""
    found = load(Desk(tmp_path, BROKEN).config)
    with pytest.raises(typer.Exit) as ended:
        evaluating_of(found)

    assert 1 == ended.value.exit_code
    assert "evaluators[0].use" in capsys.readouterr().err
    assert {} == evaluating_if_well(found).rules


@pytest.mark.parametrize(("begun", "expected"), [("", ["refusal", "slo"]), ("re", ["refusal"]), ("x", [])])
def test_names_are_completed_from_the_config(
    begun: str, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that a team uses, without asking anybody; of a config that is wrong none."""
    desk = Desk(tmp_path)
    for name, value in {
        "_TOLLWAY_COMPLETE": "complete_bash",
        "COMP_WORDS": f"tollway eval preview --config {desk.config} {begun}",
        "COMP_CWORD": "5",
    }.items():
        monkeypatch.setenv(name, value)

    assert expected == CliRunner().invoke(app, [], prog_name="tollway").stdout.split()
    for wrong in ("nonsense", BROKEN):
        desk.write(wrong, TEAM)
        assert [] == CliRunner().invoke(app, [], prog_name="tollway").stdout.split()
