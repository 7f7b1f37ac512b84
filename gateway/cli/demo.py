"""`tollway demo`: everything at once on one machine, with a real model and no API key."""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import msgspec
import typer
from rich.console import Console

from gateway.cli import demo_model
from gateway.cli.demo_gateway import (
    EVALUATORS,
    JUDGED,
    TEAM,
    DemoFailed,
    Place,
    command_line,
    fetch,
    log_tail,
    start_gateway,
    stop,
    tollway,
    until,
    wait_until_ready,
    write_config,
)

CALL_COUNT = 5
DAY_BUDGET = "demo/daily"
# The first counts the calls of the team; other exchanges are the judge's.
SHOWN_METRICS = (
    f'tollway_team_requests_total{{outcome="ok",team="{TEAM}"', "tollway_requests_total{", "tollway_tokens_total{",
    "tollway_cost_usd_total{",
)  # fmt: skip
# The promise is one second; the rest is for a machine that is busy with a language model.
LOG_LIMIT_S = 15.0
SCORE_LIMIT_S = 120.0
ENDS = ("n_ok", "n_skipped", "n_error")


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="End after the last step instead of serving until Ctrl-C.")
    ] = False,
) -> None:
    """Start a local model and a gateway in front of it, call it with real SDKs, show logs, cost, budgets, metrics."""
    console = Console()
    missing = demo_model.missing_wheels()
    if missing:
        console.print(f"not installed: {', '.join(missing)}. Run:\n  {demo_model.ADVICE}", markup=False)
        raise typer.Exit(1)
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell lets what runs in the background ignore Ctrl-C
        signal.signal(number, _interrupt)
    try:
        with ExitStack() as cleanup:
            _run(console, cleanup, once=once)
    except (DemoFailed, demo_model.ModelFailed) as failure:
        console.print("\n[bold red]The demo failed.[/]")
        console.print(str(failure), markup=False, highlight=False)
        raise typer.Exit(1) from failure
    except KeyboardInterrupt:
        console.print("\nstopped")


def _run(console: Console, cleanup: ExitStack, *, once: bool) -> None:
    folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="tollway-demo-")))

    _step(console, 1, "A real model on this machine (SmolLM2-135M-Instruct, llama.cpp)")
    model = demo_model.LocalModel.start(folder / "model.log")
    cleanup.callback(model.stop)
    console.print(f"  serving at {model.url}", highlight=False)

    _step(console, 2, "A configuration: two providers, one team with one key and two budgets")
    place = write_config(folder, model.url)
    console.print(f"  {place.config}\n  {place.folder / 'teams' / 'demo.toml'}", highlight=False)

    _step(console, 3, "The gateway")
    gateway = start_gateway(place)
    cleanup.callback(stop, gateway)
    wait_until_ready(place, gateway)
    console.print(f"  agents: {place.url}    people and Prometheus: {place.admin_url}", highlight=False)

    _step(console, 4, "An agent: the openai and anthropic SDKs, base_url set to the gateway")
    call_models(place)

    _step(console, 5, "The books: calls, costs, budgets, and what Prometheus sees")
    rows = wait_for_rows(place)
    check_rows(rows)
    show(place, "logs", "--team", TEAM)
    show(place, "spend")
    wait_for_budgets(place, rows)
    show(place, "budget", "list")
    for line in metric_lines(place):
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)

    _step(console, 6, "The scores: what evaluators and a judge say of each answer")
    wait_for_scores(place)
    show(place, "eval", "report")
    show(place, "logs", "--team", TEAM, "--scores")
    console.print("  The judge is this very small model: its verdicts show the path, not the truth.", highlight=False)

    _step(console, 7, "Your own agent")
    console.print(connections(place), markup=False, highlight=False, soft_wrap=True)
    if not once:
        console.print("\nServing until Ctrl-C. Everything is removed then.")
        raise DemoFailed(f"the gateway ended by itself with status {gateway.wait()}\n{log_tail(place)}")
    console.print("\n[bold green]All steps passed.[/]")


