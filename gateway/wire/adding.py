"""How are the usages of many requests added up so that their price stays what it was request by request?"""

from bisect import bisect_left
from typing import Final, NamedTuple

from msgspec.structs import replace

from gateway.core.usage import Usage
from gateway.wire.counts import MOST

# A price tier is a cliff by the input of one request. These are all the edges that price lists have, so that within one
# step every request pays the same rates (a test compares them with the bundled list).
EDGES: Final = (32_000, 100_000, 128_000, 199_999, 200_000, 256_000, 272_000, 512_000, 524_288)
SUMS_MOST: Final = 100  # kept apart; a provider that names more models than that gets the rest priced as unknown

_ADDED: Final = tuple(
    name
    for name in Usage.__struct_fields__
    if name.startswith(("input_", "output_"))
    or name in ("web_searches", "file_searches", "characters", "images", "pages", "seconds")
)


class Part(NamedTuple):
    """What requests of one price used at one model."""

    model: str | None
    usage: Usage


def parts_of(model: str | None, usage: Usage) -> list[Part]:
    """Take a usage apart: its own, and what stands elsewhere."""
    return [Part(model, usage), *(part for each in usage.elsewhere for part in parts_of(each.model, each))]


def whole_of(parts: list[Part]) -> Part:
    """Put parts together again: the largest one is the usage, what the others used stands elsewhere."""
    if not parts:
        return Part(None, Usage())
    first, *others = sorted(parts, key=lambda part: part.usage.input_total + part.usage.output_total, reverse=True)
    elsewhere = tuple(replace(usage, model=model, elsewhere=()) for model, usage in others)
    return Part(first.model, replace(first.usage, model=None, elsewhere=elsewhere))


def add(total: Usage, usage: Usage) -> None:
    """Add one usage to a sum of others; what lies elsewhere is left to the caller.

    What would make the sum larger than anything can be is left out and told.
    """
    total.suspect = total.suspect or usage.suspect
    if total.input_total + usage.input_total > MOST or total.output_total + usage.output_total > MOST:
        total.suspect = True
        return
    for name in _ADDED:
        value = getattr(usage, name)
        if value:
            setattr(total, name, min(getattr(total, name) + value, MOST))
    if usage.provider_cost_nano_usd is not None:
        total.provider_cost_nano_usd = (total.provider_cost_nano_usd or 0) + usage.provider_cost_nano_usd
    total.requests += usage.requests or 1
    total.context = max(total.context, usage.context or usage.input_total)


class Sum:
    """Adds up requests of a batch, those that may have different prices apart from each other."""

    __slots__ = ("_sums", "_suspect")

    def __init__(self) -> None:
        self._sums: dict[tuple[object, ...], Part] = {}
        self._suspect = False

    def add(self, model: str | None, usage: Usage) -> None:
        """Add what one request used."""
        for part in parts_of(model, usage):
            self._add(part)

    def spoil(self) -> None:
        """Note that a request could not be read."""
        self._suspect = True

    def result(self) -> Part:
        """Return what all of them used: nothing, where none succeeded."""
        model, usage = whole_of(list(self._sums.values()))
        usage.processing = "batch"
        usage.suspect = usage.suspect or self._suspect
        return Part(model, usage)

    def _add(self, part: Part) -> None:
        model, usage = part
        step = bisect_left(EDGES, usage.context or usage.input_total)
        charged = usage.provider_cost_nano_usd is not None
        key = (model, usage.service_tier, usage.speed, usage.geo, step, charged)
        known = self._sums.get(key)
        if known is None:
            if len(self._sums) >= SUMS_MOST:
                model, key = None, (None, None, None, None, step, charged)
            total = Usage(service_tier=usage.service_tier, speed=usage.speed, geo=usage.geo, processing="batch")
            known = self._sums.setdefault(key, Part(model, total))
        add(known.usage, usage)
