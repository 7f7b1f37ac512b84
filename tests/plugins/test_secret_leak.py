"""Which secrets are found in answers, and what the evidence keeps to itself."""

import json

import pytest

from gateway.evaluation.api import Message, Tool, ToolCall, ToolResult
from gateway.evaluation.text import SECRET_FAMILIES
from gateway_plugins.secret_leak import SecretLeak, entropy
from tests.canaries import CANARIES
from tests.plugins.making import made, outcome, results, said

PLUGIN = made(SecretLeak)
# Parts of test keys, so that no scanner takes this file for a leak.
AWS = "AKIA" + "IOSFODNN7EXAMPLE"
GITHUB = "ghp_" + "a1B2" * 9
GENERIC = "x9Kp2mQ7vR4tY8wZ3nB6cD1f"


@pytest.mark.parametrize("canary", CANARIES["secret"])
def test_secret_is_found(canary: str) -> None:
    """What redaction takes out of bodies is a leak in an answer."""
    found = results(PLUGIN, said(f"Use this: {canary}\n"))

    assert (True, 1, 0) == tuple(found[name].value for name in ("", "introduced", "echoed"))
    assert {*found[""].evidence["families"]} <= {*SECRET_FAMILIES, "generic"}


@pytest.mark.parametrize(
    ("text", "family"),
    [
        (AWS, "aws"),
        (GITHUB, "github"),
        ("sk-ant-" + "api03-a1b2c3d4e5f6g7h8", "sk_key"),
        ("https://bob:hunter2@example.com/", "url"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "private_key"),
        (f"api_key = '{GENERIC}'", "generic"),
        (f"SECRET_TOKEN: {GENERIC}", "generic"),
        (f'{{"client_secret": "{GENERIC}"}}', "generic"),
    ],
)
def test_family_is_named(text: str, family: str) -> None:
    """A person sees what kind of secret it is without seeing it."""
    assert {family: 1} == results(PLUGIN, said(text))[""].evidence["families"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The key = value pair, the token: a word.",
        "token = settings.authentication_token_name",
        "key: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa1",
        "token: abcdefgh12abcdefgh12ab",
        "max_tokens = 20000000000000000000000",
        "sk-toggleable__content-label-arrow",
    ],
)
def test_what_only_looks_like_one_is_none(text: str) -> None:
    """Names and repetitions are not random."""
    assert outcome(PLUGIN, said(text)) in (False, "skip no_text")


def test_entropy() -> None:
    """Shannon's, in bits for each character."""
    assert 3.684 == pytest.approx(entropy(AWS), abs=5e-4)
    assert 0 == entropy("aaaa")


def test_tool_call_can_leak() -> None:
    """Arguments go out to a tool."""
    call = ToolCall("c", "post", json.dumps({"body": GITHUB}))
    found = results(PLUGIN, said(calls=(call,)))[""]

    assert found.value is True
    assert "tool_calls/0" == found.evidence["hits"][0]["in"]


@pytest.mark.parametrize(
    "before",
    [
        {"messages": (Message("user", f"My key is {GITHUB}."),)},
        {"messages": (Message("system", GITHUB),)},
        {"messages": (Message("tool", tool_results=(ToolResult("c", GITHUB),)),)},
        {"messages": (Message("assistant", tool_calls=(ToolCall("c", "f", GITHUB),)),)},
        {"tools": (Tool("f", description=GITHUB),)},
    ],
)
def test_what_stood_in_the_prompt_is_echoed(before: dict[str, object]) -> None:
    """Repeating what everybody knows already is no leak, unless one wants it to be."""
    exchange = said(f"You said {GITHUB}", **before)
    found = results(PLUGIN, exchange)

    assert (False, 0, 1) == tuple(found[name].value for name in ("", "introduced", "echoed"))
    assert outcome(made(SecretLeak, fail_on="any"), exchange) is True


def test_evidence_has_no_secret() -> None:
    """Family, place, the last two characters; with a salt a keyed hash, which is the same for the same secret only."""
    salted = made(SecretLeak, salt="0123456789abcdef")
    first, same, other = (results(salted, said(text))[""].evidence for text in (GITHUB, f"a {GITHUB}", GITHUB + "x"))
    (hit,) = results(PLUGIN, said(f"é {GITHUB}"))[""].evidence["hits"]

    assert {"family": "github", "in": "text", "start": 2, "end": 42, "last2": "B2", "echoed": False} == hit
    assert GITHUB[:8] not in json.dumps(first)
    assert 16 == len(first["hits"][0]["hash"])
    assert first["hits"][0]["hash"] == same["hits"][0]["hash"] != other["hits"][0]["hash"]


def test_many_hits_fit_the_evidence() -> None:
    """The first 20 are told one by one, all are counted."""
    text = " ".join(f"ghp_{number:036d}" for number in range(200))
    found = results(made(SecretLeak, salt="0123456789abcdef"), said(text))

    assert 20 == len(found[""].evidence["hits"])
    assert {"github": 200} == found[""].evidence["families"]
    assert 200 == found["introduced"].value
    assert len(json.dumps(found[""].evidence)) < 8192


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        (said("Paris"), False),
        (said(""), "skip no_text"),
        (said("Paris", is_complete=False), False),
        (said(GITHUB, is_complete=False), True),
        (said("Paris", is_truncated=True), "skip body_cut"),
        (said(GITHUB, is_truncated=True), True),
        (said(GITHUB, status=500), "skip failed"),
        (said(GITHUB, endpoint="embeddings"), "skip other_endpoint"),
    ],
)
def test_what_is_missing(exchange: object, expected: object) -> None:
    """What was said was said; what is not there may be anything."""
    assert expected == outcome(PLUGIN, exchange)


def test_hit_in_a_cut_exchange_is_half_sure() -> None:
    """It may stand in the part of the prompt that was not kept."""
    assert 0.5 == results(PLUGIN, said(GITHUB, is_truncated=True))[""].confidence
    assert results(PLUGIN, said(GITHUB))[""].confidence is None
