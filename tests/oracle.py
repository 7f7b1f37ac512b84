"""What genai-prices, which was written by others, says that a recorded exchange costs."""

import math
import warnings
from datetime import datetime
from typing import Any

import genai_prices

from tests import exchanges

# The oracle's names for the providers of the recordings that it prices.
NAMES = {
    "openai": "openai",
    "anthropic": "anthropic",
    "gemini": "google",
    "groq": "groq",
    "mistral": "mistral",
    "openrouter": "openrouter",
    "deepseek": "deepseek",
    "zai": "zai",
    "cerebras": "cerebras",
}
# Exchanges that we price otherwise, by a part of their name, and what decides it.
EXCEPTIONS = {
    "anthropic_compaction": "compaction passes are billed, and the oracle leaves them out",
    "anthropic_advisor": "so is what another model advised",
}


def cost_nano_usd(exchange: dict[str, Any], model: str | None, context: dict[str, str], at: datetime) -> int | None:
    """Price a recorded exchange at an instant, rounded up to the nano; None: the oracle cannot, or is known to err.

    `context`: what the answer says about its price class.
    """
    oracle = NAMES.get(exchange["provider"])
    if oracle is None or model is None or any(part in exchange["name"] for part in EXCEPTIONS):
        return None
    document = exchanges.final_document(exchange)
    flavor = next((name for name in ("responses", "embeddings") if name in exchange["path"]), "chat")
    for api_flavor in (flavor, "default"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                flavored = "default" if oracle in ("anthropic", "google") else api_flavor
                found = genai_prices.extract_usage(document, provider_id=oracle, api_flavor=flavored)
                cost = genai_prices.calc_price(
                    found.usage, model, provider_id=oracle, genai_request_timestamp=at, price_context=context
                )
        except (LookupError, ValueError):
            continue
        return math.ceil(cost.total_price * 10**9)
    return None
