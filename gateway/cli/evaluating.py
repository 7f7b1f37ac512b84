"""What does the config of a command say about evaluation?"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from gateway.cli.options import PROBLEM, fail, place_of, print_problems
from gateway.cli.reading import price_list
from gateway.config import compile
from gateway.config.evaluators import JudgePrice, compile_evaluating
from gateway.config.load import Config, parse, read
from gateway.config.problems import ConfigError
from gateway.evaluation.queue import QueueRefused
from gateway.evaluation.queue_reader import QueueReader
from gateway.policies.evaluating import Evaluating


def evaluating_of(found: Config, *, with_prices: bool = False) -> Evaluating:
    """Compile it; with problems, print them all and exit. `with_prices`: also what a look of each judge costs."""
    try:
        return compile_evaluating(found, _prices(found) if with_prices else None)
    except ConfigError as error:
        print_problems(error.problems)
        raise typer.Exit(PROBLEM) from error


def evaluating_if_well(found: Config) -> Evaluating:
    """Compile it; what is wrong with it must not hide what is in the log."""
    try:
        return compile_evaluating(found)
    except ConfigError:
        return Evaluating()


def names_in_use(ctx: typer.Context) -> Iterator[str]:
    """Complete the name of an evaluator that a team uses; typer chooses those that begin as what is there."""
    place = place_of(ctx.params.get("config"))
    try:
        rules = compile_evaluating(parse(read(place.file.absolute(), required=place.required), {}, place.root)).rules
    except (ConfigError, OSError):
        return
    yield from dict.fromkeys(rule.evaluator for of_team in rules.values() for rule in of_team)


@contextmanager
def queue_of(found: Config) -> Iterator[QueueReader]:
    """Read the evaluator's file; where it cannot be read, say why and exit."""
    try:
        yield QueueReader(found.data_dir / "evaluation")
    except QueueRefused as error:
        fail(str(error))


def _prices(found: Config) -> JudgePrice:
    book = compile.price_book(found, price_list(found))
    return JudgePrice(compile.routing(found, os.environ), book, time.time())
