"""Access: which key is whose, and what it may do."""

from hashlib import sha256

import pytest

from gateway.policies.access import CACHED_MOST, Access, Principal


def digest(key: str) -> bytes:
    return sha256(key.encode()).digest()


def test_key_is_found_by_its_hash() -> None:
    """A credential leads to the principal whose hash it has; any other credential leads nowhere."""
    ci = Principal(team="search", key="ci")
    access = Access({digest("tw-1"): ci})

    assert ci is access.identify([b"tw-1"])
    assert access.identify([b"tw-2"]) is None
    assert access.identify([digest("tw-1")]) is None
    assert access.identify([]) is None


def test_first_valid_credential_of_a_request_counts() -> None:
    """SDKs send placeholders beside the real key: an unknown credential does not hide a known one."""
    ci, laptop = Principal(team="search", key="ci"), Principal(team="search", key="laptop")
    access = Access({digest("tw-1"): ci, digest("tw-2"): laptop})

    assert laptop is access.identify([b"unused", b"tw-2", b"tw-1"])


@pytest.mark.parametrize(
    ("team", "company", "model", "expected"),
    [
        (None, None, "anything", True),
        (("gpt-4o*",), None, "gpt-4o-mini", True),
        (("gpt-4o*",), None, "gpt-5", False),
        ((), None, "gpt-5", False),
        (None, ("claude-*",), "gpt-5", False),
        (("*",), ("claude-*",), "gpt-5", False),
        (("gpt-*",), ("*",), "gpt-5", True),
    ],
)
def test_team_and_company_must_both_allow_a_model(
    team: tuple[str, ...] | None, company: tuple[str, ...] | None, model: str, expected: bool
) -> None:
    """What the company forbids no team can allow; no list at all allows everything, an empty one nothing."""
    principal = Principal(team="t", key="k", allow_models=team, company_models=company)

    assert expected == principal.allows(model)
    assert (team is not None or company is not None) == principal.is_limited


def test_what_the_company_allows_can_be_asked_alone() -> None:
    """For models that no caller asks for."""
    assert Principal(team="t", key="k", allow_models=()).company_allows("gpt-5")
    held = Principal(team="t", key="k", company_models=("gpt-*",))
    assert [True, False] == [held.company_allows(model) for model in ("gpt-5", "claude-5")]


def test_invented_names_do_not_fill_the_memory() -> None:
    """Verdicts are remembered, but not for every name that a caller makes up; and they stay right."""
    principal = Principal(team="t", key="k", allow_models=("gpt-*",))
    for number in range(3 * CACHED_MOST):
        assert not principal.allows(f"made-up-{number}")

    assert len(principal._verdicts) <= CACHED_MOST
    assert principal.allows("gpt-5")
    assert principal.allows("gpt-5")


def test_everybody_who_may_call_is_listed() -> None:
    """For what must be set up for each of them."""
    one = Principal(team="search", key="ci")

    assert (one,) == Access({b"0" * 32: one}).principals()


@pytest.mark.parametrize(
    ("team", "wishes", "expected"),
    [
        ("full", [], "full"),
        ("full", [b"full"], "full"),
        ("full", [b" Redacted "], "redacted"),
        ("full", [b"none"], "none"),
        ("full", [b"off"], "none"),
        ("full", [b""], "none"),
        ("full", [b"none", b"full"], "none"),
        ("redacted", [b"full"], "redacted"),
        ("redacted", [b"none"], "none"),
        ("none", [b"redacted"], "none"),
    ],
)
def test_wish_about_bodies_can_only_lower(team: str, wishes: list[bytes], expected: str) -> None:
    """The strictest word counts, and one that nobody knows is the strictest."""
    assert expected == Principal("search", "ci", bodies=team).bodies_of(wishes)
