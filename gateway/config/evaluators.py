"""PLACEHOLDER of the judge's branch: the sampling branch owns this file."""

import msgspec

from gateway.config.load import Config
from gateway.core.money import nano_from_usd
from gateway.policies.evaluating import Evaluating, Plugin, Rule


def compile_evaluating(config: Config) -> Evaluating:
    """Compile."""
    company = config.company
    rules = {
        name: tuple(Rule(name, each) for each in team.evaluation.evaluators) for name, team in config.teams.items()
    }
    return Evaluating(
        plugins={
            each.name: Plugin(
                each.name,
                each.use,
                msgspec.json.encode(each.params).decode(),
                judge=each.judge or company.evaluation.judge,
                budget_nano_usd=None if each.budget_usd_per_day is None else nano_from_usd(each.budget_usd_per_day),
                root=str(config.root),
            )
            for each in company.evaluators
        },
        rules={name: one for name, one in rules.items() if one},
        budget_nano_usd=None
        if company.evaluation.budget_usd_per_day is None
        else nano_from_usd(company.evaluation.budget_usd_per_day),
    )
