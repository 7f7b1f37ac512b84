"""Model: the defaults, and what may be written at all. That examples and documents agree with it: test_docs.py."""

from decimal import Decimal
from typing import get_args

import pytest

from gateway.config.model import PriceKind, Server, Team
from gateway.policies.rates import rates_from_usd


def test_defaults_are_safe() -> None:
    """Without a word of config both ports are this machine's own, and nobody's credential is forwarded."""
    assert ("127.0.0.1:8080", "127.0.0.1:8081") == (Server().listen, Server().admin)
    assert Team().forward_credentials is False


@pytest.mark.parametrize("kind", get_args(PriceKind))
def test_every_price_that_may_be_written_is_used(kind: str) -> None:
    """A price that nothing reads would be a promise not kept."""
    assert rates_from_usd({}) != rates_from_usd({kind: Decimal(1)})
