"""`tollway price` says what an exchange would be booked at, and by whose word, without a gateway."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.cli.price import AMOUNTS
from gateway.config.compile import from_sources
from gateway.core.usage import Usage
from gateway.policies.price_table import bundled
from tests.app.test_price_shelf import keep

AT = "2026-11-23T12:00"
AT_S = 1_795_435_200
CONFIG = """
[providers.openai]
prices = { "own-*" = { input = "1", output = "2.5", cache_read = "0.1" } }
[providers.local]
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"
models = ["smol*"]
free = true
[providers.anthropic]
[[routes]]
model = "fast"
targets = [
    { provider = "openai", model = "gpt-4o-mini", weight = 3 },
    { provider = "local", model = "smol", weight = 1 },
    { provider = "anthropic", weight = 0 },
]
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "TOLLWAY_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config.toml").write_text(CONFIG)
    return tmp_path


def run(*words: str) -> tuple[int, str, str]:
    """Run it at a certain noon."""
    result = CliRunner().invoke(app, ["price", "--at", AT, *words])
    return result.exit_code, result.stdout, result.stderr


def told(*words: str, status: int = 0) -> list[dict[str, Any]]:
    """Run it for programs."""
    code, out, err = run("--json", *words)
    assert (status, "") == (code, err)
    return [msgspec.json.decode(line) for line in out.splitlines()]


def test_a_listed_price_says_where_it_stands(root: Path) -> None:
    """Who would get the request, the list and its version, every price with what it is for, and the other classes."""
    status, out, _ = run("gpt-4o")
    (said,) = told("gpt-4o")

    assert 0 == status
    for part in (
        "gpt-4o at openai (routing sends it there)",
        f"{bundled().version} lists it as openai/gpt-4o",
        "standard; others: ",
        "service_tier=priority",
        "at 2026-11-23T12:00:00Z, no change is listed",
        "output_reasoning, output_audio, output_image, output_video, output_citation: as output",
    ):
        assert part in out
    assert ["input", "2.5", "1,000,000"] in [line.split() for line in out.splitlines()]
    assert ("genai-prices", bundled().version, "openai/gpt-4o") == (
        *(said["price_source"], said["price_version"], said["listed"]),
    )
    assert {"usd": "2.5", "per": 1_000_000} == said["prices"]["input"]
    assert {"usd": "10", "per": 1_000} == said["prices"]["web_search"]
    assert ("input", "cache_read") == (said["instead"]["cache_write"], said["instead"]["cache_read_audio"])
    assert {"service_tier": "priority"} in said["classes"]


def test_own_prices_name_their_pattern(root: Path) -> None:
    """What config names wins, and knows no classes."""
    (said,) = told("openai/own-1", "--tier", "flex")

    assert ("own-1", "openai", "config", "own-*", None) == (
        *(said["model"], said["provider"], said["price_source"], said["pattern"], said["price_version"]),
    )
    assert [] == said["classes"]
    assert 'config names it: [providers.openai] prices, "own-*"' in run("openai/own-1")[1]


def test_a_route_shows_every_target(root: Path) -> None:
    """With its share; who has none is never asked. Free is free, whatever a list says."""
    mini, smol = told("fast", "--input", "1000")
    status, out, _ = run("fast", "--input", "1000")

    assert [("openai", "gpt-4o-mini"), ("local", "smol")] == [
        (each["provider"], each["model"]) for each in (mini, smol)
    ]
    assert (150_000, 0, "free") == (mini["cost_nano_usd"], smol["cost_nano_usd"], smol["price_source"])
    assert 0 == status
    assert "(route fast, 75%)" in out
    assert "this provider is free" in out


def test_an_unknown_model_says_what_is_booked_and_how_to_name_it(root: Path) -> None:
    """Exit 1, for scripts that look before they leap."""
    status, out, _ = run("nonsense", "--input", "1000", "--output", "100")
    (said,) = told("nonsense", "--input", "1000", "--output", "100", status=1)

    assert 1 == status
    assert "nonsense at openai (nobody's patterns name it: the first provider of a dialect gets it)" in out
    assert "nobody knows: the default price" in out
    assert '[providers.openai] prices = { "nonsense" = { input = "…", output = "…" } }' in out
    assert ("default", 7_500_000, "0.0075") == (said["price_source"], said["cost_nano_usd"], said["cost_usd"])
    assert said["advice"] in out


@pytest.mark.parametrize(
    ("policy", "source", "words"),
    [("deny", "default", "such requests are refused"), ("zero", "none", "nobody knows: nothing is booked")],
)
def test_the_policy_for_unknown_models_is_told(policy: str, source: str, words: str, root: Path) -> None:
    """Refused, or for nothing."""
    (root / "config.toml").write_text(CONFIG + f'[prices]\nunknown_model = "{policy}"\n')
    (said,) = told("nonsense", status=1)

    assert (source, policy == "deny") == (said["price_source"], said["denied"])
    assert words in run("nonsense")[1]
    assert not told("gpt-4o")[0]["denied"]


