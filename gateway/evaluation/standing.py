"""How does each evaluator stand: who uses it, how far its exchanges came, whether it is shut out, what waits?"""

from collections.abc import Mapping

import msgspec

from gateway.core.clock import stamp
from gateway.evaluation.queue_reader import Definition, QueueReader
from gateway.evaluation.task import FUNNEL
from gateway.policies.evaluating import Evaluating


class ShutOut(msgspec.Struct):
    """What of a quarantine people want to know; see quarantine.py."""

    openings: int = 0
    until_ms: int = 0
    reason: str | None = None
    detail: str | None = None


_decode = msgspec.json.Decoder(ShutOut).decode


class Standing(msgspec.Struct, kw_only=True):
    """One evaluator. `rates`: by team. `funnel`: how many came how far since the queue was made; `reasons`: of each
    step, why. `state`: ok | quarantined | not_loaded (it never was) | unused (no team has it any more)."""

    evaluator: str
    use: str | None
    judge: str | None
    version: str | None
    fingerprint: str | None
    rates: dict[str, float]
    state: str
    until: str | None
    reason: str | None
    detail: str | None
    waiting: int
    funnel: dict[str, int]
    reasons: dict[str, dict[str, int]]


def standings(evaluating: Evaluating, reader: QueueReader) -> list[Standing]:
    """Tell of every evaluator that is in use, or was."""
    definitions = {each.loaded.evaluator: each for each in reader.definitions()}
    waiting, quarantines, funnel = reader.waiting(), reader.quarantines(), reader.funnel()
    rates: dict[str, dict[str, float]] = {}
    for team, rules in evaluating.rules.items():
        for rule in rules:
            rates.setdefault(rule.evaluator, {})[team] = rule.sample
    names = dict.fromkeys([*rates, *sorted(name for name, _, _ in funnel)])
    found = []
    for name in names:
        plugin, definition = evaluating.plugins.get(name), definitions.get(name)
        shut_out = _decode(quarantines.get(name, b"{}"))
        is_out = shut_out.openings > 0
        steps = {(step, reason): count for (each, step, reason), count in funnel.items() if each == name}
        found.append(
            Standing(
                evaluator=name,
                use=plugin.use if plugin else None,
                judge=plugin.judge if plugin else None,
                version=definition.loaded.version if definition else None,
                fingerprint=definition.fingerprint if definition else None,
                rates=rates.get(name, {}),
                state=_state(name in rates, is_out, definition),
                until=stamp(shut_out.until_ms / 1000) if is_out else None,
                reason=shut_out.reason if is_out else None,
                detail=shut_out.detail if is_out else None,
                waiting=waiting.get(name, 0),
                funnel={step: sum(n for (each, _), n in steps.items() if each == step) for step in FUNNEL},
                reasons=_reasons(steps),
            )
        )
    return found


def _state(is_used: bool, is_out: bool, definition: Definition | None) -> str:
    if not is_used:
        return "unused"
    if is_out:
        return "quarantined"
    return "ok" if definition else "not_loaded"


def _reasons(steps: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (step, reason), count in steps.items():
        if reason:
            found.setdefault(step, {})[reason] = count
    return found
