"""What the data port answers itself."""

import contextlib

import pytest

from gateway.core.errors import Refusal
from gateway.exchange.local import local_answer, models_answer
from gateway.policies.access import Principal
from tests.exchange.parts import KEY, head, introduced, snapshot


@pytest.mark.parametrize(("target", "status"), [(b"/", 200), (b"/healthz", 200), (b"/readyz", 200)])
def test_probes_are_answered_without_a_key(target: bytes, status: int) -> None:
    """GET and HEAD; other methods and paths are requests for a provider."""
    assert status == (local_answer(head(b"HEAD", target), draining=False) or (0,))[0]
    assert local_answer(head(b"POST", target), draining=False) is None
    assert local_answer(head(b"GET", target + b"x"), draining=False) is None


def test_a_draining_worker_is_alive_but_not_ready() -> None:
    """So that a load balancer takes it out and nobody kills it."""
    answers = [local_answer(head(b"GET", target), draining=True) for target in (b"/healthz", b"/readyz")]

    assert [200, 503] == [answer and answer[0] for answer in answers]


def test_models_are_listed_or_named() -> None:
    """Routes first; one that the key may not use is not found."""
    intro = introduced(head(b"GET", b"/v1/models", Authorization=b"Bearer " + KEY))
    place = intro.place
    assert place is not None

    assert b'"fast"' in models_answer(intro, snapshot().routing, place)
    assert b'"fast"' in models_answer(intro, snapshot().routing, place._replace(model="fast"))
    with pytest.raises(Refusal):
        models_answer(intro, snapshot().routing, place._replace(model="nothing"))


@pytest.mark.parametrize(
    ("model", "found"),
    [("gpt-4o", True), ("openai/gpt-4o", True), ("fast", False), ("gpt-9", False), ("claude-5", False)],
)
def test_a_model_that_only_patterns_name_is_found(model: str, found: bool) -> None:
    """The key's patterns and those of a provider of this dialect must both hold it; a list could not name it."""
    principal = Principal("search", "ci", allow_models=("gpt-4*", "claude-*"))
    intro = introduced(head(b"GET", b"/v1/models/" + model.encode(), Authorization=b"Bearer " + KEY), principal)
    place = intro.place
    assert place is not None

    with contextlib.nullcontext() if found else pytest.raises(Refusal):
        assert model.encode() in models_answer(intro, snapshot().routing, place)
