"""What commands that read the log share: opening the store, asking it, and saying why it has no answer."""

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from sqlite3 import DatabaseError
from typing import TypeVar

import typer

from gateway.app.price_shelf import Shelf
from gateway.cli.options import USAGE, fail, load
from gateway.config.load import Config
from gateway.policies.price_table import PriceList
from gateway.store.asking import instant_ms
from gateway.store.filters import BadFilter
from gateway.store.interface import AmbiguousId, NoSuchExchange, StoreRefused
from gateway.store.opening import QueryTimeout
from gateway.store.reader import StoreReader

T = TypeVar("T")

# Longer than the admin port allows: only the asker waits.
DEADLINE_S = 60.0


def open_store(config: Path | None) -> StoreReader:
    """Open the store that the config names; it may not exist yet."""
    folder = load(config).store_dir
    store = StoreReader(folder, deadline_s=DEADLINE_S)
    if store.is_empty:
        typer.secho(f"Nothing is logged in {folder} yet: start `tollway serve` and send a request.", err=True)
    return store


def price_list(config: Config) -> PriceList:
    """Return the public price list that is in force now."""
    return asyncio.run(Shelf(config.data_dir).take(refreshed=config.company.prices.source is not None))


def answer(asked: Coroutine[None, None, T]) -> T:
    """Run a question to the store; where it has no answer, say why and exit."""
    try:
        return asyncio.run(asked)
    except BadFilter as error:
        fail(f"{_written(error.name)}: {error}", USAGE)
    except (NoSuchExchange, AmbiguousId, QueryTimeout, StoreRefused) as error:
        fail(str(error))
    except DatabaseError as error:
        fail(f"the store cannot be read: {error}. `tollway audit` names the file")


def instant(option: str, text: str | None) -> int | None:
    """Read an option that is a time; what makes no sense ends the command."""
    if text is None:
        return None
    try:
        return instant_ms(text, time.time_ns() // 1_000_000)
    except ValueError as error:
        fail(f"--{option}: {error}", USAGE)


def _written(name: str) -> str:
    """Write a filter's name as it stands on the command line."""
    return "ID" if name == "id" else f"--{name.replace('_', '-')}"
