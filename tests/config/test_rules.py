"""Rules: what fits together and what does not."""

import pytest

from gateway.config.load import parse
from gateway.config.problems import ConfigError

HASH, OTHER = "ab" * 32, "cd" * 32
LOCAL = '[providers.local]\ndialect = "openai"\nbase_url = "http://127.0.0.1:9"\n'


def key(name: str, digest: str) -> str:
    return f'[[keys]]\nname = "{name}"\nsha256 = "{digest}"\n'


def broken(sources: dict[str, str]) -> list[str]:
    try:
        parse(sources, {})
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[server]\ntls_cert = "a.pem"', "server.tls_key: is required too"),
        ('[server]\ntls_key = "a.pem"', "server.tls_cert: is required too"),
        ('[server]\nadmin = "0.0.0.0:8081"', "server.admin_token: is required, because admin = "),
        ('[server]\nadmin = "admin.example:8081"', "server.admin_token: is required"),
        ('[server]\nadmin = "127.0.0.1:8080"', "server.admin: is the same address as listen"),
        ("[providers.opnai]\nbase_url='http://h'", "providers.opnai.dialect: is required for a provider that is not"),
        ("[providers.opnai]\ndialect='openai'", "Did you mean 'openai'?"),
        ("[providers.zzzzzz]\ndialect='openai'", "Built in are: openai, anthropic"),
        ("[providers.v1]\ndialect='openai'\nbase_url='http://h'", "providers.v1: 'v1' is a path of the gateway"),
        ("[providers.openai]\nallow_paths=['x']", 'providers.openai.allow_paths[0]: a path begins with "/"'),
        (LOCAL + "[[routes]]\nmodel='m'\ntargets=[{provider='lokal'}]", "provider 'lokal'. Did you mean 'local'?"),
        (LOCAL + "[[routes]]\nmodel='m'\ntargets=[{provider='local',weight=0}]", "at least one weight"),
        (LOCAL + "[[routes]]\nmodel='m'\ntargets=[{provider='local'}]\n" * 2, "routes[1].model: 'm' is already routed"),
        ("[models]\nscope={team='a'}", "models.scope: says who is held to allow, which is not there"),
    ],
)
def test_what_does_not_fit_together_is_named(text: str, expected: str) -> None:
    """Each rule has its place and its sentence."""
    (found,) = broken({"config.toml": text})

    assert expected in found


@pytest.mark.parametrize(
    "text",
    [
        '[server]\nadmin = "0.0.0.0:8081"\nadmin_token = "env:T"',
        '[server]\nadmin = "[::1]:8081"',
        '[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"',
        '[server]\nlisten = "0.0.0.0:8080"\ntls_cert = "c"\ntls_key = "k"',
        LOCAL + "[[routes]]\nmodel='m'\ntargets=[{provider='local',weight=0},{provider='local'}]",
        "[providers.openai]",
    ],
)
def test_what_fits_together_is_taken(text: str) -> None:
    """The rules refuse no more than they say."""
    assert [] == broken({"config.toml": text})


@pytest.mark.parametrize(
    ("teams", "expected"),
    [
        ({"a": 'name = "b"'}, "teams/a.toml: name: is 'b', but the file says 'a'"),
        ({"a b": ""}, "teams/a b.toml: the file's name is the team's: letters"),
        ({"a": key("k", HASH) + key("k", OTHER)}, "teams/a.toml: keys[1].name: 'k' is already the name of keys[0]"),
        ({"a": key("k", HASH) + key("l", HASH)}, "keys[1].sha256: is the same key as teams/a.toml: keys[0]"),
        (
            {"a": key("k", HASH), "b": key("k", HASH.upper())},
            "teams/b.toml: keys[0].sha256: is the same key as teams/a",
        ),
    ],
)
def test_keys_and_teams_are_unique(teams: dict[str, str], expected: str) -> None:
    """One key, one owner: else a request could be billed to either."""
    (found,) = broken({f"teams/{name}.toml": text for name, text in teams.items()})

    assert expected in found
