"""Idle: what would do nothing, or refuse everything, is said; what works is not complained of."""

from pathlib import Path

import pytest

from gateway.config.compile import snapshot
from gateway.config.idle import idle
from gateway.config.load import parse

AT_S = 1_780_000_000.0
PROVIDERS = """
[providers.openai]
[providers.anthropic]
[providers.local]
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"
models = ["my-model"]
[providers.own]
dialect = "openai"
base_url = "http://127.0.0.1:10/v1"
models = ["own-model"]
free = true
[[routes]]
model = "fast"
targets = [{ provider = "openai", model = "gpt-4o-mini" }]
[[routes]]
model = "calm"
targets = [{ provider = "anthropic", model = "house-model" }, { provider = "own", model = "own-model", weight = 0 }]
"""
DAY = "[[budgets]]\nwindow='day'\nlimit_usd=1\n"
STRICT = DAY + "mode='strict'\n"
REQUESTS = "[[budgets]]\nwindow='day'\nlimit_requests=1\n"
LIMIT = "[[limits]]\nrequests_per_minute=1\n"


def key(name: str, digit: str) -> str:
    return f"[[keys]]\nname = '{name}'\nsha256 = '{digit * 64}'\n"


def said(company: str = "", search: str = "", ads: str = "") -> list[str]:
    """Return what is said of a company with two teams: search may ask for some models, ads for all."""
    sources = {
        "config.toml": PROVIDERS + company,
        "teams/search.toml": key("ci", "a") + key("dev", "b") + "[models]\nallow = ['fast', 'claude-*']\n" + search,
        "teams/ads.toml": key("web", "c") + ads,
    }
    config = parse(sources, {}, Path("/nowhere"))
    return list(idle(config, snapshot(config, {}, 1), AT_S))


@pytest.mark.parametrize(
    ("company", "expected"),
    [
        (DAY + "scope={team='seach'}", "budgets[0].scope.team: holds for nobody: no team is called 'seach'. Did you"),
        (DAY + "scope={team=['ads','zz']}", "budgets[0].scope.team: no team is called 'zz'. There are: search, ads."),
        (LIMIT + "scope={team='x*'}", "limits[0].scope.team: holds for nobody: no team is called 'x*'"),
        (DAY + "scope={key='cci'}", "budgets[0].scope.key: holds for nobody: no key is called 'cci'. Did you mean 'c"),
        (DAY + "scope={team='ads',key='dev'}", "budgets[0].scope.key: holds for nobody: no key is called 'dev'. There"),
        (DAY + "scope={provider='gemini'}", "budgets[0].scope.provider: holds for nobody: no provider is called 'gemi"),
        (
            DAY + "scope={team='search',model=['gpt-5','o3']}",
            "budgets[0].scope.model: holds for nothing: nobody whom it covers may ask for 'gpt-5' or 'o3'",
        ),
        (DAY + "scope={team='ads'}\nper=['team']", 'budgets[0].per: "team" parts nothing: with this scope there is'),
        (DAY + "max_balances=5", "budgets[0].max_balances: has no effect without per"),
        (LIMIT + "max_balances=5", "limits[0].max_balances: has no effect without per"),
        ("[[budgets]]\nwindow='day'\nlimit_usd=0", "budgets[0].limit_usd: is 0: everything that costs anything is ref"),
        ("[[budgets]]\nwindow='day'\nlimit_requests=0", "budgets[0].limit_requests: is 0: every request that it cover"),
        ("[[limits]]\ntokens_per_second=0", "limits[0].tokens_per_second: is 0: every request that it covers is ref"),
        ("[[limits]]\nconcurrent=0", "limits[0].concurrent: is 0: every request that it covers is refused"),
        (
            "[[budgets]]\nwindow='hour'\nlimit_usd=1\ntimezone='Europe/Paris'",
            'budgets[0].timezone: has no effect on window = "hour"',
        ),
        (DAY + "mode='track'\nexceeded_status=402", "budgets[0].exceeded_status: has no effect with mode"),
        (REQUESTS + "on_disconnect='drain'", 'budgets[0].on_disconnect: "drain" has no effect without limit_usd'),
        (
            STRICT + "scope={team='search'}\nthresholds=[120]",
            "budgets[0].thresholds: are never reached beyond 100",
        ),
        (
            DAY + "on_exceeded='fallback:fast'\nscope={provider='anthropic'}",
            "budgets[0].on_exceeded: never happens: the route 'fast' has targets that speak openai, and what this "
            "budget covers comes in the API of anthropic",
        ),
        (DAY + "on_exceeded='fallback:fast'\nscope={model='claude-*'}", "budgets[0].on_exceeded: never happens"),
        (DAY + "on_exceeded='fallback:fast'\nscope={model='house-model'}", "budgets[0].on_exceeded: never happens"),
        (
            DAY + "on_exceeded='fallback:fast'\nscope={model='zz*',provider='anthropic'}",
            "budgets[0].on_exceeded: never happens",
        ),
        (DAY + "on_exceeded='fallback:calm'\nscope={model='fast'}", "budgets[0].on_exceeded: never happens"),
        (REQUESTS + "on_exceeded='fallback:fast'", "budgets[0].on_exceeded: never happens: what goes to 'fast' counts"),
        (
            STRICT + "scope={provider='local'}",
            "budgets[0]: refuses every request for 'my-model' (local). A strict budget must know what a request costs",
        ),
        ("[models.m]\ncontext_window=5", "models: what is said of 'm' has no effect: only strict budgets ask"),
        ("[models]\nallow=['*']\nscope={team='x'}", "models.scope.team: holds for nobody: no team is called 'x'"),
    ],
)
def test_what_does_nothing_is_said(company: str, expected: str) -> None:
    """One sentence, with its place, that says why."""
    (found,) = said(company)

    assert found.startswith(f"config.toml: {expected}"), found


