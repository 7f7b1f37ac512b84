"""What did an exchange cost, line by line, by whose prices, and what can be done about it? From its record alone."""

from typing import Any, NamedTuple

import msgspec

from gateway.core.money import nano_from_pico, usd_text, usd_text_from_pico
from gateway.core.record import Record
from gateway.core.usage import Usage
from gateway.policies.rates import KINDS, TOKEN_KINDS, Line, Rates, Schedule, bill, rates_from_pico

# What is counted, and what a price in USD is for. What is not named is counted by its kind.
_UNITS = dict.fromkeys(TOKEN_KINDS, ("tokens", "1M tokens")) | {
    "web_search": ("searches", "1,000 searches"),
    "file_search": ("searches", "1,000 searches"),
    "request": ("requests", "1,000 requests"),
    "page": ("pages", "1,000 pages"),
    "character": ("characters", "1M characters"),
    "image": ("pictures", "picture"),
    "audio_minimum": ("requests", "request with sound"),
    "audio_hour": ("seconds", "hour"),
}

_TOLD = {
    "provider": "{provider} named this cost itself, which wins over every price: none was applied.",
    "config": "The prices are those of your config, under [providers.{provider}].",
    "genai-prices": "The prices are those of the public list{version}, as they stood when the exchange began.",
    "default": "Nobody knows what '{model}' costs, so it was booked at the default price.",
    "free": "{provider} is marked free in the config.",
    "none": "Nobody knows what '{model}' costs, and the config books that at nothing (unknown_model).",
}
_NAME_IT = (
    "Name its price in config.toml, in USD per million tokens; it holds for exchanges from then on:\n"
    '[providers.{provider}]\nprices = {{ "{model}" = {{ input = "…", output = "…" }} }}'
)
_ADVICE = {
    "provider": "Compare it with the provider's invoice; prices in the config do not change it.",
    "default": _NAME_IT,
    "free": "If {provider} does bill you, take `free = true` out of [providers.{provider}].",
    "none": _NAME_IT,
}
_NOT_KEPT = "An earlier version wrote this down and did not keep the prices that it applied: only the sum is known."
_UNREADABLE = "The prices in the record cannot be read: `tollway audit` names what is wrong."

_JOBS = {
    "open": "The work goes on at the provider as {id}. It costs nothing yet: its cost is booked here once it is known.",
    "booked": "The work went on at the provider as {id}, and its cost was booked here when it was known.",
    "lapsed": "The work went on at the provider as {id}. Nobody asked for its result, so an estimate was booked.",
    "seen": "This only asked how far {id} is: the cost stands with the exchange that asked for the work.",
}


class Bill(NamedTuple):
    """What one model did. `lines`: None where no prices are known that were applied; `nano_usd` is what was booked.

    `pico_usd`: the sum of the lines; rounded up to the nano-dollar it is what was booked.
    """

    model: str | None
    lines: list[Line] | None
    pico_usd: int
    nano_usd: int

    @property
    def adds_up(self) -> bool:
        """Whether the lines, where there are some, are what was booked."""
        return self.lines is None or nano_from_pico(self.pico_usd) == self.nano_usd


class Explained(NamedTuple):
    """`own`: what the model itself did. `elsewhere`: what other models did for the answer; the cost is all together.

    `told`: whose prices these are. `advice`: what to do about it. `tier`: the input beyond which they hold, if the
    price list was asked and they are those of a tier.
    """

    own: Bill
    elsewhere: list[Bill]
    cost_nano_usd: int
    told: str
    advice: str | None
    tier: int | None


class BadRates(ValueError):
    """What stands in a record as its rates are none."""


def applied(raw: msgspec.Raw) -> Rates | None:
    """Read the rates of a record; None: none were kept. Raises BadRates."""
    if not bytes(raw):
        return None
    try:
        given = msgspec.json.decode(raw, type=dict[str, int])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRates(f"the rates cannot be read: {error}") from None
    if unknown := given.keys() - KINDS.keys():
        raise BadRates(f"the rates name a kind that this version does not know: {min(unknown)}")
    return rates_from_pico(given)


def explain(record: Record, listed: Schedule | None = None) -> Explained:
    """Explain a cost. `listed`: what the price list says for this exchange, where it can be asked."""
    usage = record.usage
    others = usage.elsewhere if usage is not None else ()
    model = record.model_served or record.model_asked
    own = _bill(record, model, usage, record.cost_nano_usd - sum(each.cost_nano_usd for each in others))
    told, advice = _words(record, model)
    return Explained(
        own=own,
        elsewhere=[_made(each.model, _lines(each, each.rates), each.cost_nano_usd) for each in others],
        cost_nano_usd=record.cost_nano_usd,
        told=told,
        advice=advice,
        tier=_tier(record, listed),
    )


