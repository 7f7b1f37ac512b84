"""From what people wrote about evaluation to the rules that the evaluator works by."""

from pathlib import Path

import pytest

from gateway.config.compile import from_sources
from gateway.config.problems import ConfigError
from gateway.policies.evaluating import Always, Evaluating, Plugin, Rule, Stratum

COMPANY = """
[providers.openai]
[providers.mine]
dialect = "openai"
base_url = "http://127.0.0.1:1/v1"
models = ["small"]
free = true
[providers.other]
dialect = "openai"
base_url = "http://127.0.0.1:2/v1"
models = ["nobodys"]
[[routes]]
model = "judges"
targets = [{ provider = "mine", model = "small" }, { provider = "openai", model = "gpt-4o-mini" }]
"""
FULL = """
[[evaluators]]
name = "helpful"
use = "file:plugins/mine.py:Mine"
sample = 0.02
only = { outcome = "ok" }
strata = [{ sample = 0.5, model = ["gpt-*", "o1"], route = "fast", endpoint = "chat" }]
always = ["error", "cost_usd > 0.10", "first_token_ms>1500.5"]
always_per_minute = 3
max_per_minute = 30
budget_usd_per_day = "5"
judge = "gpt-4o-mini"
timeout = "20 s"
memory = "1 GiB"
network = true
concurrent = 2
params = { rubric = "r.md", at = 2 }
[evaluation]
budget_usd_per_day = "20"
workers = 3
max_backlog = 100
conversation_idle = "10 m"
salt = "s"
"""
TEAM = """
[evaluation]
sample = 0.05
evaluators = ["helpful", "refusal"]
"""


def compiled(company: str, team: str, root: Path, name: str = "search") -> Evaluating:
    """Compile the two files."""
    return from_sources({"config.toml": COMPANY + company, f"teams/{name}.toml": team}, root, {}, 1).evaluating


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a plugin in it."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "mine.py").touch()
    return tmp_path


def test_everything_that_can_be_said_is_compiled(root: Path) -> None:
    """In plain units; paths absolute; what was not said is the default."""
    found = compiled(FULL, TEAM, root)

    assert {
        "helpful": Plugin(
            name="helpful", use=f"file:{root}/plugins/mine.py:Mine", params='{"at":2,"rubric":"r.md"}',
            judge="gpt-4o-mini", budget_nano_usd=5 * 10**9, cost_nano_usd=480_000, wall_s=20.0, memory_mb=1024,
            network=True, concurrent=2, root=str(root),
        ),
        "refusal": Plugin(name="refusal", use="refusal", root=str(root)),
    } == found.plugins  # fmt: skip
    assert {
        "search": (
            Rule(
                team="search", evaluator="helpful", sample=0.02,
                strata=(Stratum(0.5, model=("gpt-*", "o1"), route=("fast",), endpoint=("chat",)),),
                always=(Always("error"), Always("cost_usd", 1e8), Always("first_token_ms", 1500.5)),
                per_minute=30, always_per_minute=3, only=Stratum(1.0, outcome=("ok",)),
            ),
            Rule(team="search", evaluator="refusal", sample=0.05),
        )
    } == found.rules  # fmt: skip
    assert ("s", 3, 100, 600.0, None, 20 * 10**9, True) == (
        found.salt, found.workers, found.backlog, found.idle_s, found.judge, found.budget_nano_usd, found.is_on,
    )  # fmt: skip


def test_nothing_said_is_nothing_to_do(root: Path) -> None:
    """No team uses an evaluator."""
    found = compiled(FULL, "", root)

    assert (False, ["helpful"], {}) == (found.is_on, [*found.plugins], found.rules)


def test_rates_of_a_team_come_first(root: Path) -> None:
    """What it says of one evaluator, then what config.toml says of it, then what the team says of all, then all."""
    team = TEAM + "[evaluation.of.helpful]\nsample = 0.5\nmax_per_minute = 7\n"
    (helpful, _) = compiled(FULL, team, root).rules["search"]
    (refusal,) = compiled("", '[evaluation]\nevaluators=["refusal"]', root).rules["search"]

    assert (0.5, 7) == (helpful.sample, helpful.per_minute)
    assert (1.0, None) == (refusal.sample, refusal.per_minute)


def test_other_parameters_make_another_evaluator(root: Path) -> None:
    """Its scores are not to be mixed with the others'; all else stays."""
    found = compiled(FULL, TEAM + "[evaluation.of.helpful.params]\nat = 3\n", root)
    usual, own = found.plugins["helpful"], found.plugins["helpful@search"]

    assert ["helpful@search", "refusal"] == [rule.evaluator for rule in found.rules["search"]]
    assert ('{"at":3,"rubric":"r.md"}', usual.use, usual.budget_nano_usd) == (own.params, own.use, own.budget_nano_usd)
    assert "helpful@search" == own.name


def test_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """Better said now than by each evaluation."""
    with pytest.raises(ConfigError, match=r"evaluators\[0\]\.use: there is no file .*plugins/mine\.py"):
        compiled(FULL, TEAM, tmp_path)


@pytest.mark.parametrize(
    ("judge", "expected"),
    [
        ("small", 0),  # free
        ("gpt-4o-mini", 480_000),
        ("judges", 480_000),  # the dearest of a route
        ("mine/small", 0),
    ],
)
def test_what_a_judge_is_thought_to_cost(judge: str, expected: int, root: Path) -> None:
    """Until it is known: by the prices of whoever would be asked."""
    company = f'[[evaluators]]\nname="h"\nuse="llm_judge"\njudge="{judge}"'

    assert expected == compiled(company, "", root).plugins["h"].cost_nano_usd


def test_judge_without_a_price_is_refused(root: Path) -> None:
    """No budget could hold it; it says where the price goes."""
    company = '[[evaluators]]\nname="h"\nuse="llm_judge"\njudge="nobodys"'
    with pytest.raises(ConfigError) as told:
        compiled(company, "", root)
    (problem,) = told.value.problems

    assert "evaluators[0].judge" == problem.where
    assert "nobody knows what 'nobodys' at other costs" in problem.message
    assert '[providers.other] prices = { "nobodys" = {' in problem.message


def test_usual_judge_is_to_blame_once(root: Path) -> None:
    """However many evaluators would ask it."""
    company = '[evaluation]\njudge="nobodys"\n' + '[[evaluators]]\nname="a"\nuse="llm_judge"\n'
    with pytest.raises(ConfigError) as told:
        compiled(company, '[evaluation]\nevaluators=["a", "refusal"]', root)

    assert ["evaluation.judge"] == [problem.where for problem in told.value.problems]


def test_evaluator_that_is_only_used_otherwise_is_not_there_as_it_comes(tmp_path: Path) -> None:
    """It would be loaded for nobody, and may lack what a team's parameters say. One with a section stays."""
    team = '[evaluation]\nevaluators = ["contains", "mine"]\n'
    team += '[evaluation.of.contains.params]\nmust_match = ["x"]\n[evaluation.of.mine.params]\nmust_match = ["y"]\n'
    company = '[[evaluators]]\nname = "mine"\nuse = "contains"\n'
    found = compiled(company, team, tmp_path)

    assert {"contains@search", "mine", "mine@search"} == set(found.plugins)
