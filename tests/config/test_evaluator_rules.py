"""What is wrong with evaluators is said before anything is sampled, with its place and what to do."""

import tomllib

import pytest

from gateway.config.evaluator_rules import (
    NOTHING,
    Installed,
    broken_evaluators,
    broken_use,
    file_and_class,
    installed,
    is_needed,
)
from gateway.config.load import parse
from gateway.config.model import Company, Team
from gateway.config.problems import ConfigError

THERE = Installed(frozenset({"refusal", "slo", "theirs", "twice"}), frozenset({"refusal", "slo"}), frozenset({"twice"}))
MINE = '[[evaluators]]\nname="mine"\nuse="refusal"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MINE, None),
        ('[[evaluators]]\nname="mine"\nuse="file:plugins/mine.py:Mine"', None),
        (MINE + MINE, "evaluators[1].name: 'mine' is already the name of evaluators[0]: give it another"),
        (
            '[[evaluators]]\nname="mine"\nuse="refusla"',
            "evaluators[0].use: no evaluator 'refusla' is installed. Did you mean 'refusal'? A class of your own: "
            '"file:PATH:CLASS"',
        ),
        (
            '[[evaluators]]\nname="mine"\nuse="xyz"',
            "evaluators[0].use: no evaluator 'xyz' is installed. Installed: refusal, slo, theirs, twice. A class of "
            'your own: "file:PATH:CLASS"',
        ),
        (
            '[[evaluators]]\nname="mine"\nuse="twice"',
            "evaluators[0].use: several installed packages have an evaluator 'twice': remove all but one",
        ),
        *(
            (
                f'[[evaluators]]\nname="mine"\nuse="{use}"',
                'evaluators[0].use: expected "file:PATH:CLASS", such as "file:plugins/mine.py:Mine"',
            )
            for use in ("file:mine.py", "file:mine.py:1x", "file:mine:Mine", "file:")
        ),
        (
            MINE + 'budget_usd_per_day="1"',
            "evaluators[0].budget_usd_per_day: has no effect without a judge: name one in judge, here or in "
            "[evaluation]",
        ),
        (MINE + 'budget_usd_per_day="1"\n[evaluation]\njudge="gpt-4o"', None),
        (MINE + "always_per_minute=5", "evaluators[0].always_per_minute: has no effect without always"),
        (MINE + 'always_per_minute=5\nalways=["error"]', None),
        (f'[evaluation]\nsalt="{"é" * 33}"', "evaluation.salt: is longer than 64 bytes"),
    ],
)
def test_company(text: str, expected: str | None) -> None:
    """What config.toml says."""
    company = Company.model_validate(tomllib.loads(text))
    found = [f"{where}: {message}" for where, message in broken_evaluators(company, THERE)]

    assert ([] if expected is None else [expected]) == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('evaluators=["mine", "refusal"]', None),
        ("sample=0.5", "evaluation.sample: has no effect without evaluators: name some, or remove it"),
        (
            'evaluators=["mien"]',
            "evaluation.evaluators[0]: there is no evaluator 'mien'. Did you mean 'mine'?",
        ),
        (
            'evaluators=["xyz"]',
            "evaluation.evaluators[0]: there is no evaluator 'xyz'. There are: mine, refusal, slo.",
        ),
        (
            'evaluators=["theirs"]',
            "evaluation.evaluators[0]: 'theirs' is installed, but did not come with Tollway: allow it in config.toml "
            "by [[evaluators]]",
        ),
        ('evaluators=["mine", "mine"]', "evaluation.evaluators[1]: 'mine' is named twice"),
        (
            'evaluators=["mine"]\nof.slo.sample=0.5',
            "evaluation.of.slo: the team does not use an evaluator 'slo'. Add \"slo\" to evaluators, or remove this.",
        ),
        (
            'evaluators=["mine"]\nof.mien.sample=0.5',
            "evaluation.of.mien: the team does not use an evaluator 'mien'. Did you mean 'mine'?",
        ),
    ],
)
def test_team(text: str, expected: str | None) -> None:
    """What a team's file says."""
    company = Company.model_validate(tomllib.loads(MINE))
    team = Team.model_validate(tomllib.loads(f"[evaluation]\n{text}"))
    found = [f"{where}: {message}" for where, message in broken_use("search", team, company, THERE)]

    assert ([] if expected is None else [expected]) == found


def test_the_judges_team_is_built_in() -> None:
    """Its exchanges are never sampled: nobody else may have its name."""
    with pytest.raises(ConfigError, match=r"teams/evaluation\.toml: 'evaluation' is the built-in team"):
        parse({"teams/evaluation.toml": ""}, {})


def test_mistakes_of_all_files_are_told_together() -> None:
    """With their files, as every other mistake."""
    sources = {"config.toml": MINE + MINE, "teams/a.toml": '[evaluation]\nevaluators=["mien"]'}
    with pytest.raises(ConfigError) as told:
        parse(sources, {})

    assert ["config.toml", "teams/a.toml"] == [each.file for each in told.value.problems]


def test_shipped_evaluators_are_known_by_name() -> None:
    """Without importing one of them: names stand in what the package says of itself."""
    there = installed()

    assert {"refusal", "json_valid", "llm_judge", "slo"} <= there.shipped <= there.names
    assert frozenset() == there.doubled


def test_nothing_is_looked_up_where_nobody_evaluates() -> None:
    """Every process reads the config, and looking takes a while."""
    team = Team.model_validate({"evaluation": {"evaluators": ["refusal"]}})

    assert [False, True] == [is_needed(Company(), teams) for teams in ([Team()], [Team(), team])]
    assert is_needed(Company.model_validate(tomllib.loads(MINE)), [])
    assert [] == list(broken_evaluators(Company(), NOTHING))


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ("refusal", None),
        ("file:a.py:B", ("a.py", "B")),
        ("file:/x/a:b.py:B", ("/x/a:b.py", "B")),
        ("file", None),
    ],
)
def test_use_is_taken_apart(use: str, expected: tuple[str, str] | None) -> None:
    """A file and a class, or the name of an entry point."""
    assert expected == file_and_class(use)