def public_bill(explained: Explained) -> dict[str, Any]:
    """Shape it for programs: amounts as integers and as exact decimal texts."""
    return {
        **_public(explained.own),
        "elsewhere": [_public(each) for each in explained.elsewhere],
        "total_cost_nano_usd": explained.cost_nano_usd,
        "total_cost_usd": usd_text(explained.cost_nano_usd),
        "told": explained.told,
        "advice": explained.advice,
        "tier": explained.tier,
    }


def units(kind: str) -> tuple[str, str]:
    """Say what is counted of a kind, and what a price in USD is for: "tokens", "1M tokens"."""
    return _UNITS.get(kind) or (kind, f"{KINDS[kind].per:,} {kind}")


def rate_text(line: Line) -> str:
    """Write the price of a line in USD, for as many as its kind says."""
    return usd_text_from_pico(line.rate_pico_usd * KINDS[line.kind].per)


def _bill(record: Record, model: str | None, usage: Usage | None, nano_usd: int) -> Bill:
    if usage is None or record.price_source in ("provider", "free"):
        return _made(model, None, nano_usd)
    return _made(model, _lines(usage, record.rates), nano_usd)


def _made(model: str | None, lines: list[Line] | None, nano_usd: int) -> Bill:
    return Bill(model, lines, sum(line.pico_usd for line in lines or ()), nano_usd)


def _lines(usage: Usage, raw: msgspec.Raw) -> list[Line] | None:
    try:
        rates = applied(raw)
        return None if rates is None else bill(usage, rates)
    except (ArithmeticError, ValueError):
        return None  # what stands there is no usage, or no rates


def _words(record: Record, model: str | None) -> tuple[str, str | None]:
    """Say whose price applied, and what to do about it."""
    version = f" ({record.price_version})" if record.price_version else ""
    names = {"provider": record.provider or "?", "model": model or "?", "version": version}
    if record.job is not None and (record.usage is None or record.job.state not in ("booked", "lapsed")):
        return _JOBS.get(record.job.state, "The work goes on as {id}.").format(id=record.job.id), None
    if record.usage is None:
        return _why_nothing(record), None
    told, advice = _TOLD.get(record.price_source, ""), _ADVICE.get(record.price_source)
    told, advice = told.format(**names), advice.format(**names) if advice else None
    if record.price_source not in ("provider", "free"):
        told = f"{told} {_doubt(record)}".strip()
    if record.job is not None:
        told = f"{_JOBS[record.job.state].format(id=record.job.id)} {told}"
    return told, advice


def _doubt(record: Record) -> str:
    try:
        return _NOT_KEPT if applied(record.rates) is None and record.price_source != "none" else ""
    except BadRates:
        return _UNREADABLE


def _why_nothing(record: Record) -> str:
    if not record.attempts:
        return "No provider was asked, so nothing was used."
    status = record.attempts[-1].status
    if status is None:
        return f"{record.provider} took nothing of the request, so nothing was used."
    if status >= 300:
        return f"{record.provider} answered {status}: nothing was used."
    return f"Calls of this kind ({record.endpoint}) are free of charge."


def _tier(record: Record, listed: Schedule | None) -> int | None:
    if listed is None:
        return None
    try:
        rates = applied(record.rates)
    except BadRates:
        return None
    return next((start for start, tier in listed.tiers if tier == rates), None)


def _public(one: Bill) -> dict[str, Any]:
    return {
        "model": one.model,
        "lines": None if one.lines is None else [_public_line(line) for line in one.lines],
        "sum_pico_usd": None if one.lines is None else _integer(one.pico_usd),
        "cost_nano_usd": one.nano_usd,
        "cost_usd": usd_text(one.nano_usd),
    }


def _integer(amount: int) -> int | msgspec.Raw:
    """Keep an integer one in JSON, also beyond 64 bits: a provider may name counts whose price is there."""
    return amount if amount < 1 << 63 else msgspec.Raw(str(amount).encode())


def _public_line(line: Line) -> dict[str, Any]:
    counted, priced = units(line.kind)
    return {
        "kind": line.kind,
        "amount": line.amount,
        "unit": counted,
        "rate_usd": rate_text(line),
        "rate_per": priced,
        "cost_pico_usd": _integer(line.pico_usd),
        "cost_usd": usd_text_from_pico(line.pico_usd),
    }
