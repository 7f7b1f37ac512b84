"""What does the config of a command say about evaluation?"""

import os

import typer

from gateway.cli.options import PROBLEM, print_problems
from gateway.config import compile
from gateway.config.load import Config
from gateway.config.problems import ConfigError
from gateway.policies.evaluating import Evaluating


def evaluating_of(found: Config) -> Evaluating:
    """Compile it; with problems, print them all and exit."""
    try:
        return compile.snapshot(found, os.environ, 0).evaluating
    except ConfigError as error:
        print_problems(error.problems)
        raise typer.Exit(PROBLEM) from error
