"""Finds in characters, by family."""

import pytest

from gateway.evaluation import text
from gateway.evaluation.text import Finder, Found
from tests.canaries import CANARIES


@pytest.mark.parametrize(("kind", "canary"), [(kind, each) for kind in text.PERSONAL for each in CANARIES[kind]])
def test_personal_detail_is_found(kind: str, canary: str) -> None:
    """Places are counted in characters, whatever stands before."""
    (found,) = Finder(personal=True).find(f"é\ud800 {canary} é")

    assert Found(kind, 3, 3 + len(canary)) == found


@pytest.mark.parametrize("canary", CANARIES["secret"])
def test_secret_has_its_family(canary: str) -> None:
    """Each canary is known by the family of a pattern of its own, not by a URL's."""
    found = Finder(secrets=True).find(f"so {canary} then")

    assert 1 == len(found)
    assert found[0].family in {*text.SECRET_FAMILIES} - {text.IN_URL}


def test_password_in_url() -> None:
    """What is secret for the place where it stands."""
    assert [Found("url", 8, 19)] == Finder(secrets=True).find("https://bob:hunter2@example.com")


def test_finder_looks_for_what_it_was_asked() -> None:
    """Secrets and personal details are two questions."""
    both = f"{CANARIES['email'][0]} {CANARIES['secret'][0]}"

    assert ["sk_key"] == [each.family for each in Finder(secrets=True).find(both)]
    assert ["email"] == [each.family for each in Finder(personal=True).find(both)]
    assert [] == Finder().find(both)
