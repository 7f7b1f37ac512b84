"""Some evaluators in plugin processes of their own: hand them jobs, and end what does not behave."""

from collections.abc import Awaitable, Callable, Sequence

from gateway.evaluation.protocol import Answered, Asking, Job, Loaded, Told
from gateway.policies.evaluating import Plugin

# Answers for a judge's call; it never raises, failures are told in the answer.
Ask = Callable[[Asking], Awaitable[Answered]]


class Lane:
    """Up to `processes` processes that hold the same evaluators. Evaluators of one lane share a fate only in so far as
    a process that dies is begun anew: the one that was running is charged, the others' work is done again."""

    def __init__(self, plugins: Sequence[Plugin], *, processes: int, ask: Ask) -> None:
        raise NotImplementedError

    async def load(self) -> list[Loaded]:
        """Start a process and let it load everything; what cannot be loaded says so in its `problem`. Never raises."""
        raise NotImplementedError

    async def run(self, job: Job) -> list[Told]:
        """Run each evaluator of a job, and wait for a free process before that. Never raises: timeout, crash, oom and
        the like are told as errors of the evaluator that was running."""
        raise NotImplementedError

    async def close(self) -> None:
        """End all processes, and whatever they have started."""
        raise NotImplementedError
