"""How single values are written: sizes, durations, prices, secrets, addresses, URLs, names. Each says what it wants."""

import re
from decimal import Decimal, InvalidOperation
from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticKnownError

from gateway.policies.redaction import compile_pattern, parse_path
from gateway.policies.windows import parse as parse_window

SIZE_UNITS = {"": 1, "B": 1, "KB": 10**3, "KiB": 2**10, "MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}
TIME_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NAME_RULE = "letters, digits, '.', '_' and '-', beginning with a letter or digit, at most 64"


def is_name(text: str) -> bool:
    """Tell whether a team, key or provider may be called so: safe in paths, URLs, labels and on command lines."""
    return _NAME.fullmatch(text) is not None


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can connect to `host`. A name is not trusted, except localhost."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def split_address(text: str) -> tuple[str, int]:
    """Split "127.0.0.1:8080" or "[::1]:8080" into host and port."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError('expected "HOST:PORT", such as "127.0.0.1:8080" or "0.0.0.0:8080"')
    if ":" in host and not bracketed:
        raise ValueError('put an IPv6 address into brackets: "[::1]:8080"')
    return (host[1:-1] if bracketed else host), int(port)


def _size(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = _QUANTITY.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or found[2] not in SIZE_UNITS:
        raise ValueError('expected a size such as "64 MiB" (B, KB, KiB, MB, MiB, GB, GiB) or a number of bytes')
    return int(Decimal(found[1]) * SIZE_UNITS[found[2]])


def _seconds(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    else:
        found = _QUANTITY.fullmatch(value.strip()) if isinstance(value, str) else None
        if found is None or found[2] not in TIME_UNITS:
            raise ValueError('expected a duration such as "30 s" (ms, s, m, h) or a number of seconds')
        number = float(found[1]) * TIME_UNITS[found[2]]
    if not 0 < number <= 7 * 86400:
        raise ValueError("expected a duration above 0 and of at most 7 days")
    return number


def _usd(value: Any) -> Decimal:
    if isinstance(value, float):
        raise ValueError(f'write the amount in quotes, as "{value}": a decimal point without them is inexact')
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError('expected an amount in USD such as "0.20"')
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise ValueError('expected an amount in USD such as "0.20"') from None
    if not amount.is_finite() or not 0 <= amount <= 10**6:
        raise ValueError("expected an amount in USD between 0 and 1000000")
    return amount


def _secret(value: str) -> str:
    """Never quote the value: it may be a real key."""
    kind, colon, rest = value.partition(":")
    if not colon or kind not in ("env", "file") or not rest:
        raise ValueError('secrets are not written into config: use "env:NAME" or "file:PATH"')
    return value


def _address(value: str) -> str:
    split_address(value)
    return value


def _base_url(value: str) -> str:
    url = urlsplit(value)
    if url.scheme not in ("http", "https") or not url.hostname or not value.isascii():
        raise ValueError('expected a URL such as "https://api.openai.com/v1"')
    if url.query or url.fragment or url.username is not None or "?" in value or "#" in value:
        raise ValueError("a base URL has no user, query or fragment (keys go into api_keys)")
    try:
        _ = url.port
    except ValueError:
        raise ValueError("the port must be a number up to 65535") from None
    if re.search(r"[\x00-\x20\x7f\\]", value) or any(part in (".", "..") for part in url.path.split("/")):
        raise ValueError("a base URL has no spaces, backslashes or '..'")
    return value.rstrip("/")


def _price_source(value: str) -> str:
    """Never quote the value: people paste URLs with credentials in them."""
    if "://" not in value:
        if not value or "\0" in value:
            raise ValueError('expected a URL such as "https://…/data.json" or a file such as "prices.json"')
        return value
    url = urlsplit(value)
    if url.scheme not in ("http", "https") or not url.hostname or re.search(r"[\x00-\x20\x7f]", value):
        raise ValueError("expected a URL that begins with https:// or http://, or the path of a file")
    if url.username is not None or url.fragment:
        raise ValueError("the URL of a price list has no user and no fragment")
    try:
        _ = url.port
    except ValueError:
        raise ValueError("the port must be a number up to 65535") from None
    return value


def _name(value: str) -> str:
    if not is_name(value):
        raise ValueError(f"a name is {NAME_RULE}")
    return value


def _digest(value: str) -> str:
    """Never quote the value: people paste the key itself here."""
    if re.fullmatch(r"[0-9a-fA-F]{64}", value) is None:
        raise ValueError("expected the SHA-256 of the key as 64 hex digits; `tollway key new` writes it for you")
    return value.lower()


def _not_built(value: Any) -> None:
    raise ValueError("is not built yet in this version; remove it")


def _patterns(value: Any) -> Any:
    """Take one pattern for a list of it."""
    return [value] if isinstance(value, str) else value


def _window(value: str) -> str:
    parse_window(value)
    return value


def _timezone(value: str) -> str:
    parse_window("day", value)
    return value


def _on_exceeded(value: str) -> str:
    kind, colon, route = value.partition(":")
    if value != "refuse" and not (kind == "fallback" and colon and route):
        raise ValueError('expected "refuse" or "fallback:ROUTE", such as "fallback:cheap"')
    return value


def _on_authority_loss(value: str) -> str:
    kind, colon, amount = value.partition(":")
    if value in ("deny", "allow"):
        return value
    if kind != "slack" or not colon:
        raise ValueError('expected "deny", "allow" or "slack:AMOUNT", such as "slack:1.50" (USD for each worker)')
    _usd(amount)
    return value


def _table(value: Any) -> Any:
    """Take a table; anything else is a setting that is not known."""
    if not isinstance(value, dict):
        raise PydanticKnownError("extra_forbidden")
    return value


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("expected a share between 0 and 1, such as 0.05")
    return float(value)


_ALWAYS = re.compile(r"(cost_usd|duration_ms|first_token_ms)\s*>\s*(\d+(?:\.\d+)?)")
_ALWAYS_PLAIN = ("error", "truncated", "content_filter", "negative_feedback")


def _always(value: str) -> str:
    if value not in _ALWAYS_PLAIN and _ALWAYS.fullmatch(value) is None:
        raise ValueError(
            f'expected one of {", ".join(_ALWAYS_PLAIN)}, or a bound such as "cost_usd > 0.10", "duration_ms > 30000", '
            '"first_token_ms > 5000"'
        )
    return value


def _own_pattern(value: str) -> str:
    compile_pattern(value)
    return value


def _json_path(value: str) -> str:
    parse_path(value)
    return value


Size = Annotated[int, BeforeValidator(_size)]
Seconds = Annotated[float, BeforeValidator(_seconds)]
Usd = Annotated[Decimal, BeforeValidator(_usd)]
Secret = Annotated[str, AfterValidator(_secret)]
AddressText = Annotated[str, AfterValidator(_address)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
PriceLocation = Annotated[str, AfterValidator(_price_source)]
Name = Annotated[str, AfterValidator(_name)]
Digest = Annotated[str, AfterValidator(_digest)]
PatternList = Annotated[list[Annotated[str, Field(min_length=1)]], BeforeValidator(_patterns), Field(min_length=1)]
WindowText = Annotated[str, AfterValidator(_window)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
OnExceeded = Annotated[str, AfterValidator(_on_exceeded)]
OnAuthorityLoss = Annotated[str, AfterValidator(_on_authority_loss)]
OwnPattern = Annotated[str, AfterValidator(_own_pattern)]
JsonPath = Annotated[str, AfterValidator(_json_path)]
TABLE = BeforeValidator(_table)
Share = Annotated[float, BeforeValidator(_share)]
AlwaysText = Annotated[str, AfterValidator(_always)]
NotBuilt = Annotated[None, BeforeValidator(_not_built)]
