"""The admin port answers in JSON, and a parameter has one value."""

import pytest
from aiohttp.test_utils import make_mocked_request

from gateway.admin.answers import parameters, refused, shown
from gateway.store.filters import BadFilter


def test_answers_are_json() -> None:
    """Objects, with any status."""
    answer = shown({"a": "é"}, 503)

    assert (503, "application/json", '{"a":"é"}'.encode()) == (answer.status, answer.content_type, answer.body)


def test_errors_say_what_they_are_about() -> None:
    """In the same shape everywhere."""
    assert b'{"error":{"message":"no","param":"x"}}' == refused(400, "no", param="x").body


def test_a_parameter_that_is_given_twice_is_named() -> None:
    """Nobody knows which is meant."""
    assert {"a": "1", "b": ""} == parameters(make_mocked_request("GET", "/?a=1&b="))
    with pytest.raises(BadFilter) as error:
        parameters(make_mocked_request("GET", "/?a=1&b=2&b=2"))
    assert "b" == error.value.name
