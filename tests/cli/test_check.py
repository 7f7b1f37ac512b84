"""`tollway check`: every problem, or what is there."""

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.config import edit
from gateway.policies.price_table import bundled
from tests.app.test_price_shelf import keep
from tests.prices import source

CONFIG = """
[providers.openai]
[providers.local]
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"
[[routes]]
model = "fast"
targets = [{ provider = "openai", model = "gpt-4o-mini", weight = 9 }, { provider = "local" }]
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return tmp_path


def run(*words: str, **env: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["check", *words], env=env)
    return result.exit_code, result.stdout, result.stderr


def test_sound_config_is_summed_up(root: Path) -> None:
    """Providers, routes, teams; a secret that is not set is a warning and no failure."""
    (root / "config.toml").write_text(CONFIG)
    edit.add_team(root, "search")
    status, out, _ = run()

    assert 0 == status
    for part in ("config.toml: sound", "https://api.openai.com/v1", "http://127.0.0.1:9/v1", "team search: 1 key"):
        assert part in out
    assert "route fast → openai/gpt-4o-mini 90%, local/fast 10%" in out
    assert "1 team, 2 providers, 1 route\n" in out
    assert "warning: providers.openai.api_keys: the environment variable OPENAI_API_KEY is not set" in out
    assert "warning" not in run(OPENAI_API_KEY="sk")[1]


def test_how_long_is_kept_what_is_told_by_team(root: Path) -> None:
    """Whoever must know what is still there of a team looks here."""
    (root / "config.toml").write_text(CONFIG + "[store]\nretention_days = 90\n")
    edit.add_team(root, "search")
    edit.add_team(root, "ads")
    with (root / "teams" / "ads.toml").open("a") as file:
        file.write("[logging]\nbody_retention_days = 7\n")
    _, out, _ = run()

    assert "team search: 1 key; keeps everything for 90 days\n" in out
    assert "team ads: 1 key; keeps bodies for 7 days, the rest for 90 days\n" in out


def test_json_has_the_same(root: Path) -> None:
    """One object for scripts; no secrets, only how many keys there are."""
    (root / "config.toml").write_text(CONFIG)
    edit.add_team(root, "search")
    status, out, _ = run("--json", OPENAI_API_KEY="sk-real")
    said = msgspec.json.decode(out)

    assert 0 == status
    assert (True, []) == (said["ok"], said["problems"])
    kept = {"retention_days": None, "body_retention_days": None}
    assert [{"name": "search", "keys": ["default"], **kept}] == said["teams"]
    assert {"name": "openai", "dialect": "openai", "base_url": "https://api.openai.com/v1", "keys": 1} == (
        said["providers"][0]
    )
    assert ["fast"] == [route["model"] for route in said["routes"]]
    assert "sk-real" not in out


HELD = """
[[budgets]]
window = "month"
timezone = "Europe/Paris"
limit_usd = "2000"
scope = { team = "search" }
[[budgets]]
name = "loop"
window = "rolling:5h"
limit_usd = "0.005"
limit_requests = 300
mode = "strict"
scope = { model = ["gpt-4o*", "claude-*"], key = "ci*" }
per = ["user", "session"]
[[limits]]
requests_per_minute = 600
usd_per_second = "0.5"
concurrent = 64
"""


def test_budgets_and_limits_are_shown(root: Path) -> None:
    """What they allow, whom they hold, and under which of them a team is; what would not work is a warning."""
    (root / "config.toml").write_text(CONFIG + HELD)
    for name in ("search", "ads"):
        edit.add_team(root, name)
    status, out, _ = run(OPENAI_API_KEY="sk", COLUMNS="200")
    lines = [" ".join(line.split()) for line in out.splitlines()]

    assert 0 == status
    for line in (
        "company/month $2000.00 a month (Europe/Paris), soft team search",
        "company/loop $0.005 and 300 requests in 5h, strict key ci*, model gpt-4o* or claude-* user, session",
        "company/limit-1 600 requests per minute, 0.5 usd per second, 64 concurrent everything",
        "team search: 1 key, held to company/month, company/loop, company/limit-1; keeps everything for good",
        "team ads: 1 key, held to company/loop, company/limit-1; keeps everything for good",
        "warning: config.toml: budgets[1].scope.key: holds for nobody: no key is called 'ci*'. There are: default.",
    ):
        assert line in lines, lines


def test_budgets_and_limits_as_json(root: Path) -> None:
    """As they were understood, amounts as exact texts; warnings beside them."""
    (root / "config.toml").write_text(CONFIG + HELD)
    edit.add_team(root, "search")
    said = msgspec.json.decode(run("--json", OPENAI_API_KEY="sk")[1])

    month, loop = said["budgets"]
    assert ("company/month", "2000", None, "Europe/Paris", {"team": ["search"]}, []) == tuple(
        month[name] for name in ("id", "limit_usd", "limit_requests", "timezone", "scope", "per")
    )
    assert ("0.005", 300, "rolling:5h", "strict", ["user", "session"]) == tuple(
        loop[name] for name in ("limit_usd", "limit_requests", "window", "mode", "per")
    )
    expected = {"requests_per_minute": 600, "usd_per_second": "0.5", "concurrent": 64, "scope": {}, "per": []}
    assert [{"id": "company/limit-1"} | expected] == said["limits"]
    assert ["config.toml: budgets[1].scope.key"] == [each.partition(": holds")[0] for each in said["warnings"]]


def test_all_problems_are_printed_and_the_status_is_1(root: Path) -> None:
    """One line each, and how many."""
    (root / "config.toml").write_text("[server]\nwokers = 1\nworkers = 0")
    (root / "teams").mkdir()
    (root / "teams" / "a.toml").write_text("x")
    status, out, err = run()

    assert (1, "") == (status, out)
    assert "config.toml: server.wokers: unknown setting. Did you mean 'workers'?" in err
    assert "teams/a.toml: is not valid TOML" in err
    assert err.endswith("3 problems\n")


def test_problems_as_json(root: Path) -> None:
    """File, place and sentence apart."""
    (root / "my.toml").write_text("[server]\nworkers = '1'")
    status, out, err = run("--json", "--config", "my.toml")

    assert (1, "") == (status, err)
    problem = {"file": "my.toml", "where": "server.workers", "message": "expected a whole number"}
    assert {"ok": False, "problems": [problem]} == msgspec.json.decode(out)


def test_what_serve_would_refuse_is_a_problem_too(root: Path) -> None:
    """A token that is not there, a certificate that is not there."""
    (root / "config.toml").write_text("[server]\nadmin_token = 'env:ABSENT_TOKEN'")
    status, _, err = run()

    assert 1 == status
    assert "server.admin_token: the environment variable ABSENT_TOKEN is not set" in err


def test_config_is_option_then_variable_then_file_then_defaults(root: Path) -> None:
    """The order in which a config is looked for."""
    for name in ("option", "variable"):
        (root / name).mkdir()
        (root / name / "c.toml").write_text(f"[providers.{name}]\ndialect='openai'\nbase_url='http://h'")

    assert "built-in defaults (there is no config.toml): sound" in run()[1]
    (root / "config.toml").write_text("[providers.file]\ndialect='openai'\nbase_url='http://h'")
    assert "file" in run()[1]
    variable = str(root / "variable" / "c.toml")
    assert "variable" in run(TOLLWAY_CONFIG=variable)[1]
    assert "option" in run("--config", "option/c.toml", TOLLWAY_CONFIG=variable)[1]


def test_named_config_that_is_not_there_is_a_problem(root: Path) -> None:
    """Never the defaults instead of what somebody named."""
    for words, env in ((["--config", "nope.toml"], {}), ([], {"TOLLWAY_CONFIG": "nope.toml"})):
        status, _, err = run(*words, **env)

        assert 1 == status
        assert "nope.toml: no such file" in err


def test_the_prices_in_force_are_told(root: Path) -> None:
    """The bundled list, or the last good one that was fetched; a URL is not fetched for a check."""
    assert f"prices: {bundled().version}, {bundled().size} models\n" in run()[1]
    (root / "config.toml").write_text('[prices]\nsource = "http://127.0.0.1:9/data.json?key=s3cret"\nrefresh = "1 h"\n')
    (root / "data").mkdir()
    version = keep(root / "data", 7)
    status, out, _ = run()
    said = msgspec.json.decode(run("--json")[1])

    assert 0 == status
    assert (
        f"prices: {version}, {bundled().size} models; newer ones from http://127.0.0.1:9/data.json (fetched by" in out
    )
    assert "s3cret" not in out
    expected = {
        "version": version,
        "models": bundled().size,
        "source": "http://127.0.0.1:9/data.json",
        "refresh_s": 3600.0,
    }
    assert expected == said["prices"]


def test_a_file_of_prices_is_checked(root: Path) -> None:
    """As a refresh would: it would not stop `serve`, and yet nobody wants it to be found out from the log."""
    (root / "config.toml").write_text('[prices]\nsource = "mine.json"\n')
    status, _, err = run()
    assert (1, True) == (status, "config.toml: prices.source: " in err and "there is no file" in err)
    (root / "mine.json").write_bytes(source()[:-9])
    assert "mine.json: it is no JSON" in run()[2]
    (root / "mine.json").write_bytes(source())

    status, out, _ = run()
    assert 0 == status
    assert f"newer ones from {root / 'mine.json'} (sound) every 3600 s" in out


def test_evaluator_that_cannot_be_loaded_is_a_problem(root: Path) -> None:
    """It would not stop `serve`, and yet nobody wants to find out from its log that it never gave a score."""
    section = '[[evaluators]]\nname = "greets"\nuse = "contains"\nparams = {}\n'
    (root / "config.toml").write_text(section.format('{ must_match = ["hello"] }'))
    edit.add_team(root, "search")
    unused = run()
    with (root / "teams" / "search.toml").open("a") as file:
        file.write('[evaluation]\nevaluators = ["greets", "refusal"]\n')
    sound, as_json = run(), msgspec.json.decode(run("--json")[1])
    (root / "config.toml").write_text(section.format("{ of = 3 }"))
    status, _, err = run()

    assert (0, 0) == (unused[0], sound[0])
    assert "evaluators" not in unused[1]
    assert "evaluators, which could all be loaded: greets, refusal\n" in sound[1]
    assert ["greets", "refusal"] == as_json["evaluators"]
    assert (1, True) == (status, "config.toml: evaluators[0].params.of: " in err)
