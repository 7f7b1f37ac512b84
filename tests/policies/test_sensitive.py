"""What counts as a secret or a personal detail, and what only looks like one."""

import time

import pytest

from gateway.policies.redaction import Effort, Redaction, merged
from gateway.policies.sensitive import KINDS, private_keys
from tests.canaries import CANARIES, HARMLESS, PASSWORD, URLS

REDACTION = Redaction()


def redacted(text: str, redaction: Redaction = REDACTION) -> str:
    """Return what is kept of a text."""
    return redaction.text(text.encode(), Effort(time.thread_time_ns))[0].decode()


@pytest.mark.parametrize(("kind", "canary"), [(kind, each) for kind, family in CANARIES.items() for each in family])
@pytest.mark.parametrize("around", ["%s", "so %s, then", "(%s)", "x=%s\ny", "12: %s; 34", "é %s é", "'%s'.", "<%s>"])
def test_canary_is_found(kind: str, canary: str, around: str) -> None:
    """Each is taken out whole, under its kind's mark, and what stands around it stays."""
    before, _, behind = around.partition("%s")

    assert f"{before}[{kind}]{behind}" == redacted(before + canary + behind)


@pytest.mark.parametrize("text", HARMLESS)
@pytest.mark.parametrize("around", ["%s", "id %s;", '"%s"'])
def test_what_only_looks_like_one_stays(text: str, around: str) -> None:
    """Ids, times, counts, versions, addresses of machines and names of styles are no secrets, numbers no telephones."""
    assert around % text == redacted(around % text)


@pytest.mark.parametrize("url", URLS)
def test_password_in_a_url_goes(url: str) -> None:
    """The password is taken out, and whose it is, the rest of the URL stays."""
    kept = redacted(url)

    assert PASSWORD not in kept
    assert kept.startswith("https://")


def test_every_kind_has_a_canary() -> None:
    """A kind that no canary stands for would not be tested; base64 is tested by itself."""
    assert {*KINDS} == {*CANARIES, "data"}


def test_base64_goes() -> None:
    """A picture, a recording or sealed reasoning cannot be judged."""
    data = "iVBORw0KGgoAAAANSUhEUgAA" * 20

    assert "data:image/png;base64,[data] end" == redacted(f"data:image/png;base64,{data}== end")


@pytest.mark.parametrize("kind", KINDS)
def test_only_chosen_kinds_are_looked_for(kind: str) -> None:
    """A team that names some kinds keeps the others."""
    (other, *_) = [each for each in CANARIES if each != kind]
    text = CANARIES[other][0]

    assert text == redacted(text, Redaction([kind]))


def test_private_key_without_end_goes_as_far_as_keys_do() -> None:
    """A text may break off in the middle of a key; a mere mention takes no more than a key with it."""
    text = b"-----BEGIN PRIVATE KEY-----" + b"A" * 100_000

    assert [(0, 16_384)] == list(private_keys([(0, 27)], text))


def test_card_number_may_follow_other_digits() -> None:
    """What does not check out may end in something that does."""
    assert "2230 [card]" == redacted("2230 4111 1111 1111 1111")


def test_hits_that_overlap_are_one() -> None:
    """They are replaced once, under the name of what is most of it."""
    (hit,) = merged(REDACTION.find(f"https://{'u' * 10}:pw@example.com".encode(), Effort(time.thread_time_ns)))

    assert b"pw" in f"https://{'u' * 10}:pw@example.com".encode()[hit.start : hit.end]
