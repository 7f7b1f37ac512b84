"""The built-in team `evaluation`: whose keys call judges, and what they may spend."""

from hashlib import sha256

from gateway.config.judges import ALL, judge_budgets, judge_principals, judging
from gateway.policies.evaluating import TEAM, Evaluating, Plugin, Rule

HELPFUL = Plugin("helpful", "llm_judge", judge="gpt-x", budget_nano_usd=5)
PLAIN = Plugin("json_valid", "json_valid")
IDLE = Plugin("idle", "llm_judge", judge="gpt-x", budget_nano_usd=5)
EVALUATING = Evaluating(
    plugins={each.name: each for each in (HELPFUL, PLAIN, IDLE)},
    rules={"search": (Rule("search", "helpful"), Rule("search", "json_valid"))},
    budget_nano_usd=9,
)
DIGEST = sha256(b"key").hexdigest()


def test_only_evaluators_in_use_that_judge_have_a_key() -> None:
    """Who asks nobody, or is used by no team, gets no key and no budget."""
    assert [HELPFUL] == judging(EVALUATING)


def test_key_may_ask_its_judge_and_nothing_of_it_is_kept() -> None:
    """The key of an evaluator belongs to the built-in team, may use its judge's model only, and keeps no bodies."""
    principals = judge_principals(EVALUATING, {"helpful": DIGEST, "json_valid": DIGEST})
    (principal,) = principals.values()

    assert [bytes.fromhex(DIGEST)] == list(principals)
    assert (TEAM, "helpful", "none") == (principal.team, principal.key, principal.bodies)
    assert (True, False) == (principal.allows("gpt-x"), principal.allows("gpt-y"))


def test_without_keys_nobody_may_call() -> None:
    """A process that was told no keys, as a command, lets nobody in."""
    assert {} == judge_principals(EVALUATING, {})


def test_budgets_are_strict_and_daily() -> None:
    """Each evaluator has a strict budget a day of its own, beside that of all of them."""
    budgets = {budget.id: budget for budget in judge_budgets(EVALUATING)}

    assert {f"{TEAM}/{ALL}": 9, f"{TEAM}/helpful": 5} == {name: each.limit_nano_usd for name, each in budgets.items()}
    assert {"strict"} == {each.mode for each in budgets.values()}
    assert budgets[f"{TEAM}/helpful"].scope.covers(TEAM, "helpful", ["gpt-x"], "openai")
    assert not budgets[f"{TEAM}/helpful"].scope.covers(TEAM, "other", ["gpt-x"], "openai")
    assert not budgets[f"{TEAM}/{ALL}"].scope.covers("search", "helpful", ["gpt-x"], "openai")
