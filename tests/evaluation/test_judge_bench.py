"""Where judges sit, and what their answers cost."""

import json
from decimal import Decimal

from gateway.evaluation.judge import Bench
from gateway.evaluation.judge_bench import benches, pricing
from gateway.policies.evaluating import Plugin
from gateway.policies.patterns import Patterns
from gateway.policies.pricing import PriceBook
from gateway.policies.routing import Provider, Routing, Target, Weighted

OPENAI = Provider("openai", "openai", "h", models=Patterns(["gpt-*"]))
CLAUDE = Provider("anthropic", "anthropic", "h", models=Patterns(["claude-*"]))
ROUTING = Routing([OPENAI, CLAUDE], {"judge": [Weighted(Target(CLAUDE, "claude-x"), 1)]})
PRICES = PriceBook(
    {"openai": {"gpt-x": {"input": Decimal(1), "output": Decimal(2)}}}, (Decimal(5), Decimal(25)), "default_price"
)


def seat(judge: str | None, **keys: str) -> dict[str, Bench]:
    """Seat one evaluator's judge."""
    return benches([Plugin("helpful", "llm_judge", judge=judge)], keys, ROUTING)


def test_judge_is_asked_in_the_dialect_of_its_provider() -> None:
    """A model, a model behind its provider's name, or a route: whoever serves it says the dialect."""
    assert ["anthropic", "openai", "anthropic"] == [
        seat(judge, helpful="k")["helpful"].dialect for judge in ("claude-x", "openai/gpt-x", "judge")
    ]


def test_judge_without_model_or_key_has_no_seat() -> None:
    """Nothing is asked where it cannot be paid for under its own name."""
    assert ({}, {}) == (seat(None, helpful="k"), seat("gpt-x"))


def test_answer_costs_what_a_worker_books() -> None:
    """The usage that the answer tells, at the prices in force."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}
    answer = json.dumps({"model": "gpt-x", "choices": [], "usage": usage}).encode()
    price = pricing(ROUTING, PRICES, lambda: 0.0)

    assert 1000 * 1000 + 10 * 2000 == price(Bench("k", "gpt-x", "openai"), None, answer)
    assert 0 == price(Bench("k", "gpt-x", "openai"), "openai", b"rubbish")
