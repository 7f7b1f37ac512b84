"""A package of somebody else, installed into a fresh environment, is found, checked and run there."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.gateway import Gateway, provider_tables, running, team_file, write_config
from tests.provider import answer, providing, until

LIMIT_S = 60.0
ANSWER = answer(
    b'{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"finish_reason":"stop","message":'
    b'{"role":"assistant","content":"Go away, you fool."}}],"usage":{"prompt_tokens":9,"completion_tokens":9}}'
)
# An operator allows what did not come with Tollway.
ALLOWED = '[[evaluators]]\nname = "politeness"\nuse = "politeness"\nparams = { words = ["fool"] }\n'
ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "tollway-politeness"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment that has what Tollway needs, by reference, and the example, really installed."""
    folder = tmp_path_factory.mktemp("fresh")
    source = folder / "source"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True, timeout=120)
    interpreter = environment / "bin" / "python"
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "tollway_of_the_test.pth").write_text(f"{ROOT}\n{sysconfig.get_path('purelib')}\n")
    install = [sys.executable, "-m", "pip", "--python", interpreter, "install", "-qq", "--no-deps", "--no-index"]
    offline = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run([*install, "--no-build-isolation", source], check=True, timeout=120, env=offline)
    return interpreter


def tollway(python: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command in that environment, from elsewhere."""
    command = [python, "-m", "gateway", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, capture_output=True, cwd=python.parent, env=environment, timeout=120, check=False)


def test_it_is_listed(python: Path) -> None:
    """With where it comes from, its scores and its parameters."""
    listed = [json.loads(line) for line in tollway(python, "plugin", "list", "--json").stdout.splitlines()]
    found: dict[str, Any] = next(each for each in listed if each["use"] == "politeness")

    assert "tollway-politeness==0.1.0" == found["distribution"]
    assert ["boolean", ".rude_words: numeric 0 to any, less is better"] == found["scores"]
    assert ["words", "most"] == [each["name"] for each in found["parameters"]]


def test_it_conforms(python: Path) -> None:
    """By its name, and with parameters; wrong ones are refused."""
    good = tollway(python, "plugin", "check", "politeness", "--params", '{"words": ["dolt"]}')
    bad = tollway(python, "plugin", "check", "politeness", "--params", '{"words": []}')

    assert (0, True) == (good.returncode, "It conforms." in good.stdout.decode())
    assert (1, True) == (bad.returncode, "params.words" in bad.stderr.decode())


def test_it_runs_in_a_gateway(python: Path, tmp_path: Path) -> None:
    """Traffic of a team that uses it is scored, in a process of its own."""
    with providing() as provider:
        provider.otherwise = lambda _: ANSWER
        team = team_file(more='[evaluation]\nevaluators = ["politeness"]\n')
        write_config(tmp_path, provider_tables({"openai": provider.url}), more=ALLOWED, teams={"search": team})
        with running(tmp_path, python) as run:
            run.post("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "hi"}]})
            judged = until(lambda: evaluations(run), "it is scored", LIMIT_S)

    assert [("politeness", "ok", False)] == [
        (each["evaluator"], each["result"], each["scores"][0]["passing"]) for each in judged
    ]


def evaluations(run: Gateway) -> list[dict[str, Any]]:
    """Return what was judged so far."""
    return list((run.api("/api/evaluations") or {}).get("evaluations", []))


def test_its_own_tests_pass(python: Path) -> None:
    """Also those of `assert_conforms`."""
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE / "tests")]
    done = subprocess.run(command, capture_output=True, cwd=python.parent, timeout=120, check=False)

    assert 0 == done.returncode, done.stdout.decode()
