"""The corpus holds what evaluators meet, and not one thing twice."""

from typing import get_args

from gateway.evaluation.api import Finish
from gateway.evaluation.corpus import conversations, corpus
from gateway.evaluation.reading import READERS, exchange_of


def test_it_is_large_and_of_every_kind() -> None:
    """At least forty exchanges; every dialect, every way to end, tools, pictures, no usage, cut and very long ones."""
    cases = corpus()
    read = [exchange_of(case.kept) for case in cases]
    dialects = {(each.dialect, each.endpoint) for each in read}

    assert 40 <= len(cases) == len({case.name for case in cases})
    assert set(READERS) - {("anthropic", "text_completion")} <= dialects
    assert {*get_args(Finish), None} - {"other"} == {each.finish for each in read}
    assert any(each.is_truncated for each in read)
    assert any(each.usage is None for each in read)
    assert any(each.cost_usd is None for each in read)
    assert any(len(each.text) > 1_000_000 for each in read)
    assert any(each.messages and each.messages[-1].media for each in read)
    assert any(each.stream and not each.is_complete for each in read)
    assert any(each.request is None for each in read)
    assert any("�" in each.text for each in read)
    assert {"text", "json_object", "json_schema"} == {each.response_format.kind for each in read}


def test_sessions_are_read_as_conversations() -> None:
    """One of them goes round in circles: the same call six times."""
    circles = dict(conversations())["an agent in circles"]
    longest = exchange_of(circles[-1])

    assert 5 == sum(len(message.tool_calls) for message in longest.messages)
    assert longest.tool_calls
