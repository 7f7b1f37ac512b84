"""A path's words decide what a call is, however they are spelt."""

import pytest

from gateway.wire import openai
from gateway.wire.endpoint import Endpoint, classify, words


@pytest.mark.parametrize(
    "path",
    [
        "/chat/completions",
        "/v1/chat/completions",
        "/api/paas/v4/chat/completions",
        "/v1/CHAT/completions/",
        "/v1/ch%61t/completions",
    ],
)
def test_spelling_cannot_hide_an_endpoint(path: str) -> None:
    """Versions, mounts, case, trailing slashes and percent-encoding do not turn metering off."""
    assert openai.CHAT == classify(openai.ENDPOINTS, "POST", path)


def test_only_a_post_to_the_exact_path_is_metered() -> None:
    """Reading a stored answer again, or cancelling it, repeats its usage: it is not billed."""
    for method, path in [
        ("GET", "/v1/responses/resp_1"),
        ("GET", "/v1/chat/completions"),
        ("POST", "/responses/r/cancel"),
    ]:
        endpoint = classify(openai.ENDPOINTS, method, path)
        assert not endpoint.meters
        assert endpoint.name in ("responses", "chat")


def test_what_nobody_knows_is_watched_all_the_same() -> None:
    """A POST to an unknown path may cost money; a GET does not."""
    assert Endpoint(name="other", meters=True) == classify(openai.ENDPOINTS, "POST", "/v1/brand/new")
    assert Endpoint(name="other") == classify(openai.ENDPOINTS, "GET", "/v1/brand/new")


def test_words_are_decoded_once() -> None:
    """Twice encoded stays encoded."""
    assert ["v1", "a%2fb"] == words("/V1//a%252Fb/")
