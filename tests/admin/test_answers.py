"""The admin port answers in JSON, and a parameter has one value."""

import pytest
from aiohttp.test_utils import make_mocked_request

from gateway.admin.answers import instant, only, parameters, refused, shown
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


def test_a_parameter_that_is_not_known_is_named() -> None:
    """With those that are."""
    request = make_mocked_request("GET", "/?a=1&c=2")
    assert {"a": "1", "c": "2"} == only(request, "a", "b", "c")
    with pytest.raises(BadFilter, match="there are a, b") as error:
        only(request, "a", "b")
    assert "c" == error.value.name
    with pytest.raises(BadFilter, match="this path has none"):
        only(request)


def test_times_are_ages_or_instants() -> None:
    """What nobody said is as usual; what makes no sense is named."""
    assert 1_000_000 - 60_000 == instant({"since": "1m"}, "since", 1_000_000, "7d")
    assert 1_000_000 - 30_000 == instant({}, "since", 1_000_000, "30s")
    assert 1_000_000 == instant({}, "at", 1_000_000)
    with pytest.raises(BadFilter) as error:
        instant({"since": "soon"}, "since", 0)
    assert "since" == error.value.name
