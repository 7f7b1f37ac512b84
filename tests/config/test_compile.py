"""Compile: from what people wrote to what decisions use."""

import time
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.config.compile import from_sources, price_source, snapshot, warnings
from gateway.config.load import parse
from gateway.config.problems import ConfigError
from gateway.core.usage import Usage
from gateway.policies.access import Principal
from gateway.policies.price_table import PriceList
from gateway.policies.redaction import DEFAULT, Effort
from gateway.policies.retention import Keep
from gateway.policies.snapshot import Address, PriceSource, Server

COMPANY = """
[server]
listen = "0.0.0.0:9000"
admin = "[::1]:9001"
admin_token = "env:TOKEN"
workers = 3
data_dir = "var"
on_journal_failure = "refuse"
durability = "power"
max_request_body = "1 MiB"
header_timeout = 1
body_timeout = 2
idle_timeout = 3
keepalive_timeout = 4
connect_timeout = 5
drain_timeout = 6
tls_cert = "cert.pem"
tls_key = "key.pem"

[providers.openai]
[providers.mine]
dialect = "anthropic"
base_url = "http://[::1]:8000/api/"
api_keys = ["env:A", "file:b.key", "env:ABSENT"]
models = ["m-*"]
allow_paths = ["/v1/organization/costs"]
ca_file = "cert.pem"
http_leniency = true
stream_usage = "off"
prices = { "m-*" = { input = "1", output = "2" } }
[providers.ollama]

[prices]
unknown_model = "default_price"
default_price = { input = "3", output = "4" }

[[routes]]
model = "fast"
targets = [{ provider = "mine", model = "m-1", weight = 3 }, { provider = "openai" }]

[models]
allow = ["fast", "m-*"]
"""
TEAM = f"""
forward_credentials = true
[[keys]]
name = "ci"
sha256 = "{sha256(b"tw-1").hexdigest()}"
[models]
allow = ["m-1"]
[logging]
bodies = "none"
max_body = 10
"""
ENV = {"TOKEN": "hush", "A": "key-a"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("pem")
    (tmp_path / "b.key").write_text("key-b\n")
    return tmp_path


def test_rules_of_redaction_are_the_teams(root: Path) -> None:
    """A team that says nothing shares the built-in rules; another has its own, compiled once for all of its keys."""
    text = TEAM.replace('"none"', '"redacted"') + '[logging.redact]\nkinds = ["email"]\npatterns = ["X-[0-9]+"]\n'
    sources = {"config.toml": COMPANY, "teams/search.toml": TEAM}
    sources["teams/careful.toml"] = text.replace(sha256(b"tw-1").hexdigest(), sha256(b"tw-2").hexdigest())
    access = from_sources(sources, root, ENV, 1).access

    usual, careful = access.identify([b"tw-1"]), access.identify([b"tw-2"])
    assert usual is not None
    assert careful is not None
    assert usual.redaction is DEFAULT
    assert (b"[email] [redacted] +49 30 901820", 2) == careful.redaction.text(
        b"a@b.example X-1 +49 30 901820", Effort(time.thread_time_ns)
    )


def test_keys_lead_to_principals(root: Path) -> None:
    """A team's settings are on each of its keys."""
    compiled = from_sources({"config.toml": COMPANY, "teams/search.toml": TEAM}, root, ENV, 7)

    expected = Principal("search", "ci", ("m-1",), True, "none", 10, ("fast", "m-*"))

    assert expected == compiled.access.identify([b"tw-1"])
    assert 7 == compiled.generation


def test_the_companys_models_may_be_for_some_teams(root: Path) -> None:
    """Whoever the scope does not name is held to its own list alone."""
    company = "[models]\nallow = ['m-*']\nscope = { team = ['se*', 'x'] }"
    other = TEAM.replace(sha256(b"tw-1").hexdigest(), sha256(b"tw-2").hexdigest())
    sources = {"config.toml": company, "teams/search.toml": TEAM, "teams/ads.toml": other}

    access = from_sources(sources, root, {}, 1).access

    assert [("search", ("m-*",)), ("ads", None)] == [
        (each.team, each.company_models) for each in (access.identify([b"tw-1"]), access.identify([b"tw-2"])) if each
    ]


def test_days_are_the_teams_own_or_the_companys(root: Path) -> None:
    """A team says as much of it as it likes; one that config does not know is held to the company's."""
    company = "[store]\nretention_days = 90\nbody_retention_days = 30"
    teams = {
        "teams/search.toml": "[logging]\nretention_days = 400",
        "teams/ads.toml": "[logging]\nbody_retention_days = 1",
        "teams/hr.toml": "",
    }
    retention = from_sources({"config.toml": company, **teams}, root, {}, 1).retention

    assert [Keep(400, 30), Keep(90, 1), Keep(90, 30), Keep(90, 30)] == [
        retention.of(name) for name in ("search", "ads", "hr", "gone")
    ]
    assert Keep() == from_sources({"teams/hr.toml": ""}, root, {}, 1).retention.of("hr")


def test_budgets_limits_and_facts_are_compiled(root: Path) -> None:
    """The company's before the teams', and what is idle is warned of."""
    limits = "[[budgets]]\nwindow = 'day'\nlimit_usd = 1\n[[limits]]\nconcurrent = 0\n"
    sources = {"config.toml": limits + "[models.m]\ncontext_window = 7", "teams/search.toml": limits}
    config = parse(sources, {"OPENAI_API_KEY": "k"}, root)
    compiled = snapshot(config, {"OPENAI_API_KEY": "k"}, 1)
    provider = compiled.routing.providers()[0]

    assert ["company/day", "search/day"] == [budget.id for budget in compiled.budgets.all]
    assert ["company/limit-1", "search/limit-1"] == [limit.id for limit in compiled.limits.all]
    assert 7 == compiled.facts.facts(provider, ("m",)).context_window
    expected = "config.toml: limits[0].concurrent: is 0: every request that it covers is refused"
    assert expected in list(warnings(config, {"OPENAI_API_KEY": "k"}, compiled))


def test_providers_are_split_and_their_secrets_revealed(root: Path) -> None:
    """Keys that are there in the order of the file; those that are not by name."""
    mine = from_sources({"config.toml": COMPANY}, root, ENV, 1).routing.provider("mine")

    assert mine is not None
    assert ("anthropic", False, "::1", 8000, "/api") == (mine.dialect, mine.tls, mine.host, mine.port, mine.base_path)
    assert (b"key-a", b"key-b") == mine.api_keys
    assert ("env:ABSENT",) == mine.missing_keys
    assert str(root / "cert.pem") == mine.ca_file
    assert (True, False, False) == (mine.http_leniency, mine.inject_usage, mine.free)
    assert mine.models.matches("m-9")
    assert mine.opens("/organization/costs")


def test_known_providers_need_nothing(root: Path) -> None:
    """An empty table is enough; the default ports follow the scheme."""
    routing = from_sources({"config.toml": COMPANY}, root, ENV, 1).routing
    openai, ollama = routing.provider("openai"), routing.provider("ollama")

    assert openai is not None
    assert ollama is not None
    assert (True, "api.openai.com", 443, "/v1") == (openai.tls, openai.host, openai.port, openai.base_path)
    assert ("env:OPENAI_API_KEY",) == openai.missing_keys
    assert (True, True, ()) == (openai.inject_usage, ollama.free, ollama.missing_keys)


def test_routes_keep_weights_and_names(root: Path) -> None:
    """A target without a model leaves the request's as it is."""
    routing = from_sources({"config.toml": COMPANY}, root, ENV, 1).routing

    (anthropic,) = routing.choose("anthropic", "fast", 0.0).candidates
    (openai,) = routing.choose("openai", "fast", 0.0).candidates

    assert ("mine", "m-1") == (anthropic.provider.name, anthropic.model)
    assert ("openai", None) == (openai.provider.name, openai.model)


def test_prices_of_config_win_and_unknown_models_have_a_price(root: Path) -> None:
    """USD per million tokens, to the nano-dollar."""
    compiled = from_sources({"config.toml": COMPANY}, root, ENV, 1)
    mine = compiled.routing.provider("mine")
    usage = Usage(input_total=1000, output_total=10)

    assert mine is not None
    costs = [compiled.prices.price(mine, model, None, usage, 0) for model in ("m-1", "nobody-knows")]
    assert [(1_020_000, "config", None), (3_040_000, "default", None)] == [
        (cost.nano_usd, cost.source, cost.version) for cost in costs
    ]
    assert Decimal(3) == parse({"config.toml": COMPANY}, ENV).company.prices.default_price.input


def test_server_is_in_plain_units(root: Path) -> None:
    """Bytes, seconds, absolute paths, the revealed token."""
    expected = Server(
        data_dir=str(root / "var"),
        store_dir=str(root / "var" / "store"),
        listen=Address("0.0.0.0", 9000),
        admin=Address("::1", 9001),
        admin_token="hush",
        workers=3,
        on_journal_failure="refuse",
        durability="power",
        max_request_body_bytes=1 << 20,
        header_timeout_s=1,
        body_timeout_s=2,
        idle_timeout_s=3,
        keepalive_timeout_s=4,
        connect_timeout_s=5,
        drain_timeout_s=6,
        tls_cert=str(root / "cert.pem"),
        tls_key=str(root / "key.pem"),
    )

    assert expected == from_sources({"config.toml": COMPANY}, root, ENV, 1).server


def test_defaults_of_server_are_the_same_in_both_places(tmp_path: Path) -> None:
    """The settings' defaults and those of the compiled form must not drift apart."""
    compiled = from_sources({}, tmp_path, {}, 1).server

    assert Server(data_dir=compiled.data_dir, store_dir=compiled.store_dir) == compiled


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("[prices]\nsource='https://h/data.json?key=1'", PriceSource("https://h/data.json?key=1", 3600.0)),
        ("[prices]\nsource='/p.json'\nrefresh='5 m'", PriceSource("/p.json", 300.0)),
    ],
)
def test_newer_prices_come_from_where_config_says(text: str, expected: PriceSource | None, root: Path) -> None:
    """By default from nowhere. A list that is already there is given in."""
    listed = PriceList([], "mine")
    compiled = snapshot(parse({"config.toml": text}, {}, root), {}, 1, listed)

    assert expected == compiled.price_source
    assert compiled.prices.listed is listed
    assert str(root / "p.json") == str(
        price_source(parse({"config.toml": "[prices]\nsource='p.json'"}, {}, root)) or "nowhere"
    )


