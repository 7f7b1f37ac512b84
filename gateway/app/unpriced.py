"""Which models has nobody a price for? Each is told once in the log, with the setting that names one."""

import logging

from gateway.core.record import Record
from gateway.policies.quote import setting, toml_text

# Names are the callers' to invent: beyond so many the log is no place for them.
REMEMBERED_MOST = 200
NAME_MOST = 128

log = logging.getLogger("tollway.prices")


class Unpriced:
    """What was told already."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def tell(self, record: Record) -> None:
        """Tell of an exchange that was booked at the default price."""
        provider, model = record.provider or "", record.model_served or record.model_asked or ""
        name = (provider, model[: NAME_MOST + 1])
        if name in self._told or len(self._told) > REMEMBERED_MOST:
            return
        self._told.add(name)
        if len(self._told) > REMEMBERED_MOST:
            log.warning(
                "more than %d models have no price, further ones are not told: tollway_unpriced_requests_total counts "
                'them. [prices] unknown_model = "deny" refuses them',
                REMEMBERED_MOST,
            )
        else:
            log.warning("nobody knows what %s costs at %s: %s", *_shown(provider, model))


def _shown(provider: str, model: str) -> tuple[str, str, str]:
    if not model:
        return "a model without a name", provider, "its exchanges are booked at [prices] default_price"
    if len(model) > NAME_MOST:
        return (
            f"{toml_text(model[:NAME_MOST])}…",
            provider,
            "that is no name; its exchanges are booked at default_price",
        )
    advice = f"booked at [prices] default_price. Name it in config.toml: {setting(provider, model)}"
    return toml_text(model), provider, advice
