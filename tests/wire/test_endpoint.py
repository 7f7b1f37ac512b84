"""A path's words decide what a call is, however they are spelt."""

from typing import Any

import pytest

from gateway.wire import anthropic, gemini, openai
from gateway.wire.endpoint import ASKS, POLLS, RESULTS, Endpoint, classify, job_in, words


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
    """Reading a stored answer again repeats its usage: it is not billed."""
    for method, path in [
        ("GET", "/v1/chat/completions"),
        ("GET", "/v1/responses"),
        ("GET", "/v1/responses/resp_1/input_items"),
        ("DELETE", "/v1/responses/resp_1"),
    ]:
        endpoint = classify(openai.ENDPOINTS, method, path)
        assert not endpoint.meters
        assert endpoint.name in ("responses", "chat")


@pytest.mark.parametrize(
    ("table", "method", "path", "job"),
    [
        (openai, "GET", "/v1/responses/resp_1", POLLS),
        (openai, "POST", "/responses/resp_1/cancel", POLLS),
        (openai, "GET", "/openai/v1/Batches/batch%5F1/", POLLS),
        (openai, "POST", "/v1/batches/batch_1/cancel", POLLS),
        (openai, "POST", "/v1/batches", ASKS),
        (openai, "GET", "/v1/batches", ""),
        (openai, "POST", "/v1/responses", ""),
        (openai, "DELETE", "/v1/responses/resp_1", ""),
        (anthropic, "POST", "/v1/messages/batches", ASKS),
        (anthropic, "GET", "/v1/messages/batches/msgbatch_1", POLLS),
        (anthropic, "POST", "/v1/messages/batches/msgbatch_1/cancel", POLLS),
        (anthropic, "GET", "/v1/messages/batches/msgbatch_1/results", RESULTS),
        (anthropic, "GET", "/v1/messages/batches", ""),
        (gemini, "GET", "/v1beta/batches/1x", POLLS),
        (gemini, "GET", "/v1beta/openai/batches/batch_1", POLLS),
        (gemini, "POST", "/v1beta/batches/1x:cancel", ""),
    ],
)
def test_paths_to_work_under_way_are_known(table: Any, method: str, path: str, job: str) -> None:
    """What asks how far some work is, or for its results, is watched for its cost, which another exchange bears."""
    endpoint = classify(table.ENDPOINTS, method, path)

    assert job == endpoint.job
    assert not job or endpoint.meters


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/messages/batches/msgbatch_1/results", "msgbatch_1"),
        ("/anthropic/v1/messages/Batches/msgbatch%5F1/results/", "msgbatch_1"),
        ("/v1/responses/resp_A", "resp_A"),
        ("/batches/v1/messages/batches/msgbatch_1/results", "msgbatch_1"),
        ("/v1/messages/batches", ""),
        ("", ""),
    ],
)
def test_a_path_names_the_work(path: str, name: str) -> None:
    """Where the answer does not tell whose results they are; letters keep their case."""
    assert name == job_in(path)


def test_what_nobody_knows_is_watched_all_the_same() -> None:
    """A POST to an unknown path may cost money; a GET does not."""
    assert Endpoint(name="other", meters=True) == classify(openai.ENDPOINTS, "POST", "/v1/brand/new")
    assert Endpoint(name="other") == classify(openai.ENDPOINTS, "GET", "/v1/brand/new")


def test_words_are_decoded_once() -> None:
    """Twice encoded stays encoded."""
    assert ["v1", "a%2fb"] == words("/V1//a%252Fb/")
