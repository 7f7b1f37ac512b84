"""May a rule be tried, or run, on the past? Only where its evaluator looks at exchanges."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from gateway.evaluation.inspection import describe
from gateway.evaluation.queue import QueueRefused
from gateway.evaluation.queue_reader import QueueReader
from gateway.policies.evaluating import Evaluating


class NotOfExchanges(Exception):
    """The past is looked at exchange by exchange; the message says what the evaluator looks at."""


def refuse_other_units(folder: Path, evaluating: Evaluating, evaluators: Iterable[str]) -> None:
    """Raise NotOfExchanges for an evaluator of conversations or pairs; one that nobody can load is let pass.

    What the evaluator's process has found out is in the queue's file; before its first start a process is asked.
    """
    known: dict[str, str] = {}
    with suppress(QueueRefused):
        known = {each.loaded.evaluator: each.loaded.unit for each in QueueReader(folder).definitions()}
    for name in evaluators:
        unit = known.get(name) or describe([evaluating.plugins[name].use])[0].unit
        if unit not in ("", "exchange"):
            raise NotOfExchanges(f"{name} looks at {unit}s: the past can be evaluated only exchange by exchange so far")