@pytest.mark.parametrize(
    "company",
    [
        DAY + "scope={team=['search','a*'],key=['ci','web'],provider='open*',user='nobody',session='x'}",
        DAY + "scope={team='search',model='gpt-4o-mini'}",
        DAY + "scope={team='search',model='gpt-5*'}",
        DAY + "scope={model='openai/gpt-5'}\nper=['model','user']",
        DAY + "scope={team='a*'}\nper=['team']\nmax_balances=5\ntimezone='Europe/Paris'",
        "[[budgets]]\nwindow='day'\nlimit_usd=0\nmode='track'\nthresholds=[200]",
        DAY + "on_exceeded='fallback:fast'\nscope={model='gpt-*'}",
        DAY + "on_exceeded='fallback:calm'",
        DAY + "on_exceeded='fallback:fast'\nscope={model='*'}",
        REQUESTS + "on_exceeded='fallback:fast'\nscope={model='gpt-5*'}",
        STRICT + "scope={provider='own'}",
        STRICT + "scope={team='search'}",
        REQUESTS + "mode='strict'\nscope={provider='local'}",
        STRICT + "scope={provider='local'}\n[models.my-model]\nstrict_ceiling_usd='0.5'",
        "[models]\nallow=['*']\nscope={team='ads'}",
    ],
)
def test_what_works_is_not_complained_of(company: str) -> None:
    """Who is warned of nothing for long stops reading."""
    assert [] == said(company)


OWN = """
[providers.own]
dialect = "{dialect}"
base_url = "http://127.0.0.1:10"
models = ["own-model"]
prices = {{ "own-model" = {{ input = "1", output = "2" }} }}
"""


@pytest.mark.parametrize(("dialect", "told"), [("openai", True), ("gemini", True), ("anthropic", False)])
def test_requests_without_a_maximum_are_told_apart(dialect: str, told: bool) -> None:
    """A model with a price, of which nobody knows how much it writes. Anthropic's API asks for a maximum anyway."""
    company = OWN.format(dialect=dialect) + STRICT
    config = parse({"config.toml": company, "teams/ads.toml": key("web", "c")}, {}, Path("/nowhere"))

    found = list(idle(config, snapshot(config, {}, 1), AT_S))

    expected = "config.toml: budgets[0]: refuses requests for 'own-model' (own) that name no maximum of tokens. "
    assert [expected] * told == [each[: len(expected)] for each in found]


def test_a_target_without_a_share_is_not_looked_at() -> None:
    """Nobody is sent there."""
    targets = "[{ provider = 'local', model = 'my-model', weight = 0 }, { provider = 'own' }]"
    company = f"[[routes]]\nmodel = 'own-model'\ntargets = {targets}\n{STRICT}scope={{model='own-model'}}"

    assert [] == said(company)


def test_places_in_the_files_of_teams_are_named() -> None:
    """Budgets are compiled in one list: each is told of where it stands."""
    assert [
        "config.toml: budgets[1].limit_usd: is 0: everything that costs anything is refused",
        "teams/search.toml: budgets[0].per: \"team\" parts nothing: in a team's file there is one, 'search'",
        "teams/ads.toml: budgets[1].limit_usd: is 0: everything that costs anything is refused",
        "teams/ads.toml: limits[0].concurrent: is 0: every request that it covers is refused",
    ] == said(
        DAY + "[[budgets]]\nwindow='hour'\nlimit_usd=0",
        DAY + "per=['team']",
        DAY + "[[budgets]]\nwindow='week'\nlimit_usd=0\n[[limits]]\nconcurrent=0",
    )


def test_a_config_without_anybody_is_not_told_of_it_again() -> None:
    """No team, no key, no provider: that is said elsewhere, once."""
    config = parse({"config.toml": DAY + "scope={team='x',key='y',provider='z',model='m'}"}, {}, Path("/nowhere"))

    assert [] == list(idle(config, snapshot(config, {}, 1), AT_S))


def test_bodies_that_are_kept_longer_than_their_exchanges() -> None:
    """A team that believes to keep bodies for a month learns that they go with the rest."""
    store = "[store]\nretention_days=7\nbody_retention_days="
    (of_company,) = said(store + "8")
    (of_team,) = said(store + "7", ads="[logging]\nbody_retention_days=30")

    assert (
        "config.toml: store.body_retention_days: has no effect: the whole exchange is removed after 7 days"
        == of_company
    )
    assert of_team.startswith("teams/ads.toml: logging.body_retention_days: has no effect")
    assert [] == said(store + "7", ads="[logging]\nretention_days=60\nbody_retention_days=30")
    assert [] == said("[store]\nbody_retention_days=7")
