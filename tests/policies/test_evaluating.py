"""What the config says about evaluation, as the evaluator works by it."""

from gateway.policies.evaluating import Always, Evaluating, Rule, Stratum, base_name

RULE = Rule(team="search", evaluator="slo", sample=0.5, strata=(Stratum(0.1, model=("a",)),), always=(Always("error"),))


def test_version_of_a_rule_is_what_it_says() -> None:
    """The same rule has the same one in every process; any change gives another."""
    same = Rule(
        team="search", evaluator="slo", sample=0.5, strata=(Stratum(0.1, model=("a",)),), always=(Always("error"),)
    )
    others = [
        Rule(team="web", evaluator="slo", sample=0.5, strata=RULE.strata, always=RULE.always),
        Rule(team="search", evaluator="slo", sample=0.4, strata=RULE.strata, always=RULE.always),
        Rule(team="search", evaluator="slo", sample=0.5, always=RULE.always),
        Rule(team="search", evaluator="slo", sample=0.5, strata=RULE.strata),
        Rule(team="search", evaluator="slo", sample=0.5, strata=RULE.strata, always=RULE.always, per_minute=3),
    ]

    assert RULE.version == same.version
    assert 6 == len({RULE.version, *(other.version for other in others)})


def test_nothing_to_do_without_rules() -> None:
    """An evaluator process is started only where a team uses an evaluator."""
    assert [False, False, True] == [
        Evaluating(rules=rules).is_on for rules in ({}, {"search": ()}, {"search": (RULE,)})
    ]


def test_variant_of_a_team_has_the_name_of_its_evaluator() -> None:
    """By which config knows it."""
    assert ["slo", "slo"] == [base_name("slo"), base_name("slo@search")]
