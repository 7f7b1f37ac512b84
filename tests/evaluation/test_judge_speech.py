"""How a judge is asked in each dialect, and where its verdict stands."""

import json
from typing import Any

import pytest

from gateway.evaluation.judge_speech import SPEECHES, Prompt, said_by, verdict_in

SCHEMA = {"type": "object", "properties": {"verdict": {"type": "string"}}}
PROMPT = Prompt("m", "You judge.", (("user", "this"),), SCHEMA, 64, 0.0)


def body(dialect: str, *, structured: bool = True) -> Any:
    """Lay out a request as it is sent."""
    prompt = Prompt("m", "You judge.", (("user", "this"),), SCHEMA, 64, 0.0, structured)
    return json.loads(json.dumps(SPEECHES[dialect].body(prompt)))


@pytest.mark.parametrize("dialect", SPEECHES)
def test_schema_is_sent_as_the_dialect_wants_it(dialect: str) -> None:
    """Where the provider can be told the form, the schema stands in the request once, whole."""
    assert 1 == json.dumps(body(dialect)).count(json.dumps(SCHEMA))


@pytest.mark.parametrize("dialect", SPEECHES)
def test_schema_is_told_in_words_otherwise(dialect: str) -> None:
    """Where it cannot, the model reads the schema in its system prompt, and nothing else asks for a form."""
    whole = json.dumps(body(dialect, structured=False))

    assert "nothing else" in whole
    assert not any(word in whole for word in ("response_format", "tool_choice", "responseJsonSchema"))


@pytest.mark.parametrize(
    "text", ['{"verdict":"a"}', 'Sure:\n```json\n{"verdict":"a"}\n```', ' {"verdict":"a"} I hope this helps.']
)
def test_verdict_is_found_in_its_wrapping(text: str) -> None:
    """A fence and polite words around the object do no harm."""
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}

    assert {"verdict": "a"} == verdict_in(said_by("openai", json.dumps({"choices": [choice]}).encode()))


def test_answer_without_an_object_has_no_verdict() -> None:
    """Words alone are no verdict."""
    choice = {"message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}

    with pytest.raises(ValueError, match="no JSON object"):
        verdict_in(said_by("openai", json.dumps({"choices": [choice]}).encode()))
