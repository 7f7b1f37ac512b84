"""Load: files to a checked Config, or every problem of every file."""

from pathlib import Path

import pytest

from gateway.config.load import parse, read, team_files
from gateway.config.problems import ConfigError

HASH = "ab" * 32


def problems(sources: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(sources, {})
    return [str(problem) for problem in caught.value.problems]


def test_read_collects_the_config_and_the_teams_beside_it(tmp_path: Path) -> None:
    """Texts by file name; hidden files and other endings are not ours."""
    (tmp_path / "teams").mkdir()
    for name in ("prod.toml", "other.toml", "teams/b.toml", "teams/a.toml", "teams/.a.toml.swp", "teams/.x.toml"):
        (tmp_path / name).write_text(f"# {name}")
    (tmp_path / "teams" / "notes.txt").write_text("x")

    sources = read(tmp_path / "prod.toml")

    assert {"prod.toml": "# prod.toml", "teams/a.toml": "# teams/a.toml", "teams/b.toml": "# teams/b.toml"} == sources
    assert ["teams/a.toml", "teams/b.toml"] == list(sources)[1:]
    assert ["a", "b"] == [path.stem for path in team_files(tmp_path)]


def test_missing_file_is_an_error_only_where_it_was_named(tmp_path: Path) -> None:
    """A config that somebody named must exist; the usual one need not."""
    with pytest.raises(ConfigError, match=r"nope\.toml: no such file\. Give another with --config"):
        read(tmp_path / "nope.toml")

    assert {} == read(tmp_path / "config.toml", required=False)


def test_unreadable_files_are_all_named(tmp_path: Path) -> None:
    """One bad file does not hide another."""
    (tmp_path / "config.toml").write_bytes(b"\xff")
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams" / "a.toml").mkdir()

    with pytest.raises(ConfigError) as caught:
        read(tmp_path / "config.toml")

    assert ["config.toml: is not UTF-8 text (byte 0)", "teams/a.toml: cannot be read: Is a directory"] == [
        str(problem) for problem in caught.value.problems
    ]


def test_all_problems_of_all_files_come_at_once() -> None:
    """Nobody mends a config one error at a time."""
    found = problems(
        {
            "config.toml": '[server]\nwokers = 2\nworkers = "2"\n[[routes]]\nmodel = "m"\ntargets = [{provider = "x"}]',
            "teams/a.toml": f'[[keys]]\nname = "k"\nsha256 = "{HASH}"\n[[keys]]\nname = "l"\nsha256 = "short"\n',
            "teams/b.toml": "name = ",
        }
    )

    assert [
        "config.toml: server.workers: expected a whole number",
        "config.toml: server.wokers: unknown setting. Did you mean 'workers'?",
        "teams/a.toml: keys[1].sha256: expected the SHA-256 of the key as 64 hex digits; "
        "`tollway key new` writes it for you",
        "teams/b.toml: is not valid TOML",
        "config.toml: routes[0].targets[0].provider: there is no provider 'x'. Configured: none.",
    ] == [each.replace(": Invalid value (at end of document)", "") for each in found]


def test_one_mistake_is_not_reported_twice() -> None:
    """Routes to a provider that has a mistake of its own are not called routes to nowhere."""
    text = "[providers.local]\ndialect='x'\nbase_url='http://h'\n[[routes]]\nmodel='m'\ntargets=[{provider='local'}]"

    assert ["config.toml: providers.local.dialect: expected 'openai', 'anthropic' or 'gemini'"] == problems(
        {"config.toml": text}
    )


def test_a_mistake_does_not_hide_what_does_not_fit_together() -> None:
    """Only the wrong setting is left out, not the whole table that it stands in."""
    company = (
        "[server]\nworkers = 0\nadmin = '0.0.0.0:8081'\n"
        "[providers.local]\nmodells = ['x']\ndialect = 'openai'\n"
        "[[routes]]\nmodel = 'm'\ntargets = [{provider = 'locl', weight = -1}]\n"
        "[[routes]]\nmodel = 'm'\nfallbacks = []\ntargets = [{provider = 'local'}]"
    )
    keys = f"[[keys]]\nname = 'k'\nsha256 = '{HASH}'\nowner = 'me'\n[[keys]]\nname = 'k'\nsha256 = '{HASH}'"

    found = problems({"config.toml": company, "teams/a.toml": keys})

    assert {
        "config.toml: server.workers",
        "config.toml: server.admin_token",
        "config.toml: providers.local.modells",
        "config.toml: providers.local.base_url",
        "config.toml: routes[0].targets[0].weight",
        "config.toml: routes[0].targets[0].provider",
        "config.toml: routes[1].model",
        "config.toml: routes[1].fallbacks",
        "teams/a.toml: keys[0].owner",
        "teams/a.toml: keys[1].name",
        "teams/a.toml: keys[1].sha256",
    } == {": ".join(each.split(": ")[:2]) for each in found}


@pytest.mark.parametrize(
    "text",
    [
        "[server]\ntls_cert = 'c'\ntls_key = 1",
        "[server]\nadmin = '0.0.0.0:1'\nadmin_token = 'plain'",
        "[providers.local]\ndialect = 'openai'\nbase_url = 'ftp://h'",
        "[[routes]]\nmodel = 'm'\ntargets = [1]",
        "routes = [1, 2]",
        "[providers]\nopenai = 1",
    ],
)
def test_a_wrong_value_is_not_called_a_missing_one(text: str) -> None:
    """It is said once, where it stands; a table may be anything at all."""
    found = problems({"config.toml": text})

    assert len(found) == len({each.split(": ")[1] for each in found})
    assert not any("is required" in each for each in found)


def test_syntax_error_has_its_line() -> None:
    """TOML that does not parse is pointed at."""
    (found,) = problems({"config.toml": "[server]\na b = 1\n"})

    assert found.startswith("config.toml: is not valid TOML: ")
    assert "line 2" in found


@pytest.mark.parametrize(
    ("file", "text", "where"),
    [
        ("config.toml", "[ledger]\nurl = 'redis://h'", "ledger.url"),
        ("config.toml", "[store]\nurl = 'postgresql://h/d'", "store.url"),
        ("config.toml", "[store]\nurl = 'clickhouse://h/d'", "store.url"),
    ],
)
def test_setting_that_is_not_built_is_an_error_that_says_so(file: str, text: str, where: str) -> None:
    """A setting must never be taken and ignored."""
    (found,) = problems({file: text})

    assert found.startswith(f"{file}: {where}: ")
    assert "not built yet" in found


def test_fallbacks_are_not_built() -> None:
    """A route with fallbacks is refused as a whole."""
    text = "[providers.openai]\n[[routes]]\nmodel='m'\ntargets=[{provider='openai'}]\nfallbacks=[]"

    assert ["config.toml: routes[0].fallbacks: is not built yet in this version; remove it"] == problems(
        {"config.toml": text}
    )


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://h", 'expected "sqlite:DIRECTORY"'),
        ("sqlite:", 'expected "sqlite:'),
        ("sqlite://x", 'expected "sqlite'),
    ],
)
def test_store_url_that_means_nothing_is_refused(url: str, message: str) -> None:
    """The only form is sqlite:DIRECTORY."""
    (found,) = problems({"config.toml": f"[store]\nurl = '{url}'"})

    assert message in found


