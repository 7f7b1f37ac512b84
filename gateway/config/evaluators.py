"""From the sections on evaluation to what the evaluator works by: paths absolute, money in integers, rules by team."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import msgspec

from gateway.config.evaluator_rules import FILE, file_and_class
from gateway.config.load import Config
from gateway.config.model import Evaluator, EvaluatorOfTeam, Selection, Team
from gateway.config.problems import ConfigError, Problem
from gateway.core.money import nano_from_usd
from gateway.core.usage import Usage
from gateway.policies.evaluating import VARIANT, Always, Evaluating, Plugin, Rule, Stratum
from gateway.policies.pricing import PriceBook
from gateway.policies.quote import bill_of, places, quote, setting, total_nano_usd
from gateway.policies.routing import Provider, Routing

# What a judge reads and writes for one evaluation, until it is known: a prompt with a question and an answer in it.
_JUDGED: Final = Usage(input_total=2_000, output_total=300)
_BOUND = re.compile(r"(\w+)\s*>\s*([\d.]+)")
_MIB = 1 << 20
_NO_OVERRIDE = EvaluatorOfTeam()
_PATTERNS = tuple(Selection.model_fields)


def compile_evaluating(config: Config, price: "JudgePrice | None" = None) -> Evaluating:
    """Compile; raise ConfigError where a plugin's file is not there, or nobody knows what a judge costs.

    Without `price` that is not asked: it is 0.
    """
    evaluation = config.company.evaluation
    compiling = _Compiling(config, price)
    for at, section in enumerate(config.company.evaluators):
        compiling.add(section, f"evaluators[{at}]")
    rules = {name: tuple(compiling.rules(name, team)) for name, team in config.teams.items()}
    if compiling.problems:
        raise ConfigError(compiling.problems)
    return Evaluating(
        plugins=compiling.wanted(rule.evaluator for of_team in rules.values() for rule in of_team),
        rules={team: of_team for team, of_team in rules.items() if of_team},
        salt=evaluation.salt,
        workers=evaluation.workers,
        backlog=evaluation.max_backlog,
        idle_s=evaluation.conversation_idle,
        judge=evaluation.judge,
        budget_nano_usd=_nano(evaluation.budget_usd_per_day),
    )


class _Compiling:
    """What was made of a config so far, and what is wrong with it."""

    def __init__(self, config: Config, price: "JudgePrice | None") -> None:
        self.plugins: dict[str, Plugin] = {}
        self.problems: list[Problem] = []
        self._config = config
        self._sections = {section.name: section for section in config.company.evaluators}
        self._price = price

    def add(self, section: Evaluator, where: str) -> None:
        """Compile one evaluator of config.toml, or a shipped one that has no section (`where`: what is to blame)."""
        company = self._config.company.evaluation
        judge = section.judge or company.judge
        cost_nano_usd = 0
        if judge is not None:
            place = f"{where}.judge" if section.judge else "evaluation.judge"
            cost_nano_usd = self._cost(judge, place)
        self.plugins[section.name] = Plugin(
            name=section.name,
            use=self._use(section, f"{where}.use"),
            params=_json(section.params),
            judge=judge,
            budget_nano_usd=_nano(section.budget_usd_per_day),
            cost_nano_usd=cost_nano_usd,
            wall_s=section.timeout,
            memory_mb=None if section.memory is None else max(1, section.memory // _MIB),
            network=section.network,
            concurrent=section.concurrent,
            root=str(self._config.root),
        )

    def wanted(self, used: Iterable[str]) -> dict[str, Plugin]:
        """Leave those out that have no section, and that nobody uses without parameters of a team's own."""
        names = {*self._sections, *used}
        return {name: plugin for name, plugin in self.plugins.items() if name in names}

    def rules(self, name: str, team: Team) -> Iterator[Rule]:
        """Compile what a team uses."""
        for used in team.evaluation.evaluators:
            section = self._sections.get(used) or Evaluator(name=used, use=used)
            if used not in self.plugins:
                self.add(section, "evaluation")
            override = team.evaluation.of.get(used, _NO_OVERRIDE)
            evaluator = self._variant(section, override, name) if override.params else used
            yield _rule(name, evaluator, section, override, team.evaluation.sample)

    def _variant(self, section: Evaluator, override: EvaluatorOfTeam, team: str) -> str:
        """Add an evaluator as one team wants it: other parameters give scores that are not to be mixed."""
        name = f"{section.name}{VARIANT}{team}"
        params = _json(section.params | override.params)
        self.plugins[name] = replace(self.plugins[section.name], name=name, params=params)
        return name

    def _use(self, section: Evaluator, where: str) -> str:
        parts = file_and_class(section.use)
        if parts is None:
            return section.use
        path = self._config.root / parts[0]
        if not path.is_file():
            self._problem(where, f"there is no file {path}")
        return f"{FILE}:{path}:{parts[1]}"

    def _cost(self, judge: str, where: str) -> int:
        try:
            return 0 if self._price is None else self._price.of(judge)
        except UnknownPrice as error:
            self._problem(where, str(error))
            return 0

    def _problem(self, where: str, message: str) -> None:
        problem = Problem(self._config.file, where, message)
        if problem not in self.problems:
            self.problems.append(problem)