@pytest.mark.parametrize(
    ("text", "env", "expected"),
    [
        ("[server]\nadmin_token='env:T'", {}, "server.admin_token: the environment variable T is not set"),
        ("[server]\ntls_cert='no'\ntls_key='no'", {}, "server.tls_cert: there is no file"),
        ("[providers.openai]\nca_file='no'", {}, "providers.openai.ca_file: there is no file"),
    ],
)
def test_what_would_be_unsafe_without_is_an_error(text: str, env: dict[str, str], expected: str, root: Path) -> None:
    """An admin port without its token would stand open; a missing certificate would fail at the first request."""
    config = parse({"my.toml": text}, env, root)

    with pytest.raises(ConfigError) as caught:
        snapshot(config, env, 1)

    assert str(caught.value).startswith(f"my.toml: {expected}")


def test_warnings_name_what_will_not_work(root: Path) -> None:
    """A secret that is not set yet is no mistake of the file: it is said, and the rest works."""
    config = parse({"config.toml": COMPANY, "teams/search.toml": TEAM}, ENV, root)

    assert [
        "providers.openai.api_keys: the environment variable OPENAI_API_KEY is not set; without a key its requests "
        "are refused",
        "providers.mine.api_keys: the environment variable ABSENT is not set; without a key its requests are refused",
    ] == list(warnings(config, ENV, snapshot(config, ENV, 1)))


def test_empty_config_says_what_to_do_first(root: Path) -> None:
    """Nobody to call, nobody to call to."""
    config = parse({}, {}, root)
    provider, team = warnings(config, {}, snapshot(config, {}, 1))

    assert provider.startswith("no provider: set OPENAI_API_KEY")
    assert "tollway team new NAME" in team