def test_nothing_at_all_is_a_config(tmp_path: Path) -> None:
    """Without files the defaults hold, and providers come from the usual environment variables."""
    config = parse({}, {"ANTHROPIC_API_KEY": "x", "GOOGLE_API_KEY": "y", "MISTRAL_API_KEY": ""}, tmp_path)

    assert ["anthropic", "gemini"] == list(config.company.providers)
    assert ["env:GOOGLE_API_KEY"] == config.company.providers["gemini"].api_keys
    assert {} == config.teams
    assert tmp_path / "data" == config.data_dir
    assert tmp_path / "data" / "store" == config.store_dir
    assert "config.toml" == config.file


def test_paths_are_relative_to_the_config(tmp_path: Path) -> None:
    """Where a command is started makes no difference."""
    text = "[server]\ndata_dir = 'var'\n[store]\nurl = 'sqlite:/srv/log'"
    config = parse({"config.toml": text}, {}, tmp_path)

    assert tmp_path / "var" == config.data_dir
    assert Path("/srv/log") == config.store_dir
    assert tmp_path / "var" / "store" == parse({"c.toml": "[server]\ndata_dir='var'"}, {}, tmp_path).store_dir


def test_teams_are_known_by_their_files() -> None:
    """The file's name is the team's; `name` inside may repeat it."""
    config = parse({"teams/a.toml": "", "teams/b.x.toml": f"name='b.x'\n[[keys]]\nname='k'\nsha256='{HASH}'"}, {})

    assert ["a", "b.x"] == list(config.teams)
    assert "k" == config.teams["b.x"].keys[0].name


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("bodies = 'some'", "logging.bodies: expected 'full', 'redacted' or 'none'"),
        ("redact = { kinds = ['emails'] }", "logging.redact.kinds[0]: expected 'secret', 'email'"),
        ("redact = { patterns = ['('] }", "logging.redact.patterns[0]: is no regular expression that RE2 takes"),
        ("redact = { patterns = ['a*'] }", "logging.redact.patterns[0]: matches the empty text"),
        ("redact = { paths = ['$.a'] }", "logging.redact.paths[0]: is no path"),
    ],
)
def test_what_redaction_cannot_use_is_found_when_the_file_is_read(text: str, complaint: str) -> None:
    """Not when the first request comes, whose body nobody would have looked at."""
    (found,) = problems({"teams/a.toml": f"[logging]\n{text}"})

    assert complaint in found
