"""Problems: file, place, sentence."""

import pytest

from gateway.config.load import parse
from gateway.config.problems import ConfigError, Problem, suggestion


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (Problem("a.toml", "keys[1].name", "is required"), "a.toml: keys[1].name: is required"),
        (Problem("a.toml", "", "no such file"), "a.toml: no such file"),
    ],
)
def test_problem_reads_as_one_line(problem: Problem, expected: str) -> None:
    """File, place, sentence; a problem of the whole file has no place."""
    assert expected == str(problem)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("servr = 1", "servr: unknown setting. Did you mean 'server'?"),
        (
            "[providers.openai]\napi_key = 'env:X'",
            "providers.openai.api_key: unknown setting. Did you mean 'api_keys'?",
        ),
        ("[[routes]]\nmodel='m'\ntargets=[{providr='x'}]", "routes[0].targets[0].providr: unknown setting."),
        ("[ledger]\nzzz = 1", "ledger.zzz: unknown setting. Known here: url."),
        ("[providers.openai.prices.m]\ninputs = '1'", "providers.openai.prices.m.inputs: expected 'input'"),
        ("[server]\ndurability = 'no'", "server.durability: expected 'process' or 'power'"),
        ("[server]\nworkers = 0", "server.workers: expected at least 1"),
        ("[server]\nworkers = 65", "server.workers: expected at most 64"),
        ("[server]\nworkers = true", "server.workers: expected a whole number"),
        ("[server]\ndata_dir = 1", "server.data_dir: expected a text in quotes"),
        ("server = 1", "server: expected a table"),
        ("providers = 1", "providers: expected a table"),
        ("routes = 1", "routes: expected a list"),
        ("[[routes]]\nmodel='m'\ntargets=[]", "routes[0].targets: must not be empty"),
        ("[[routes]]\ntargets=[{provider='x'}]", "routes[0].model: is required"),
        ("[providers.openai]\nfree = 'yes'", "providers.openai.free: expected true or false"),
        ("[providers.'a b']", "providers.a b: a name is letters"),
    ],
)
def test_sentence_for_every_kind_of_mistake(text: str, expected: str) -> None:
    """The path says where, the sentence what is expected there, without a library's jargon."""
    with pytest.raises(ConfigError) as caught:
        parse({"config.toml": text}, {})

    assert any(str(problem).startswith(f"config.toml: {expected}") for problem in caught.value.problems), caught.value


def test_values_at_fault_are_not_repeated() -> None:
    """A key pasted into the wrong place must not reach a log."""
    with pytest.raises(ConfigError) as caught:
        parse({"config.toml": "[providers.openai]\napi_keys = ['sk-secret']\nmodels = 'sk-secret'"}, {})

    assert 2 == len(caught.value.problems)
    assert "sk-secret" not in str(caught.value)


def test_suggestion_only_where_something_is_close() -> None:
    """A far-fetched guess helps nobody."""
    assert " Did you mean 'openai'?" == suggestion("opnai", ["groq", "openai"])
    assert "" == suggestion("zzz", ["groq", "openai"])
