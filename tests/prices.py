"""Price lists for tests, in the form in which genai-prices publishes them: the bundled one, written out and changed."""

import dataclasses
import json
from collections.abc import Callable
from datetime import date, time
from decimal import Decimal
from typing import Any

from genai_prices import data_snapshot
from genai_prices.types import ModelPrice

# A whole list of one provider and two models.
SMALL: list[dict[str, Any]] = [
    {
        "id": "acme",
        "name": "Acme",
        "api_pattern": r"https://api\.acme\.example",
        "model_match": {"starts_with": "acme-"},
        "models": [
            {
                "id": "acme-1",
                "match": {"or": [{"equals": "acme-1"}, {"regex": "^acme-1-"}]},
                "prices": [
                    {"prices": {"input_mtok": 1.5, "output_mtok": {"base": 6, "tiers": [{"start": 1000, "price": 9}]}}},
                    {"constraint": {"start_date": "2026-11-01"}, "prices": {"input_mtok": 2, "output_mtok": 8}},
                ],
                "price_variants": [{"when": {"processing": "batch"}, "prices": {"input_mtok": 1}}],
            },
            {"id": "acme-2", "match": {"equals": "acme-2"}, "prices": {"input_mtok": 3, "requests_kcount": 10}},
        ],
    }
]

Models = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


def bundled_json() -> list[dict[str, Any]]:
    """Return the bundled list as its JSON."""
    return [_plain(provider) for provider in data_snapshot.get_snapshot().providers]


def source(*, model: str = "", models: Models | None = None, **usd: float) -> bytes:
    """Write the bundled list as a source. `usd` are the new prices of `model`; `models` changes each provider's."""
    providers = bundled_json()
    for provider in providers:
        for each in provider["models"]:
            if each["id"] == model:
                each["prices"] = usd
        if models is not None:
            provider["models"] = models(provider["models"])
    return json.dumps(providers).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, ModelPrice):
        return {key: _plain(price) for key, price in vars(value).items() if price is not None}
    if dataclasses.is_dataclass(value):
        fields = {each.name: getattr(value, each.name) for each in dataclasses.fields(value) if each.init}
        return {name.rstrip("_"): _plain(field) for name, field in fields.items() if field is not None}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date | time) else value
