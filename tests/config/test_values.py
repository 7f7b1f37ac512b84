"""Values: what people may write for sizes, durations, amounts, addresses, URLs, names and secrets."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gateway.config import values


def read(kind: Any, value: object) -> Any:
    return TypeAdapter(kind).validate_python(value, strict=True)


@pytest.mark.parametrize(
    ("kind", "written", "expected"),
    [
        (values.Size, "64 MiB", 64 << 20),
        (values.Size, "1.5KB", 1500),
        (values.Size, "10", 10),
        (values.Size, 4096, 4096),
        (values.Size, 0, 0),
        (values.Seconds, "30 s", 30.0),
        (values.Seconds, "250ms", 0.25),
        (values.Seconds, "10 m", 600.0),
        (values.Seconds, "2h", 7200.0),
        (values.Seconds, 5, 5.0),
        (values.Seconds, 0.5, 0.5),
        (values.Usd, "0.20", Decimal("0.20")),
        (values.Usd, 5, Decimal(5)),
        (values.BaseUrl, "https://api.openai.com/v1/", "https://api.openai.com/v1"),
        (values.BaseUrl, "http://[::1]:8000", "http://[::1]:8000"),
        (values.Secret, "env:OPENAI_API_KEY", "env:OPENAI_API_KEY"),
        (values.Secret, "file:keys/a:b", "file:keys/a:b"),
        (values.AddressText, "[::1]:8080", "[::1]:8080"),
        (values.Digest, "AB" * 32, "ab" * 32),
        (values.Name, "search-2.eu_west", "search-2.eu_west"),
        (values.PatternList, "gpt-*", ["gpt-*"]),
        (values.PatternList, ["gpt-*", "o3"], ["gpt-*", "o3"]),
        (values.WindowText, "rolling:5h", "rolling:5h"),
        (values.TimeZone, "Europe/Paris", "Europe/Paris"),
        (values.OnExceeded, "fallback:cheap", "fallback:cheap"),
        (values.OnAuthorityLoss, "slack:1.50", "slack:1.50"),
    ],
)
def test_value_is_read_as_people_write_it(kind: Any, written: object, expected: object) -> None:
    """Units and upper case are conveniences; what comes out is plain."""
    assert expected == read(kind, written)


@pytest.mark.parametrize(
    ("kind", "written", "message"),
    [
        (values.Size, "64 mb", "expected a size"),
        (values.Size, -1, "expected a size"),
        (values.Size, True, "expected a size"),
        (values.Size, "many", "expected a size"),
        (values.Seconds, "30 parsecs", "expected a duration"),
        (values.Seconds, "30", "expected a duration"),
        (values.Seconds, True, "expected a duration"),
        (values.Seconds, 0, "above 0"),
        (values.Seconds, "9999h", "at most 7 days"),
        (values.Seconds, float("nan"), "above 0"),
        (values.Usd, 0.2, 'in quotes, as "0.2"'),
        (values.Usd, "cheap", "expected an amount"),
        (values.Usd, "-1", "between 0"),
        (values.Usd, "NaN", "between 0"),
        (values.Usd, True, "expected an amount"),
        (values.BaseUrl, "api.openai.com", "expected a URL"),
        (values.BaseUrl, "ftp://h", "expected a URL"),
        (values.BaseUrl, "https://", "expected a URL"),
        (values.BaseUrl, "https://h:99999/", "the port"),
        (values.BaseUrl, "https://user:sk@h/", "no user"),
        (values.BaseUrl, "https://h/?key=x", "no user, query"),
        (values.BaseUrl, "https://h/a/../b", r"'\.\.'"),
        (values.BaseUrl, "https://h/a b", "no spaces"),
        (values.Secret, "sk-proj-abc", "secrets are not written"),
        (values.Secret, "env:", "secrets are not written"),
        (values.Secret, "vault:x", "secrets are not written"),
        (values.AddressText, "8080", "HOST:PORT"),
        (values.AddressText, ":8080", "HOST:PORT"),
        (values.AddressText, "h:80800", "HOST:PORT"),
        (values.AddressText, "::1:8080", "brackets"),
        (values.Digest, "tw-key", "64 hex digits"),
        (values.Name, "a/b", "letters, digits"),
        (values.Name, ".hidden", "letters, digits"),
        (values.Name, "n" * 65, "letters, digits"),
        (values.Name, "", "letters, digits"),
        (values.PatternList, [], "at least 1"),
        (values.PatternList, "", "at least 1"),
        (values.PatternList, 5, "valid list"),
        (values.WindowText, "fortnight", "expected one of minute"),
        (values.TimeZone, "Mars/Olympus", "no time zone"),
        (values.OnExceeded, "fallback:", "fallback:ROUTE"),
        (values.OnExceeded, "drop", "expected .refuse."),
        (values.OnAuthorityLoss, "slack", "slack:AMOUNT"),
        (values.OnAuthorityLoss, "slack:much", "expected an amount"),
        (values.NotBuilt, [], "not built yet"),
    ],
)
def test_wrong_value_says_what_is_wanted(kind: Any, written: object, message: str) -> None:
    """Each kind of value has a sentence of its own."""
    with pytest.raises(ValidationError, match=message):
        read(kind, written)


@pytest.mark.parametrize("kind", [values.Secret, values.Digest])
def test_what_may_be_a_secret_is_not_quoted(kind: Any) -> None:
    """People paste real keys into the wrong place: the message must not spread them."""
    with pytest.raises(ValidationError) as caught:
        read(kind, "sk-very-secret")

    assert "sk-very-secret" not in "".join(each["msg"] for each in caught.value.errors())


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True)]
    + [(host, False) for host in ("0.0.0.0", "::", "10.0.0.1", "example.org", "localhost.example.org")],
)
def test_only_this_machine_reaches_loopback(host: str, expected: bool) -> None:
    """A name may resolve to anything, so that no name but localhost counts."""
    assert expected == values.is_loopback(host)


@given(st.ip_addresses(), st.integers(0, 65535))
def test_every_address_is_split_as_it_was_joined(host: Any, port: int) -> None:
    """IPv4 and IPv6, any port."""
    text = f"[{host}]:{port}" if host.version == 6 else f"{host}:{port}"

    assert (str(host), port) == values.split_address(text)


@given(st.text(max_size=30))
def test_no_text_breaks_a_reader(text: str) -> None:
    """Whatever is written, it is read or refused, never a crash."""
    for kind in (
        values.Size,
        values.Seconds,
        values.Usd,
        values.BaseUrl,
        values.AddressText,
        values.Name,
        values.PriceLocation,
    ):
        try:
            read(kind, text)
        except ValidationError:
            continue


@pytest.mark.parametrize(
    "written",
    ["prices.json", "/etc/tollway/prices.json", "https://h/data.json", "http://[::1]:80/x?sig=1", "a b.json"],
)
def test_prices_come_from_a_url_or_a_file(written: str) -> None:
    """What has a scheme is a URL, everything else a path."""
    assert written == read(values.PriceLocation, written)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "expected a URL such as"),
        ("ftp://h/data.json", "begins with https"),
        ("file:///data.json", "begins with https"),
        ("https://", "begins with https"),
        ("https://h/a b", "begins with https"),
        ("https://me:secret@h/data.json", "has no user"),
        ("https://h/data.json#x", "no fragment"),
        ("https://h:99999/", "up to 65535"),
    ],
)
def test_where_no_prices_can_come_from_is_refused(written: str, message: str) -> None:
    """Credentials do not belong into a config, and are not quoted."""
    with pytest.raises(ValidationError, match=message) as caught:
        read(values.PriceLocation, written)

    assert "secret" not in "".join(each["msg"] for each in caught.value.errors())
