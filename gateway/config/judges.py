"""The built-in team `evaluation`: a key and a budget for each evaluator that asks a judge."""

from collections.abc import Iterator, Mapping

from gateway.policies.access import Principal
from gateway.policies.budget import Budget
from gateway.policies.evaluating import TEAM, VARIANT, Evaluating, Plugin, base_name
from gateway.policies.patterns import Patterns
from gateway.policies.scope import Scope
from gateway.policies.windows import parse

ALL = "judges"  # the budget of all of them together


def judging(evaluating: Evaluating) -> list[Plugin]:
    """List the evaluators in use that may ask a judge."""
    used = {rule.evaluator for rules in evaluating.rules.values() for rule in rules}
    return [plugin for name, plugin in evaluating.plugins.items() if name in used and plugin.judge is not None]


def judge_principals(evaluating: Evaluating, digests: Mapping[str, str]) -> dict[bytes, Principal]:
    """Return whose keys they are, by SHA-256. `digests`: of the evaluators' keys, in hex; without one nobody may call.

    No bodies are kept of their calls: they hold what other teams said, which is kept by those teams' own rules.
    """
    return {
        bytes.fromhex(digests[plugin.name]): Principal(
            team=TEAM, key=plugin.name, allow_models=(plugin.judge or "",), bodies="none"
        )
        for plugin in judging(evaluating)
        if plugin.name in digests
    }


def judge_budgets(evaluating: Evaluating) -> Iterator[Budget]:
    """Yield what judges may cost a day, to the nano-dollar: each evaluator's, and all of them together."""
    plugins = judging(evaluating)
    if plugins and evaluating.budget_nano_usd is not None:
        yield _strict(ALL, evaluating.budget_nano_usd, Scope(team=Patterns([TEAM])))
    # An evaluator that a team wants otherwise has a key of its own, and spends from the same budget.
    limits = {base_name(plugin.name): plugin.budget_nano_usd for plugin in plugins}
    for name, limit in limits.items():
        if limit is not None:
            keys = Patterns([name, f"{name}{VARIANT}*"])
            yield _strict(name, limit, Scope(team=Patterns([TEAM]), key=keys))


def _strict(name: str, limit_nano_usd: int, scope: Scope) -> Budget:
    return Budget(
        id=f"{TEAM}/{name}",
        window=parse("day", "UTC"),
        limit_nano_usd=limit_nano_usd,
        mode="strict",
        on_disconnect="drain",
        scope=scope,
    )