class UnknownPrice(Exception):
    """Nobody says what a judge costs, so that no budget could hold it; the message says what to do."""


class JudgePrice:
    """What one evaluation by a judge costs at an instant, as far as it can be said before there was one."""

    def __init__(self, routing: Routing, prices: PriceBook, at_s: float) -> None:
        self._routing, self._prices, self._at_s = routing, prices, at_s

    def of(self, judge: str) -> int:
        """Return the price at the dearest of those who would be asked."""
        if not self._routing.providers():
            return 0  # nobody can be asked at all, which is said elsewhere
        return max(self._at(*place) for place in places(self._routing, judge))

    def _at(self, provider: Provider, model: str, why: str) -> int:
        told = quote(self._prices, provider, model, why, {}, self._at_s)
        if not told.is_known:
            raise UnknownPrice(
                f"nobody knows what '{model}' at {provider.name} costs, and a judge without a price is not asked. Name "
                f"it: {setting(provider.name, model)}, or free = true for a model of your own"
            )
        return total_nano_usd(bill_of(told, _JUDGED))


def _rule(team: str, evaluator: str, section: Evaluator, override: EvaluatorOfTeam, usual: float | None) -> Rule:
    """`usual`: the team's rate for evaluators that say nothing else."""
    rates = (override.sample, section.sample, usual, 1.0)
    caps = (override.max_per_minute, section.max_per_minute)
    return Rule(
        team=team,
        evaluator=evaluator,
        sample=next(rate for rate in rates if rate is not None),
        strata=tuple(_stratum(each, each.sample) for each in section.strata),
        always=tuple(map(_always, section.always)),
        per_minute=next((cap for cap in caps if cap is not None), None),
        always_per_minute=section.always_per_minute,
        only=None if section.only == Selection() else _stratum(section.only, 1.0),
    )


def _stratum(selection: Selection, sample: float) -> Stratum:
    patterns = {name: None if (texts := getattr(selection, name)) is None else tuple(texts) for name in _PATTERNS}
    return Stratum(sample=sample, **patterns)


def _always(text: str) -> Always:
    bound = _BOUND.fullmatch(text)
    if bound is None:
        return Always(text)
    kind, amount = bound.groups()
    return Always(kind, float(nano_from_usd(amount) if kind == "cost_usd" else amount))


def _json(params: dict[str, Any]) -> str:
    return msgspec.json.encode(params, order="sorted").decode()


def _nano(usd: Decimal | None) -> int | None:
    return None if usd is None else nano_from_usd(usd)
