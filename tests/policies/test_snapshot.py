"""Snapshot: plain values that one request holds on to."""

import pytest

from gateway.policies.snapshot import Address, PriceSource, Server


@pytest.mark.parametrize(
    ("address", "expected"), [(Address("127.0.0.1", 8080), "127.0.0.1:8080"), (Address("::1", 80), "[::1]:80")]
)
def test_address_reads_as_in_config(address: Address, expected: str) -> None:
    """An address prints in the form in which it is configured."""
    assert expected == str(address)


def test_admin_token_does_not_show() -> None:
    """The server's settings may be logged."""
    assert "hush" not in repr(Server(data_dir="d", store_dir="s", admin_token="hush"))


def test_a_source_of_prices_is_named_without_its_secrets() -> None:
    """A URL may carry a key in its query; a path may hold a question mark."""
    url, file = PriceSource("https://h/data.json?sig=s3cret", 1), PriceSource("/tmp/what?.json", 1)

    assert ("https://h/data.json", "/tmp/what?.json") == (str(url), str(file))
    assert (True, False) == (url.is_url, file.is_url)
