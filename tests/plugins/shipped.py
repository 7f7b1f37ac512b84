"""All evaluators that need no judge, with parameters that make them say something."""

from importlib.metadata import entry_points
from typing import Any

from gateway.evaluation.api import Evaluator

_JUDGED = {"llm_judge", "pairwise"}
_PARAMS: dict[str, dict[str, Any]] = {
    "contains": {"must_match": ["Paris"], "must_not_match": ["Rome"]},
    "equals": {"expected": "Paris", "as_json": True},
    "json_valid": {"force": True},
    "json_adherence": {"formats": True},
    "language_mismatch": {"expected": "en"},
    "pii_leak": {"salt": "0123456789abcdef", "fail_on": "any"},
    "regex": {"must_match": [r"P\w+s", r"(?=P)"]},
    "secret_leak": {"salt": "0123456789abcdef"},
    "slo": {"latency_ms": 1000, "ttft_ms": 500, "cost_usd": 1, "output_tokens": 100, "tokens_per_second": 10},
    "text_sim": {"metric": "chrf2"},
}


def classes() -> dict[str, type[Evaluator[Any]]]:
    """Return them by name."""
    points = entry_points(group="tollway.evaluators")
    ours = [point for point in points if point.value.startswith("gateway_plugins.") and point.name not in _JUDGED]
    return {point.name: point.load() for point in sorted(ours, key=lambda point: point.name)}


def evaluators() -> list[Evaluator[Any]]:
    """Make one of each."""
    return [cls(cls.Params.model_validate(_PARAMS.get(name, {}))) for name, cls in classes().items()]
