"""Agents that go round in circles, and such as only work long."""

from collections.abc import Sequence

import pytest

from gateway.evaluation.api import Conversation, Exchange, Message, ToolCall, ToolResult
from gateway_plugins.agent_loop import AgentLoop, steps_of
from tests.plugins.making import label, made, outcome, results

PLUGIN = made(AgentLoop)


def talk(*steps: tuple[str, str] | tuple[str, None], answer: Message | None = None) -> Conversation:
    """Make a conversation whose turns call a tool with an argument, and get a result (None: not yet)."""
    messages = [Message("user", "Do it.")]
    for number, (argument, result) in enumerate(steps):
        messages.append(Message("assistant", tool_calls=(ToolCall(f"c{number}", "look", f'{{"at": "{argument}"}}'),)))
        if result is not None:
            messages.append(Message("tool", tool_results=(ToolResult(f"c{number}", result),)))
    return conversation(*messages, answer or Message("assistant", "Done."))


def conversation(*messages: Message) -> Conversation:
    """Make a conversation of one exchange, whose last message is the answer."""
    return Conversation(session="s", exchanges=(Exchange(id="x", messages=messages[:-1], choices=messages[-1:]),))


def numbers(steps: Sequence[tuple[str, str]]) -> tuple[object, ...]:
    """Return the scores of these steps."""
    found = results(PLUGIN, talk(*steps))
    return tuple(found[name].value for name in ("", "max_repeat", "cycle_len"))


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([("a", "1")], (False, 1, 0)),
        ([("a", "1")] * 2, (False, 2, 0)),
        ([("a", "1")] * 3, (True, 3, 1)),
        ([("a", "1")] * 6, (True, 6, 1)),
        ([("a", "1"), ("a", "2"), ("a", "3"), ("a", "4")], (False, 1, 0)),
        ([("a", "1"), ("b", "1")] * 3, (True, 1, 2)),
        ([("a", "1"), ("b", "1")] * 2, (False, 1, 0)),
        ([("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")] * 3, (True, 1, 4)),
        ([*[("a", "1"), ("b", "1")] * 3, ("c", "1")], (False, 1, 0)),
        ([("a", "1"), ("b", "1"), ("a", "1"), ("b", "2"), ("a", "1"), ("b", "3")], (False, 1, 0)),
        ([("a", "1"), ("b", "1"), ("a", "1"), ("c", "1"), ("a", "1"), ("d", "1"), ("a", "1"), ("e", "1"), ("a", "2")],
         (True, 1, 0)),
        ([(each, "1") for each in "abcdefghij"], (False, 1, 0)),
        ([("a", str(number)) for number in range(9)], (False, 1, 0)),
    ],
)  # fmt: skip
def test_loop(steps: list[tuple[str, str]], expected: tuple[object, ...]) -> None:
    """Three times in a row, a cycle three times at the end, or five times in all; polling is none."""
    assert expected == numbers(steps)


def test_kind_of_loop_is_named() -> None:
    """The label says which of the three it is."""
    assert "in_a_row" == label(PLUGIN, talk(*[("a", "1")] * 3))
    assert "cycle" == label(PLUGIN, talk(*[("a", "1"), ("b", "1")] * 3))


def test_spelling_of_arguments_does_not_matter() -> None:
    """Spaces and the order of members are not the agent's intention."""
    spellings = ('{"a":1,"b":2}', '{ "b": 2, "a": 1 }', '{"a": 1, "b": 2}')
    messages = [
        message
        for number, arguments in enumerate(spellings)
        for message in (
            Message("assistant", tool_calls=(ToolCall(f"c{number}", "look", arguments),)),
            Message("tool", tool_results=(ToolResult(f"c{number}", "same"),)),
        )
    ]

    assert outcome(PLUGIN, conversation(*messages, Message("assistant", "Done."))) is True


def test_parallel_equal_calls_count_once() -> None:
    """One turn is one step for each different call."""
    calls = tuple(ToolCall(f"c{number}", "look", "{}") for number in range(5))
    told = tuple(ToolResult(f"c{number}", "same") for number in range(5))
    turn = (Message("assistant", tool_calls=calls), Message("tool", tool_results=told))

    assert 1 == len(list(steps_of(turn)))


def test_longest_history_is_looked_at_once() -> None:
    """Each request holds all that came before: adding them up would make a loop of every conversation."""
    messages = talk(("a", "1"), ("b", "1")).messages
    exchanges = tuple(
        Exchange(id=f"x{end}", messages=messages[:end], choices=messages[end : end + 1]) for end in (1, 3, 5)
    )

    found = results(PLUGIN, Conversation(session="s", exchanges=exchanges))
    assert (False, {"calls": 2, "kinds": []}) == (found[""].value, found[""].evidence)


def test_results_without_ids_belong_by_their_place() -> None:
    """Gemini's calls have none."""
    turn = (
        Message("assistant", tool_calls=(ToolCall("", "a", "{}"), ToolCall("", "b", "{}"))),
        Message("tool", tool_results=(ToolResult("", "1"), ToolResult("", "2"))),
    )
    (first, second) = steps_of(turn)

    assert first.result is not None
    assert first.result != second.result


def test_call_without_result_is_no_step_of_a_loop() -> None:
    """It may still bring something new."""
    last = Message("assistant", tool_calls=(ToolCall("c9", "look", '{"at": "a"}'),))

    assert outcome(PLUGIN, talk(("a", "1"), ("a", "1"), answer=last)) is False


def test_talk_without_tools_is_skipped() -> None:
    """There is nothing to repeat."""
    assert "skip no_tool_calls" == outcome(PLUGIN, talk())
    assert "skip no_tool_calls" == outcome(PLUGIN, Conversation(session="s", exchanges=()))
