"""`tollway explain ID`: why one exchange went as it did, and what it cost, line by line."""

import os
import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from gateway.cli.evaluating import evaluating_if_well
from gateway.cli.explain_bill import print_cost, print_usage
from gateway.cli.explain_head import head
from gateway.cli.explain_held import print_balances, print_limits
from gateway.cli.options import USAGE, AsJson, ConfigFile, fail, load
from gateway.cli.output import console, duration, print_facts, print_json_line, table
from gateway.cli.reading import answer, open_store, price_list
from gateway.cli.scores import print_evaluations, print_unevaluated
from gateway.config import compile
from gateway.config.budgets import compile_limits
from gateway.config.load import Config
from gateway.config.problems import ConfigError
from gateway.core.record import Attempt, Record
from gateway.core.score import Evaluation, public
from gateway.evaluation.follow import Follow
from gateway.evaluation.queue import QueueRefused
from gateway.evaluation.queue_reader import QueueReader
from gateway.evaluation.why import Why, asked_of, public_why, why
from gateway.policies.explained_exchange import Now, public_story, story
from gateway.policies.explained_way import Candidate
from gateway.policies.routing import Routing
from gateway.store.asking import query
from gateway.store.reader import StoreReader


def explain(
    exchange_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Its id, or the beginning of it.", show_default=False)
    ] = None,
    config: ConfigFile = None,
    last: Annotated[bool, typer.Option("--last", help="The newest exchange, instead of an ID.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell why one exchange went as it did, under which budgets, and what it cost, line by line."""
    if (exchange_id is None) != last:
        fail("give an ID, or --last for the newest exchange; `tollway logs` lists them", USAGE)
    store = open_store(config)
    record = answer(store.exchange(exchange_id)).record if exchange_id is not None else _newest(store)
    found = load(config)
    one = story(record, _now(found))
    judged = answer(store.judged(record))
    whys = _whys(found, record, judged)
    if as_json:
        told = {"evaluations": [public(each) for each in judged], "evaluators": [public_why(each) for each in whys]}
        print_json_line(public_story(one) | told)
        return
    print_facts(head(one))
    console().print()
    _print_candidates(one.candidates)
    _print_attempts(record.attempts)
    print_balances(one.balances)
    print_limits(one.limits)
    print_usage(record)
    print_cost(record, one.cost)
    print_evaluations(judged)
    print_unevaluated(whys)


def _whys(found: Config, record: Record, judged: Sequence[Evaluation]) -> list[Why]:
    """Ask why it was evaluated, or not; a file that cannot be read must not hide what is in the log."""
    reader = QueueReader(found.data_dir / "evaluation")
    try:
        return why(asked_of(record, judged, reader), evaluating_if_well(found), Follow(found.store_dir), reader)
    except QueueRefused as error:
        typer.secho(str(error), fg="red", err=True)
        return []


def _newest(store: StoreReader) -> Record:
    page = answer(store.exchanges(query({"limit": "1"}, time.time_ns() // 1_000_000)))
    if not page.records:
        fail("nothing is logged yet")
    return page.records[0]


def _now(found: Config) -> Now:
    """Compile the config of now."""
    company, teams = found.company, found.teams
    return Now(
        _routing(found),
        compile.budgets(found),
        compile_limits(company.limits, {name: team.limits for name, team in teams.items()}),
        price_list(found),
    )


def _routing(found: Config) -> Routing:
    """Compile who serves what now; what is wrong with the config must not hide what is in the log."""
    try:
        return compile.routing(found, os.environ)
    except ConfigError:
        return Routing([], {})


def _print_candidates(candidates: Sequence[Candidate]) -> None:
    """Print whom routing had, where there was a choice."""
    if len(candidates) < 2:
        return
    rows = [
        ("*" if one.chosen else "", one.provider, one.model, None if one.weight is None else str(one.weight), one.told)
        for one in candidates
    ]
    console().print(table(("", "CANDIDATE", "MODEL", "WEIGHT", "BY THE CONFIG OF NOW"), rows))
    console().print()


def _print_attempts(attempts: Sequence[Attempt]) -> None:
    if not attempts:
        return
    rows: list[Any] = [
        (
            str(number), one.provider, one.model, one.result, str(one.status or "-"), duration(one.duration_ms),
            one.upstream_request_id, one.error,
        )
        for number, one in enumerate(attempts, 1)
    ]  # fmt: skip
    columns = ("ATTEMPT", "PROVIDER", "MODEL", "RESULT", "STATUS", "TIME", "PROVIDER'S ID", "ERROR")
    console().print(table(columns, rows, right=frozenset({"STATUS", "TIME"})))
    left = [
        (one.left_requests, one.left_tokens) for one in attempts if (one.left_requests, one.left_tokens) != (None, None)
    ]
    for requests, tokens in left[-1:]:
        said = [
            f"{amount:,} {what}" for amount, what in ((requests, "requests"), (tokens, "tokens")) if amount is not None
        ]
        console().print(f"The provider's own limits leave {' and '.join(said)}.", markup=False)
    console().print()
