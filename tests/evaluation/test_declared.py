"""What a class declares is checked before it runs, and said in words."""

from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from gateway.evaluation.api import Evaluator, Needs, NoParams, ScoreSpec
from gateway.evaluation.declared import problems, problems_of_scores, specs_of
from gateway.evaluation.protocol import Spec


class Good(Evaluator[NoParams]):
    """One that can be used."""

    name = "good"
    version = "1.0"
    scores = (ScoreSpec(), ScoreSpec("kind", "categorical", labels=("a", "b"), passing=("a",)))

    def evaluate(self, target: Any) -> bool:
        """Say yes."""
        return True


class Loose(BaseModel):
    """Parameters that take anything."""


def test_a_good_one_has_no_problems() -> None:
    """And its specs are told to the parent."""
    assert [] == problems(Good)
    assert [
        Spec(name="", type="boolean"),
        Spec(name="kind", type="categorical", labels=["a", "b"], passing=["a"]),
    ] == specs_of(Good, NoParams())


def scores(*specs: ScoreSpec) -> dict[str, Any]:
    """Change only the scores."""
    return {"scores": specs}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another api": ({"api_version": 2}, "api_version 2; this Tollway has 1"),
    "a name with spaces": ({"name": "my eval"}, "give it a name"),
    "no version": ({"version": ""}, "give it a version"),
    "a long version": ({"version": "1" * 101}, "its version has 101 characters"),
    "loose parameters": ({"Params": Loose}, 'extra="forbid"'),
    "parameters of another kind": ({"Params": dict}, "pydantic model"),
    "no method": ({"evaluate": Evaluator.evaluate}, "no method `evaluate"),
    "needs of another kind": ({"needs": {"judge": True}}, "must be a Needs"),
    "an unknown unit": ({"needs": Needs(unit="word")}, "needs.unit is 'word'"),  # type: ignore[arg-type]
    "no time": ({"needs": Needs(wall_s=0)}, "needs.wall_s"),
    "time without end": ({"needs": Needs(cpu_s=float("inf"))}, "needs.cpu_s"),
    "a judge without content": ({"needs": Needs(judge=True, content=False)}, "nothing to judge"),
    "no scores": ({"scores": ()}, "at least one ScoreSpec"),
    "a list of scores": ({"scores": [ScoreSpec()]}, "must be a tuple"),
    "one name twice": (scores(ScoreSpec("a"), ScoreSpec("a")), "two are called `a`"),
    "a name with a point": (scores(ScoreSpec("a.b")), "a name has letters"),
    "an unknown type": (scores(ScoreSpec(type="stars")), "type is 'stars'"),  # type: ignore[arg-type]
    "an unknown direction": (scores(ScoreSpec(direction="up")), "direction is 'up'"),  # type: ignore[arg-type]
    "bounds of a boolean": (scores(ScoreSpec(low=0)), "only numbers have low"),
    "low is high": (scores(ScoreSpec(type="numeric", low=1, high=1)), "low 1 is not below high 1"),
    "no finite bound": (scores(ScoreSpec(type="numeric", low=float("nan"))), "must be finite"),
    "no labels": (scores(ScoreSpec(type="categorical")), "say which labels"),
    "a label twice": (scores(ScoreSpec(type="categorical", labels=("a", "a"))), "stands there twice"),
    "passing is no label": (scores(ScoreSpec(type="categorical", labels=("a",), passing=("b",))), "passing has 'b'"),
    "labels of a number": (scores(ScoreSpec(type="numeric", labels=("a",))), "only categorical"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said(name: str) -> None:
    """Exactly that, and nothing else."""
    changed, expected = WRONG[name]
    (problem,) = problems(type("Bad", (Good,), changed))

    assert expected in problem


def test_a_class_of_another_kind() -> None:
    """What is no Evaluator is told what to be."""

    class Other:
        name: ClassVar[str] = "x"

    assert ["Other must be a subclass of gateway.evaluation.api.Evaluator"] == problems(Other)


def test_scores_may_follow_from_the_parameters() -> None:
    """They are checked like those of the class."""

    class Chosen(Good):
        @classmethod
        def scores_for(cls, params: Any) -> tuple[ScoreSpec, ...]:
            return (ScoreSpec("a.b", "numeric"),)

    assert ["a.b"] == [spec.name for spec in specs_of(Chosen, NoParams())]
    assert ["score `a.b`: a name has letters, digits, _ and -"] == problems_of_scores(Chosen, NoParams())
    assert [] == problems_of_scores(Good, NoParams())