def call_models(place: Place) -> None:
    """Run the agent. Raises DemoFailed with what its SDKs raised."""
    agent = subprocess.run(
        [sys.executable, "-m", "gateway.cli.demo_calls"],
        env=agent_environment(place),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if agent.returncode:
        raise DemoFailed(f"{agent.stderr.strip()}\n{log_tail(place)}")


def agent_environment(place: Place) -> dict[str, str]:
    """Return the agent's environment: ours, without a person's own settings for the SDKs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "ANTHROPIC_"))}
    return kept | {
        "TOLLWAY_DEMO_URL": place.url,
        "TOLLWAY_DEMO_KEY": place.key,
        "TOLLWAY_DEMO_MODEL": demo_model.MODEL,
        "NO_PROXY": "127.0.0.1",
    }


def wait_for_rows(place: Place) -> list[dict[str, object]]:
    """Read the log until it holds every call (a finished exchange is visible within about a second)."""
    rows: list[dict[str, object]] = []

    def complete() -> bool:
        rows[:] = [msgspec.json.decode(line) for line in tollway(place, "logs", "--team", TEAM, "--json").splitlines()]
        return len(rows) >= CALL_COUNT

    until(complete, LOG_LIMIT_S)
    return rows


def check_rows(rows: list[dict[str, object]]) -> None:
    """Compare the log with what was done. Raises DemoFailed."""
    if len(rows) != CALL_COUNT:
        raise DemoFailed(f"{CALL_COUNT} calls were made, the log has {len(rows)} rows")
    for row in rows:
        usage = row["usage"]
        if row["outcome"] != "ok" or not isinstance(usage, dict):
            raise DemoFailed(f"exchange {row['id']} is {row['outcome']} ({row['error']}), usage {usage}")
        if not (usage["input_total"] > 0 and usage["output_total"] > 0):
            raise DemoFailed(f"exchange {row['id']} has no tokens: {usage}")
        if not isinstance(row["cost_nano_usd"], int) or row["cost_nano_usd"] <= 0:
            raise DemoFailed(f"exchange {row['id']} costs {row['cost_nano_usd']} nano-USD")


def wait_for_budgets(place: Place, rows: list[dict[str, object]]) -> None:
    """Wait until the day's budget has heard of everything (workers tell within seconds). Raises DemoFailed."""
    cost = sum(cost for row in rows if isinstance(cost := row["cost_nano_usd"], int))
    spent: list[int] = []

    def told() -> bool:
        budgets = [msgspec.json.decode(line) for line in tollway(place, "budget", "list", "--json").splitlines()]
        spent[:] = [
            balance["spent_nano_usd"] for one in budgets if one["id"] == DAY_BUDGET for balance in one["balances"]
        ]
        return spent == [cost]

    if not until(told, LOG_LIMIT_S):
        raise DemoFailed(f"the calls cost {cost} nano-USD, the budget's balances have {spent}")


def wait_for_scores(place: Place) -> None:
    """Wait until every evaluator has looked at every call, the judge once. Raises DemoFailed."""
    found: dict[str, int] = {}

    def complete() -> bool:
        lines = [msgspec.json.decode(line) for line in tollway(place, "eval", "report", "--json").splitlines()]
        found.update({line["name"]: line["n_ok"] for line in lines})
        # A judge may say that it cannot judge: one as small as this does now and then.
        found.update({line["name"]: sum(line[n] for n in ENDS) for line in lines if line["name"] == JUDGED})
        return all(found.get(name) == CALL_COUNT for name in EVALUATORS)

    if not until(complete, SCORE_LIMIT_S):
        raise DemoFailed(f"{CALL_COUNT} scores of each evaluator were expected, there are {found}\n{log_tail(place)}")
    calls = tollway(place, "logs", "--team", "evaluation", "--json").splitlines()
    if len(calls) > CALL_COUNT:
        raise DemoFailed(f"{CALL_COUNT} answers were judged with {len(calls)} calls")


def metric_lines(place: Place) -> list[str]:
    """Return a few lines of /metrics. Raises DemoFailed if they do not count the calls."""
    text = fetch(f"{place.admin_url}/metrics") or ""
    lines = [line for line in text.splitlines() if line.startswith(SHOWN_METRICS)]
    counted = sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(SHOWN_METRICS[0]))
    if counted != CALL_COUNT:
        raise DemoFailed(f"{CALL_COUNT} calls were made, {place.admin_url}/metrics counts {counted:.0f}")
    return [line for line in lines if not line.endswith(" 0.0")]  # what may happen begins at 0


def show(place: Place, *words: str) -> None:
    """Run a command of ours as a person would, on this terminal."""
    sys.stdout.flush()
    if subprocess.run(command_line(place, *words), check=False).returncode:
        raise DemoFailed(f"tollway {' '.join(words)} failed")


def connections(place: Place) -> str:
    """Say how common agents are pointed at the gateway."""
    url, key, model = place.url, place.key, demo_model.MODEL
    codex = f'{{name="Tollway", base_url="{url}/v1", env_key="TOLLWAY_KEY", wire_api="responses"}}'
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}'
    return f"""\
  openai       OpenAI(base_url="{url}/v1", api_key="{key}")
  anthropic    Anthropic(base_url="{url}", api_key="{key}")
  LangChain    ChatOpenAI(base_url="{url}/v1", api_key="{key}", model="{model}")
  Claude Code  ANTHROPIC_BASE_URL={url} ANTHROPIC_AUTH_TOKEN={key} ANTHROPIC_MODEL={model} claude
  Codex        TOLLWAY_KEY={key} codex -m {model} -c model_provider=tollway -c 'model_providers.tollway={codex}'
  curl         curl {url}/v1/chat/completions -H 'Authorization: Bearer {key}' --json '{body}'"""


def _step(console: Console, number: int, title: str) -> None:
    console.print(f"\n[bold]{number}/7  {title}[/]", highlight=False)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
