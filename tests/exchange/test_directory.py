"""A path names one place, remembered; a doubtful one names none."""

import pytest

from gateway.core.errors import Refusal
from gateway.exchange.directory import Directory
from tests.exchange.parts import snapshot


def test_provider_prefix_names_provider_and_dialect() -> None:
    """Below `/anthropic` a path is Anthropic's, and the provider is chosen by it."""
    found = Directory(snapshot().routing).find(b"POST", b"/anthropic/v1/messages", anthropic=False, google=False)

    assert found.place is not None
    assert ("anthropic", "messages", "/v1/messages") == (
        found.place.dialect,
        found.place.endpoint.name,
        found.place.path,
    )
    assert found.choice is not None
    assert "anthropic" == found.choice.candidates[0].provider.name


def test_root_paths_go_by_their_telling_headers() -> None:
    """`/v1/files` is Anthropic's with anthropic-version, OpenAI's without."""
    directory = Directory(snapshot().routing)

    places = [directory.find(b"GET", b"/v1/files", anthropic=told, google=False).place for told in (True, False)]

    assert ["anthropic", "openai"] == [place and place.dialect for place in places]


def test_what_was_found_is_found_again() -> None:
    """The same object, and not ever more of them."""
    directory = Directory(snapshot().routing)
    first = directory.find(b"POST", b"/v1/chat/completions", anthropic=False, google=False)
    assert first is directory.find(b"POST", b"/v1/chat/completions", anthropic=False, google=False)

    for number in range(5_000):
        directory.find(b"GET", b"/v1/files/%d" % number, anthropic=False, google=False)

    assert len(directory._found) <= 2_000


@pytest.mark.parametrize("path", [b"/v1/../admin", b"/v1//chat", b"/v1/%2e%2e/x", b"/v1/a%2fb", b"/v1/a;b"])
def test_doubtful_paths_are_refused(path: bytes) -> None:
    """Two servers could read them differently."""
    with pytest.raises(Refusal) as caught:
        Directory(snapshot().routing).find(b"GET", path, anthropic=False, google=False)

    assert "bad_request" == caught.value.kind


def test_administration_is_closed() -> None:
    """The place is known, and marked."""
    directory = Directory(snapshot().routing)

    assert directory.find(b"GET", b"/v1/organization/costs", anthropic=False, google=False).closed
    assert not directory.find(b"GET", b"/v1/files", anthropic=False, google=False).closed


def test_doubled_version_is_no_place() -> None:
    """A client that adds `/v1` itself and has it in its base URL is told, not sent on."""
    assert Directory(snapshot().routing).find(b"POST", b"/v1/v1/messages", anthropic=True, google=False).place is None
