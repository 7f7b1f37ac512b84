"""`tollway eval pair`: two exchanges are compared by an evaluator of pairs, such as `pairwise`."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated, Final

import typer

from gateway.cli.evaluating import evaluating_of, names_in_use, queue_of
from gateway.cli.options import PROBLEM, USAGE, AsJson, ConfigFile, fail, load, print_json
from gateway.cli.reading import answer, open_store
from gateway.cli.scores import print_evaluations
from gateway.core.record import Record
from gateway.core.score import Evaluation, public
from gateway.evaluation.queue_reader import QueueReader
from gateway.evaluation.runs import NoEvaluator, order_pair
from gateway.policies.evaluating import Evaluating, Rule
from gateway.store.interface import ScoreQuery
from gateway.store.reader import StoreReader

POLL_S: Final = 0.2

Id = Annotated[str, typer.Argument(metavar="ID", help="An exchange, or the beginning of its id.", show_default=False)]


def pair(
    first: Id,
    second: Id,
    evaluator: Annotated[
        str | None,
        typer.Option(
            "--evaluator",
            metavar="NAME",
            help="Which one, where the team uses several of pairs.",
            show_default=False,
            autocompletion=names_in_use,
        ),
    ] = None,
    wait: Annotated[float, typer.Option("--wait", metavar="S", help="For so many seconds at most.")] = 120.0,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Let the running evaluator compare two exchanges of a team: A is the first, B the second."""
    found = load(config)
    store = open_store(config)
    a, b = (answer(store.exchange(each)).record for each in (first, second))
    if a.id == b.id or a.team != b.team:
        fail("give two exchanges of the same team", USAGE)
    with queue_of(found) as reader:
        rule = _rule(evaluating_of(found), reader, a, evaluator)
        try:
            run = order_pair(found.data_dir / "evaluation", rule, a.id, b.id, time.time_ns() // 1_000_000)
        except NoEvaluator as error:
            fail(str(error))
        one = _wait(store, lambda: _is_refused(reader, run), ScoreQuery(exchange=a.id, run=run), wait)
    if one is None:
        fail(f"There is no verdict yet; run {run} goes on. `tollway explain {a.id}` shows it when it is there.")
    if as_json:
        print_json(public(one))
    else:
        print_evaluations([one])
    if one.result != "ok":
        raise typer.Exit(PROBLEM)


def _rule(evaluating: Evaluating, reader: QueueReader, record: Record, name: str | None) -> Rule:
    """Find the evaluator of pairs that the team uses."""
    units = {each.loaded.evaluator: each.loaded.unit for each in reader.definitions()}
    rules = evaluating.rules.get(record.team, ())
    of_pairs = [rule for rule in rules if units.get(rule.evaluator) == "pair"]
    chosen = [rule for rule in of_pairs if name in (None, rule.evaluator)]
    if len(chosen) != 1:
        fail(_not_one(record.team, name, [rule.evaluator for rule in of_pairs]), USAGE if of_pairs else PROBLEM)
    return chosen[0]


def _not_one(team: str, name: str | None, known: Sequence[str]) -> str:
    names = ", ".join(known)
    if not known:
        return (
            f"the team {team} uses no evaluator of pairs that is loaded: add one, such as `pairwise`, to "
            "`[evaluation] evaluators` of its file; `tollway eval list` shows them"
        )
    if name is None:
        return f"the team {team} uses several evaluators of pairs ({names}): name one with --evaluator"
    return f"--evaluator: {name!r} is no evaluator of pairs that the team {team} uses; those are {names}"


def _wait(store: StoreReader, is_refused: Callable[[], bool], query: ScoreQuery, wait_s: float) -> Evaluation | None:
    """Wait for what came of it; None: not in time, or somebody did not want to wait."""
    end_s = time.monotonic() + wait_s
    with suppress(KeyboardInterrupt):
        while True:
            for one in answer(store.evaluations(query)).evaluations:
                return one
            if is_refused():
                fail("the evaluator refused it: an exchange is gone from the log")
            if time.monotonic() >= end_s:
                break
            time.sleep(POLL_S)
    return None


def _is_refused(reader: QueueReader, run: str) -> bool:
    return any(each.id == run and each.state == "refused" for each in reader.runs())
