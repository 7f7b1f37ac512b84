"""A model without a price is told once, by a line that can be pasted; names are the callers' to invent."""

import logging
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.app.unpriced import NAME_MOST, REMEMBERED_MOST, Unpriced, setting, toml_text
from gateway.config.load import parse
from gateway.core.record import Attempt
from tests.records import record


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines of the log."""
    return [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]


def test_each_model_of_each_provider_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """By the name that the price is looked up by: what served, else what the provider was asked for."""
    unpriced = Unpriced()
    for _ in range(3):
        unpriced.tell(record(provider="local", model_served="m-1"))
        unpriced.tell(record(provider="other", model_served="m-1"))
        asked = [Attempt(provider="local", model="m-2")]
        unpriced.tell(record(provider="local", model_served=None, model_requested="fast", attempts=asked))

    lines = told(caplog)
    assert [
        f'nobody knows what "{model}" costs at {provider}: booked at [prices] default_price. Name it in config.toml: '
        f'[providers.{provider}] prices = {{ "{model}" = {{ input = "…", output = "…" }} }}'
        for provider, model in (("local", "m-1"), ("other", "m-1"), ("local", "m-2"))
    ] == lines


@given(st.text(min_size=1, max_size=20))
def test_the_line_can_be_pasted(model: str) -> None:
    """With amounts filled in, it is a price of that very model; and it is one line of printable signs."""
    line = setting("openai", model)
    pasted = line.replace("] prices", "]\nprices").replace('"…"', '"1"')

    assert line.isprintable()
    assert [model] == list(parse({"config.toml": pasted}, {}).company.providers["openai"].prices)


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "\u202egnp", "\U000e0041", '"', "\\", "\x7f", "é"])
def test_names_cannot_steer_a_terminal(name: str) -> None:
    """They stay the same names."""
    assert toml_text(name).isprintable()
    assert {"x": name} == tomllib.loads(f"x = {toml_text(name)}")


def test_memory_and_log_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever invents names fills neither; one last line says so, and long ones are no names."""
    unpriced = Unpriced()
    for number in range(3 * REMEMBERED_MOST):
        unpriced.tell(record(provider="local", model_served=f"{number}-{'x' * 10_000}"))

    lines = told(caplog)
    assert REMEMBERED_MOST + 1 == len(lines) == len(unpriced._told)
    assert "more than 200 models have no price" in lines[-1]
    assert all(len(line) < NAME_MOST + 200 for line in lines)


def test_a_model_without_a_name_is_told_too(caplog: pytest.LogCaptureFixture) -> None:
    """There is nothing to price it by but the default."""
    Unpriced().tell(record(provider="local", model_served=None, model_requested=None, attempts=[]))

    assert [
        "nobody knows what a model without a name costs at local: its exchanges are booked at [prices] default_price"
    ] == told(caplog)
