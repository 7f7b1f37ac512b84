"""`tollway price MODEL`: what does a model cost, by whose word, until when, and what does a usage add up to?"""

import os
import time
from dataclasses import replace
from typing import Annotated, Any, NamedTuple

import typer

from gateway.cli.options import PROBLEM, USAGE, AsJson, ConfigFile, Offered, fail, load, print_json, with_options
from gateway.cli.quote import show
from gateway.cli.reading import price_list
from gateway.config import compile
from gateway.config.defaults import KNOWN, completed
from gateway.config.load import Config
from gateway.config.model import Provider as ProviderSection
from gateway.config.problems import suggestion
from gateway.core.usage import Usage
from gateway.policies.quote import places, public_quote, quote
from gateway.store.asking import instant_ms


class Amount(NamedTuple):
    """An option for an amount: the field of Usage that it fills, and of which option it is a part."""

    field: str
    meaning: str
    of: str = ""


AMOUNTS = {
    "input": Amount("input_total", "Tokens read, cached or not."),
    "cache_read": Amount("input_cached_read", "Of the input: read from the cache.", "input"),
    "cache_write": Amount("input_cache_write_other", "Of the input: written to the cache.", "input"),
    "cache_write_5m": Amount("input_cache_write_5m", "Of the input: written to the cache for 5 minutes.", "input"),
    "cache_write_1h": Amount("input_cache_write_1h", "Of the input: written to the cache for an hour.", "input"),
    "input_audio": Amount("input_audio", "Of the input: sound.", "input"),
    "input_image": Amount("input_image", "Of the input: pictures.", "input"),
    "input_video": Amount("input_video", "Of the input: film.", "input"),
    "output": Amount("output_total", "Tokens written, reasoning included."),
    "reasoning": Amount("output_reasoning", "Of the output: reasoning.", "output"),
    "output_audio": Amount("output_audio", "Of the output: sound.", "output"),
    "output_image": Amount("output_image", "Of the output: pictures.", "output"),
    "web_searches": Amount("web_searches", "Searches in the web."),
    "file_searches": Amount("file_searches", "Searches in files."),
    "seconds": Amount("seconds", "Seconds of sound."),
    "characters": Amount("characters", "Characters that are spoken."),
    "pages": Amount("pages", "Pages that are read."),
    "images": Amount("images", "Pictures that are drawn."),
}
CLASSES = {
    "tier": ("service_tier", "NAME", "The service tier: flex, priority, …"),
    "speed": ("speed", "NAME", "The speed: fast."),
    "geo": ("geo", "NAME", "Where inference stays: us."),
}
OFFERED = {
    **{name: Offered(str, metavar, meaning) for name, (_, metavar, meaning) in CLASSES.items()},
    **{name: Offered(int if name != "seconds" else float, "N", one.meaning) for name, one in AMOUNTS.items()},
}


@with_options(OFFERED)
def price(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model, a route, or PROVIDER/MODEL.")],
    config: ConfigFile = None,
    as_json: AsJson = False,
    provider: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="At this provider. Default: who would get the request.", show_default=False),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Then: 2026-11-01T08:00 (UTC), 2d ago. Default: now.", show_default=False),
    ] = None,
    batch: Annotated[bool, typer.Option("--batch", help="In a batch.")] = False,
    **said: Any,
) -> None:
    """Show what a model costs and by whose word; with amounts (--input N …) what they cost, line by line."""
    usage = _usage(said)
    at_unix_s = _instant(at)
    context = {field: said[name] for name, (field, _, _) in CLASSES.items() if said[name]}
    context |= {"processing": "batch"} if batch else {}
    found = _with_provider(load(config), provider)
    prices = compile.price_book(found, price_list(found))
    known = True
    routing = compile.routing(found, os.environ)
    for where, asked, why in places(routing, model, None if provider is None else routing.provider(provider)):
        told = quote(prices, where, asked, why, context, at_unix_s)
        known = known and told.is_known
        if as_json:
            print_json(public_quote(told, usage))
        else:
            show(told, usage)
    if not known:
        raise typer.Exit(PROBLEM)


def _with_provider(config: Config, wanted: str | None) -> Config:
    """Add the built-in providers that the question is about: a price can be asked for before anything is configured."""
    providers = dict(config.company.providers)
    if wanted is not None and wanted not in providers and wanted not in KNOWN:
        hint = suggestion(wanted, [*providers, *KNOWN])
        fail(f"--provider: there is no provider '{wanted}', neither in {config.file} nor built in.{hint}", USAGE)
    names = [wanted] if wanted is not None else [] if providers else list(KNOWN)
    for name in names:
        providers.setdefault(name, completed(name, ProviderSection(), os.environ))
    return replace(config, company=config.company.model_copy(update={"providers": providers}))


def _usage(said: dict[str, Any]) -> Usage | None:
    """Collect the amounts; None: there are none."""
    amounts = {name: said[name] or 0 for name in AMOUNTS}
    if any(amount < 0 for amount in amounts.values()):
        fail("amounts are at least 0", USAGE)
    for name, one in AMOUNTS.items():
        if one.of and amounts[name] > amounts[one.of]:
            fail(f"--{name.replace('_', '-')} is a part of --{one.of} and cannot be more", USAGE)
    cached = sum(amounts[name] for name in AMOUNTS if name.startswith("cache_"))
    if cached > amounts["input"]:
        fail("what is read from and written to the cache is part of --input and cannot be more", USAGE)
    usage = Usage()
    for name, one in AMOUNTS.items():
        setattr(usage, one.field, amounts[name])
    return usage if any(amounts.values()) else None


def _instant(at: str | None) -> float:
    now_ms = time.time_ns() // 1_000_000
    try:
        return (now_ms if at is None else instant_ms(at, now_ms)) / 1000
    except ValueError as error:
        fail(f"--at: {error}", USAGE)
