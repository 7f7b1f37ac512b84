"""What was judged can be asked for, and people add their own word."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.core.score import Evaluation
from tests.admin.parts import Port, serving
from tests.records import finished, record
from tests.scores import evaluated, evaluation, feedback

LABEL: dict[str, Any] = {"name": "helpful", "value": True, "author": "ann"}


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    """A port."""
    async with serving(tmp_path) as one:
        yield one


async def say(port: Port, status: int = 202, **order: Any) -> Any:
    """Post a label."""
    answer = await port.client.post("/api/labels", json=LABEL | order)
    assert status == answer.status, await answer.text()
    return await answer.json()


def told(port: Port) -> list[Evaluation]:
    """Return what was written down."""
    assert port.told is not None
    return port.told


async def test_evaluations_by_filters(port: Port) -> None:
    """In pages."""
    one = record()
    port.store.commit([finished(one)], {}, [evaluated(evaluation(one.id)), evaluated(feedback(one.id))])

    assert ["user"] == [each["source"] for each in (await port.json("/api/evaluations?name=thumb"))["evaluations"]]
    first = await port.json("/api/evaluations?limit=1")
    second = await port.json(f"/api/evaluations?limit=1&cursor={first['cursor']}")
    assert {"user", "code"} == {first["evaluations"][0]["source"], second["evaluations"][0]["source"]}


async def test_scores_beside_the_log(port: Port) -> None:
    """Where they are asked for; with one exchange always."""
    one, other = record(), record()
    port.store.commit([finished(one), finished(other)], {}, [evaluated(evaluation(one.id))])

    assert "evaluations" not in await port.json("/api/exchanges")
    page = await port.json("/api/exchanges?scores=true")
    assert [one.id] == [*page["evaluations"]]
    for path in (f"/api/exchanges/{one.id}", f"/api/exchanges/{one.id}/explain"):
        assert ["json_valid"] == [each["evaluator"] for each in (await port.json(path))["evaluations"]]
    assert [one.id] == [each["id"] for each in (await port.json("/api/exchanges?score=json_valid:pass"))["exchanges"]]


async def test_a_label_is_a_score_of_a_person(port: Port) -> None:
    """Of the exchange's team and stratum, by its author, with the rubric as version; told again it has the same id."""
    one = record(session="s1", route="fast")
    port.store.commit([finished(one)], {})
    first = await say(port, id=one.id[:20], comment="nice", rubric="r2")
    again = await say(port, id=one.id, value="poor")
    other = await say(port, id=one.id, author="bob")
    found = told(port)[0]

    assert first == again != other
    assert ("human", "ann", "search", "exchange", one.id, "s1", "r2", "gpt-4o-mini", "fast", "ok") == (
        found.source, found.author, found.team, found.target_type, found.target, found.conversation, found.version,
        found.model, found.route, found.outcome,
    )  # fmt: skip
    assert found.replaces
    assert ("helpful", True, "nice") == (found.scores[0].name, found.scores[0].passing, found.scores[0].comment)


async def test_a_label_of_a_session(port: Port) -> None:
    """It is filed under now."""
    await say(port, session="s1", team="search", value=0.5)
    [found] = told(port)

    assert ("conversation", "s1", "s1", "search") == (
        found.target_type, found.target, found.conversation, found.team,
    )  # fmt: skip
    assert found.exchange.startswith("01a2")


@pytest.mark.parametrize(
    ("order", "param"),
    [
        ({}, "id"),
        ({"session": "s"}, "team"),
        ({"session": "s", "team": "a", "id": "x"}, "id"),
        ({"id": "ID", "team": "web"}, "team"),
        ({"id": "ID", "name": "a b"}, "name"),
        ({"id": "ID", "author": ""}, "author"),
        ({"id": "ID", "value": None}, "value"),
        ({"id": "ID", "value": "x" * 101}, "value"),
        ({"id": "ID", "value": [1]}, "value"),
        ({"id": "ID", "comment": 5}, "comment"),
        ({"id": "ID", "comment": "x" * 2049}, "comment"),
        ({"id": "ID", "colour": "red"}, "colour"),
    ],
)
async def test_a_label_that_makes_no_sense(port: Port, order: dict[str, Any], param: str) -> None:
    """It is said which field, and nothing is written down."""
    one = record()
    port.store.commit([finished(one)], {})
    shown = {name: one.id if value == "ID" else value for name, value in order.items()}
    answer = await say(port, 400, **shown)

    assert param == answer["error"]["param"]
    assert [] == told(port)


async def test_a_label_that_cannot_be_written_down(port: Port) -> None:
    """Its author is told so."""
    port.told = None
    assert "cannot be written" in (await say(port, 503, session="s", team="search"))["error"]["message"]
