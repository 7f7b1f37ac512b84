"""Evaluation beside traffic: scores are complete and single whoever is killed, and bad plugins cost only themselves."""

import contextlib
import json
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench import hostile_plugins
from bench.hostile_plugins import HOSTILE
from tests.faults.harness import Load, is_alive, played, processes
from tests.gateway import Gateway, standing_before, team_file
from tests.provider import Answer, Asked, answer, providing, until

KILLS = int(os.environ.get("TOLLWAY_KILLS", "8"))
MIX = [(0, 0), (8, 0), (0, 0)]
SHIPPED = ["json_valid", "truncated", "empty_answer", "refusal"]
LIMIT_S = 150.0
PRICES = '{ "gpt-4o-mini" = { input = "0.15", output = "0.60" } }'

BAD = {name.lower(): name for name in HOSTILE}


def uses(*names: str) -> str:
    """Write a team's file that has all its exchanges looked at."""
    return team_file(more=f"[evaluation]\nsample = 1.0\nevaluators = {json.dumps(names)}\n")


def evaluations(run_or_folder: Path) -> Counter[tuple[str, str]]:
    """Count the evaluations of each exchange by each evaluator, as the day files hold them."""
    found: Counter[tuple[str, str]] = Counter()
    for path in sorted((run_or_folder / "data" / "store").glob("????-??-??.db")):
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as sql:
            rows = sql.execute(
                "SELECT hex(exchange), strata.evaluator, result FROM evaluations JOIN strata USING (stratum)"
            )
            found.update((exchange, f"{name} {result}") for exchange, name, result in rows)
    return found


def exchanges(folder: Path) -> set[str]:
    """Return the exchanges that the day files hold."""
    found: set[str] = set()
    for path in sorted((folder / "data" / "store").glob("????-??-??.db")):
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as sql:
            found.update(key for (key,) in sql.execute("SELECT hex(id) FROM exchanges"))
    return found


def is_complete(folder: Path, names: list[str]) -> bool:
    """Whether every exchange was looked at by each of them."""
    found = evaluations(folder)
    looked = {(exchange, word.partition(" ")[0]) for exchange, word in found}
    return all((exchange, name) in looked for exchange in exchanges(folder) for name in names)


def wait_until_complete(folder: Path, names: list[str]) -> None:
    """Look now and then: the evaluator has the lowest priority, and a look costs as much as its work."""
    end = time.monotonic() + LIMIT_S
    while not (exchanges(folder) and is_complete(folder, names)):
        assert time.monotonic() < end, f"not all is evaluated: {evaluations(folder).total()}"
        time.sleep(0.5)


def evaluator_is_up(run: Gateway) -> bool:
    """Whether it has told that it is ready."""
    return "child=evaluator" in run.said().replace('"', "") and "evaluator" in processes(run)


def test_traffic_becomes_scores(tmp_path: Path) -> None:
    """From a request to a score in the log, by plugins in processes of their own; the process says what it is."""
    with (
        providing(played) as provider,
        standing_before(provider, tmp_path, ["openai"], teams={"search": uses(*SHIPPED)}) as run,
    ):
        until(lambda: evaluator_is_up(run), "the evaluator is up", LIMIT_S)
        with Load(run.port, 4, MIX) as load:
            load.more(40)
            load.stop()
        wait_until_complete(tmp_path, SHIPPED)
        metrics = run.metrics()
        assert 0 == run.stop()

    found = evaluations(tmp_path)
    assert {1} == set(found.values())
    assert len(exchanges(tmp_path)) * len(SHIPPED) == len(found)
    assert {"ok", "skipped"} >= {word.partition(" ")[2] for _, word in found}
    assert "tollway_evaluator_up 1.0" in metrics
    assert 'tollway_eval_quarantined{evaluator="refusal"} 0.0' in metrics


def test_judge_is_asked_once_for_each_exchange_and_its_calls_are_not_judged(tmp_path: Path) -> None:
    """Through the gateway itself, as a team of its own: at 100 % sampling it comes to an end, and its cost is known."""
    more = '[[evaluators]]\nname = "helpful"\nuse = "llm_judge"\njudge = "gpt-4o-mini"\n[evaluators.params]\n'
    more += 'rubric = "Is the answer of any use?"\n'
    with (
        providing(judging) as provider,
        standing_before(
            provider, tmp_path, ["openai"], more=more, teams={"search": uses("helpful")}, prices=PRICES
        ) as run,
    ):
        until(lambda: evaluator_is_up(run), "the evaluator is up", LIMIT_S)
        with Load(run.port, 2, MIX) as load:
            load.more(12)
            load.stop()
        until(lambda: evaluations(tmp_path), "something is evaluated", LIMIT_S)
        asked = len(run.rows(team="search"))
        until(lambda: len(evaluations(tmp_path)) >= asked, "all is evaluated", LIMIT_S)
        judged = run.wait_rows(asked, team="evaluation")
        assert 0 == run.stop()

    found = evaluations(tmp_path)
    assert {"helpful ok"} == {word for _, word in found}
    assert asked == len(found) == len(judged)
    assert {"helpful"} == {row["key"] for row in judged}
    assert sum(row["cost_nano_usd"] for row in judged) == judges_cost(tmp_path) > 0


