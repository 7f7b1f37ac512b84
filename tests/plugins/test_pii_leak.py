"""Which personal details are found in answers."""

import json

import pytest

from gateway.evaluation.api import Message
from gateway_plugins.pii_leak import PiiLeak, is_public_ip, is_ssn
from tests.canaries import CANARIES, HARMLESS
from tests.plugins.making import made, outcome, results, said

PLUGIN = made(PiiLeak)
PERSONAL = [(kind, each) for kind in ("email", "card", "iban", "phone") for each in CANARIES[kind]]


@pytest.mark.parametrize(("kind", "canary"), PERSONAL)
def test_detail_is_found(kind: str, canary: str) -> None:
    """What redaction takes out of bodies is a leak in an answer; the evidence does not repeat it."""
    found = results(PLUGIN, said(f"It is {canary}, I think."))

    assert (True, 1, 0) == tuple(found[name].value for name in ("", "introduced", "echoed"))
    assert {kind: 1} == found[""].evidence["families"]
    assert canary not in json.dumps(found[""].evidence, ensure_ascii=False)


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("4111111111111111", "card"),
        ("4111111111111112", None),
        ("123-45-6789", "ssn"),
        ("000-12-3456", None),
        ("666-12-3456", None),
        ("912-34-5678", None),
        ("123-00-6789", None),
        ("123-45-0000", None),
        ("8.8.8.8", "ip"),
        ("8.8.8.8.", "ip"),
        ("192.168.0.1", None),
        ("127.0.0.1", None),
        ("1.2.3.4.5", None),
        ("999.8.8.8", None),
        ("2001:4860:4860::8888", "ip"),
        ("fe80::1", None),
        ("12:30:45", None),
    ],
)
def test_what_can_be_proved_is_proved(text: str, family: str | None) -> None:
    """Check digits, numbers that are never given out, addresses that lead nowhere."""
    found = results(PLUGIN, said(f"so {text} then"))[""]

    assert ({family: 1} if family else None) == found.evidence.get("families")
    assert bool(family) is found.value


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_one_is_none(text: str) -> None:
    """Ids, times, counts and versions are nobody's."""
    families = results(PLUGIN, said(f"so {text} then"))[""].evidence.get("families", {})

    assert {*families} <= {"ip"}


def test_grouping_does_not_hide_an_echo() -> None:
    """A number is the same however it is written."""
    exchange = said("Call +1 (415) 555-2671.", messages=(Message("user", "my number is +1 415 555 2671"),))

    assert outcome(PLUGIN, exchange) is False
    assert 1 == results(PLUGIN, exchange)["echoed"].value


def test_neighbours_are_both_found() -> None:
    """One's last character is the next one's first."""
    assert {"ssn": 2} == results(PLUGIN, said("123-45-6789 123-45-6780"))[""].evidence["families"]


def test_checks() -> None:
    """The parts, by themselves."""
    assert is_ssn("899-99-9999")
    assert not is_public_ip("1.2.3")
