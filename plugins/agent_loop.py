"""Does an agent do the same thing over and over?

Looked at is the longest history that any request of the conversation holds, so that nothing counts twice. A call is
known by its tool and its arguments in one spelling, and by what came back. A loop is: one call three times in a row
with the same result; or a cycle of two to four calls three times at the end, with unchanged results; or one call five
times in all with at most two different results. Asking again while the answer changes is no loop of the first two
kinds. Parallel equal calls count once.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import groupby
from typing import Final, NamedTuple

from gateway.evaluation.api import (
    Conversation,
    Evaluator,
    Message,
    Needs,
    NoParams,
    Result,
    ScoreSpec,
    Skip,
    ToolResult,
)
from gateway_plugins._json import canonical

_IN_A_ROW: Final = 3
_CYCLES: Final = range(2, 5)
_IN_ALL: Final = 5
_RESULTS: Final = 2


class Step(NamedTuple):
    """One call: hashes of what was called, and of what came back (None: nothing is known to)."""

    call: str
    result: str | None


class AgentLoop(Evaluator[NoParams]):
    """Say whether a conversation's tool calls go round in circles."""

    name = "agent_loop"
    version = "1.0.0"
    needs = Needs(unit="conversation")
    scores = (
        ScoreSpec(direction="min"),
        ScoreSpec("max_repeat", "numeric", low=0, direction="min"),
        ScoreSpec("cycle_len", "numeric", low=0, direction="none"),
    )

    def evaluate(self, target: Conversation) -> list[Result]:
        """Look at the calls in order."""
        steps = list(steps_of(target.messages))
        if not steps:
            raise Skip("no_tool_calls")
        # What nobody has answered yet may still bring something new.
        answered = [step for step in steps if step.result is not None]
        repeat = max((len(list(run)) for _, run in groupby(answered)), default=1)
        cycle = cycle_at_end(answered)
        often = most_often(answered)
        kinds = {"in_a_row": repeat >= _IN_A_ROW, "cycle": cycle > 0, "in_all": often >= _IN_ALL}
        found = [kind for kind, is_so in kinds.items() if is_so]
        return [
            Result(bool(found), label=found[0] if found else None, evidence={"calls": len(steps), "kinds": found}),
            Result(repeat, "max_repeat"),
            Result(cycle or int(repeat >= _IN_A_ROW), "cycle_len"),
        ]


def steps_of(messages: Sequence[Message]) -> Iterator[Step]:
    """Give the calls of a conversation with their results, equal ones of one turn once."""
    by_id = {result.id: result for message in messages for result in message.tool_results if result.id}
    for number, message in enumerate(messages):
        follow = messages[number + 1 : number + 2]
        in_order = [result for each in (message, *follow) for result in each.tool_results if not result.id]
        steps: dict[Step, None] = {}
        for place, call in enumerate(message.tool_calls):
            result = _result(call.id, place, by_id, in_order)
            arguments = canonical(call.arguments)
            told = None if result is None else _hash(f"{result.is_error}{result.text}")
            steps[Step(_hash(f"{call.name}\n{arguments}"), told)] = None
        yield from steps


def _result(id: str, place: int, by_id: Mapping[str, ToolResult], in_order: Sequence[ToolResult]) -> ToolResult | None:
    """Find what a call returned: by its id, or in dialects without ids by its place."""
    if id in by_id:
        return by_id[id]
    return in_order[place] if place < len(in_order) else None


def cycle_at_end(steps: Sequence[Step]) -> int:
    """Return the length of the cycle that the steps end in; 0: none."""
    for length in _CYCLES:
        cycle = steps[-length:]
        if len(set(cycle)) > 1 and list(steps[-length * _IN_A_ROW :]) == list(cycle) * _IN_A_ROW:
            return length
    return 0


def most_often(steps: Sequence[Step]) -> int:
    """Return how often the call came that came most often with at most two different results."""
    calls = Counter(step.call for step in steps)
    results = Counter(step.call for step in set(steps))
    return max((count for call, count in calls.items() if results[call] <= _RESULTS), default=0)


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