def test_reload_turns_evaluation_on_and_off(tmp_path: Path) -> None:
    """Without a use of it there is no process; a team's file begins it, and ends it."""
    with providing(played) as provider, standing_before(provider, tmp_path, ["openai"]) as run:
        assert "evaluator" not in processes(run)
        (tmp_path / "teams" / "search.toml").write_text(uses("truncated"))
        until(lambda: evaluator_is_up(run), "the evaluator is up", LIMIT_S)
        pid = processes(run)["evaluator"]
        (tmp_path / "teams" / "search.toml").write_text(team_file())
        until(lambda: not is_alive(pid), "the evaluator has gone", LIMIT_S)
        assert "evaluator" not in processes(run)
        assert 0 == run.stop()


@pytest.mark.slow
def test_killed_evaluator_and_recorder_lose_and_double_no_score(tmp_path: Path) -> None:
    """Whenever it happens: every exchange has each of its evaluations once."""
    names = [*SHIPPED, "slo_fast"]
    more = '[[evaluators]]\nname = "slo_fast"\nuse = "slo"\n[evaluators.params]\nlatency_ms = 1000\n'
    with (
        providing(played) as provider,
        standing_before(provider, tmp_path, ["openai"], more=more, teams={"search": uses(*names)}) as run,
    ):
        until(lambda: evaluator_is_up(run), "the evaluator is up", LIMIT_S)
        with Load(run.port, 8, MIX) as load:
            for _ in range(KILLS):
                load.more(random.randint(20, 150))
                time.sleep(random.random() / 2)  # at any point of its work
                name = random.choice(["evaluator", "evaluator", "recorder"])
                pid = processes(run).get(name)
                if pid is not None:
                    os.kill(pid, signal.SIGKILL)
            load.stop()
        wait_until_complete(tmp_path, names)
        assert 0 == run.stop()

    found = evaluations(tmp_path)
    assert {1} == set(found.values())
    assert len(exchanges(tmp_path)) * len(names) == len(found)
    assert {"ok", "skipped"} >= {word.partition(" ")[2] for _, word in found}


@pytest.mark.slow
def test_hostile_plugins_cost_nobody_else_anything(tmp_path: Path) -> None:
    """At 100 % sampling under load: no request fails, the good evaluators' scores are complete, the bad ones are in
    quarantine with the reason to read."""
    plugins = Path(hostile_plugins.__file__)
    tables = [
        f'[[evaluators]]\nname = "{name}"\nuse = "file:{plugins}:{member}"\ntimeout = "1 s"\nmemory = "256 MiB"\n'
        for name, member in BAD.items()
    ]
    with (
        providing(played) as provider,
        standing_before(
            provider, tmp_path, ["openai"], more="\n".join(tables), teams={"search": uses(*SHIPPED, *BAD)}
        ) as run,
    ):
        until(lambda: evaluator_is_up(run), "the evaluator is up", LIMIT_S)
        with Load(run.port, 8, MIX) as load:
            load.more(400)
            load.stop()
            assert [] == load.faults()
        wait_until_complete(tmp_path, SHIPPED)
        until(lambda: are_shut_out(run), "the bad ones are in quarantine", LIMIT_S)
        assert 0 == run.stop()

    found = evaluations(tmp_path)
    assert {1} == set(found.values())
    results: dict[str, set[str]] = {}
    for _, word in found:
        name, _, result = word.partition(" ")
        results.setdefault(name, set()).add(result)
    assert all(results[name] <= {"ok", "skipped"} for name in SHIPPED), results
    assert all(results.get(name, {"error"}) == {"error"} for name in BAD), results
    reasons = _reasons(tmp_path)
    assert set(BAD) == set(reasons)
    assert "oom" == reasons["eats"]["reason"]
    assert "timeout" == reasons["hangs"]["reason"]
    assert "ValueError: no" in reasons["raises"]["detail"]


def are_shut_out(run: Gateway) -> bool:
    """Whether all bad ones are."""
    time.sleep(0.5)
    page = run.metrics()
    return all(f'tollway_eval_quarantined{{evaluator="{name}"}} 1.0' in page for name in BAD)


def judging(asked: Asked) -> Answer:
    """Play agents' answers, and a judge's verdict."""
    fields = json.loads(asked.body)
    if "user" in fields:
        return played(asked)
    schema = fields["response_format"]["json_schema"]["schema"]
    verdict = {name: _some(part) for name, part in schema["properties"].items()}
    message = {"role": "assistant", "content": json.dumps(verdict)}
    usage = {"prompt_tokens": 90, "completion_tokens": 20, "total_tokens": 110}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return answer(json.dumps({"id": "j", "model": "gpt-4o-mini", "choices": [choice], "usage": usage}).encode())


def _some(schema: dict[str, Any]) -> Any:
    """Give a value that fits."""
    if "enum" in schema:
        return schema["enum"][0]
    return {"boolean": True, "string": "because", "number": 1, "integer": 1, "array": [], "object": {}}[schema["type"]]


def judges_cost(folder: Path) -> int:
    """Add up what evaluations say that their judges cost."""
    total = 0
    for path in sorted((folder / "data" / "store").glob("????-??-??.db")):
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as sql:
            rows = sql.execute("SELECT more FROM evaluations WHERE more IS NOT NULL")
            total += sum(json.loads(more).get("judge_cost_nano_usd", 0) for (more,) in rows)
    return total


def _reasons(folder: Path) -> dict[str, dict[str, Any]]:
    with contextlib.closing(sqlite3.connect(folder / "data" / "evaluation" / "queue.db")) as sql:
        return {name: json.loads(state) for name, state in sql.execute("SELECT evaluator, state FROM quarantines")}
