"""Lanes: shipped evaluators share one, everybody else has one of their own."""

import pytest

from gateway.evaluation.lanes import Share, is_special, plan, shipped
from tests.evaluation.at_work import loaded, plugin

OURS = frozenset({"json_valid", "refusal"})


def test_shipped_evaluators_share_and_others_are_alone() -> None:
    """Code of strangers shares no process with anybody, not even with itself under another name."""
    a, b = plugin("a", "json_valid"), plugin("b", "refusal")
    x, y = plugin("x", "file:/x.py:X"), plugin("y", "file:/x.py:X")

    assert [Share((a, b), 1, is_common=True), Share((x,), 1), Share((y,), 1)] == plan([x, a, y, b], OURS, (), 4)


@pytest.mark.parametrize("more", [{"network": True}, {"wall_s": 60.0}, {"memory_mb": 4096}])
def test_shipped_evaluator_with_needs_of_its_own_is_alone(more: dict[str, object]) -> None:
    """What it may do, the others may not."""
    a, b = plugin("a", "json_valid"), plugin("b", "refusal", **more)

    assert [Share((a,), 1, is_common=True), Share((b,), 1)] == plan([a, b], OURS, (), 4)


def test_what_turned_out_to_be_special_is_alone() -> None:
    """What a plugin declares is known once it was loaded."""
    a, b = plugin("a", "json_valid"), plugin("b", "refusal")

    assert [Share((a,), 1, is_common=True), Share((b,), 1)] == plan([a, b], OURS, {"b"}, 4)
    assert [True, True, True, False] == [
        is_special(loaded("a", **more)) for more in ({"judge": True}, {"network": True}, {"memory_mb": 4096}, {})
    ]


def test_processes_are_as_many_as_config_allows_at_once() -> None:
    """Of all of them `workers` at most."""
    a, x = plugin("a", "json_valid", concurrent=2), plugin("x", "file:/x.py:X", concurrent=9)

    assert [2, 4] == [share.processes for share in plan([a, x], OURS, (), 4)]


def test_shipped_are_those_of_our_own_distribution() -> None:
    """Known without an import of any plugin."""
    assert {"json_valid", "refusal", "llm_judge"} <= shipped()