def test_amounts_become_a_bill(root: Path) -> None:
    """Line by line, to the nano-dollar, in the tier that the whole input chooses."""
    words = ("gemini-2.5-pro", "--provider", "gemini", "--input", "300000", "--cache-read", "1000", "--output", "100")
    (said,) = told(*words)
    status, out, _ = run(*words)

    assert [200_000] == [tier["above_input"] for tier in said["tiers"]]
    assert [("input", 299_000, "0.7475"), ("cache_read", 1000, "0.00025"), ("output", 100, "0.0015")] == [
        (line["kind"], line["amount"], line["usd"]) for line in said["bill"]
    ]
    assert (749_250_000, "0.74925") == (said["cost_nano_usd"], said["cost_usd"])
    assert 0 == status
    rows = [line.split() for line in out.splitlines()]
    assert ["KIND", "USD", "FOR", "ABOVE", "200,000", "INPUT"] in rows
    assert ["input", "1.25", "1,000,000", "2.5"] in rows
    assert ["cache_read", "1,000", "0.25", "0.00025"] in rows
    assert ["total", "-", "-", "0.74925"] in rows


@pytest.mark.parametrize(
    ("words", "context"),
    [
        (["gpt-5.2"], {}),
        (["gpt-5.2", "--tier", "flex"], {"service_tier": "flex"}),
        (["gpt-5.2", "--batch"], {"processing": "batch"}),
        (["claude-opus-5-5", "--speed", "fast"], {"speed": "fast"}),
        (["claude-opus-5-5", "--geo", "us"], {"geo": "us"}),
    ],
)
def test_it_says_what_would_be_booked(words: list[str], context: dict[str, str], root: Path) -> None:
    """The same code as for an exchange, in every class; all amounts are told."""
    parts = {"input": 9_999, "output": 999, "seconds": 1.5} | {
        name: 11 * number for number, name in enumerate(AMOUNTS) if name not in ("input", "output", "seconds")
    }
    options = [text for name, amount in parts.items() for text in (f"--{name.replace('_', '-')}", str(amount))]
    (said,) = told(*words, *options)
    usage = Usage(**context)  # type: ignore[arg-type]
    for name, amount in parts.items():
        setattr(usage, AMOUNTS[name].field, amount)
    snapshot = from_sources({"config.toml": CONFIG}, root, {}, 1)
    provider = snapshot.routing.provider(said["provider"])
    assert provider is not None

    booked = snapshot.prices.price(provider, words[0], None, usage, AT_S)

    assert (booked.nano_usd, booked.source, booked.version) == (
        *(said["cost_nano_usd"], said["price_source"], said["price_version"]),
    )
    assert context == said["class"]
    assert {} == said["unknown_class"]


def test_a_class_that_changes_nothing_is_called_that(root: Path) -> None:
    """A typo must not look like a price."""
    (said,) = told("gpt-5.2", "--tier", "felx")

    assert {"service_tier": "felx"} == said["unknown_class"]
    assert told("gpt-5.2")[0]["prices"] == said["prices"]
    assert "standard (service_tier=felx changes nothing here)" in run("gpt-5.2", "--tier", "felx")[1]


def test_the_next_change_is_named(root: Path) -> None:
    """By the hour or by the day: until then the price holds."""
    hour = CliRunner().invoke(
        app, ["price", "deepseek-chat", "--provider", "deepseek", "--at", "2025-03-15T01:00", "--json"]
    )

    assert "2025-03-15T16:30:00Z" == msgspec.json.decode(hour.stdout)["until"]


def test_a_refreshed_list_is_the_one_in_force(root: Path) -> None:
    """What the last refresh kept, also while no gateway runs."""
    (root / "config.toml").write_text(CONFIG + '[prices]\nsource = "http://127.0.0.1:9/data.json"\n')
    (root / "data").mkdir()
    version = keep(root / "data", 7)
    (said,) = told("gpt-4o")

    assert (version, {"input": {"usd": "7", "per": 1_000_000}}) == (said["price_version"], said["prices"])


def test_without_any_config_the_built_in_providers_are_asked(root: Path) -> None:
    """A price can be asked for before anything is set up; a provider that config leaves out, too."""
    assert "mistral" == told("mistral-large-latest", "--provider", "mistral")[0]["provider"]
    (root / "config.toml").unlink()

    for model, provider in (("gpt-4o", "openai"), ("claude-opus-5-5", "anthropic"), ("gemini-2.5-pro", "gemini")):
        assert provider == told(model)[0]["provider"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--provider", "opnai"], "Did you mean 'openai'?"),
        (["--at", "soon"], "--at: an age such as"),
        (["--input", "-1"], "amounts are at least 0"),
        (["--input", "10", "--cache-read", "11"], "--cache-read is a part of --input"),
        (["--input", "10", "--cache-read", "6", "--cache-write-1h", "6"], "cache is part of --input"),
        (["--output", "1", "--reasoning", "2"], "--reasoning is a part of --output"),
    ],
)
def test_questions_without_sense_are_usage_errors(words: list[str], said: str, root: Path) -> None:
    """Exit 2, and which option is meant."""
    result = CliRunner().invoke(app, ["price", "gpt-4o", *words])

    assert (2, "") == (result.exit_code, result.stdout)
    assert said in result.stderr
