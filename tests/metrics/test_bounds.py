"""Labels are bounded by construction: a caller cannot make series, and what is too much is folded, never lost."""

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.record import Record
from gateway.metrics import catalogue
from gateway.metrics.bounds import ALL, MAX_MODELS, OTHER, Bounds, Models
from gateway.metrics.debts import TotalKey
from gateway.metrics.totals import Tally
from tests.records import record

ANYTHING = 50_000


def of(totals: Counter[TotalKey], metric: str) -> dict[tuple[str, ...], int]:
    """Return a counter's values by label set."""
    return {labels: value for (name, labels, _), value in totals.items() if name == metric}


def test_callers_cannot_make_series() -> None:
    """50,000 random models, users, sessions, keys, agents and tags: the same series as of one exchange."""
    chance = Random(7)

    def word() -> str:
        return f"{chance.getrandbits(64):x}"

    def attack() -> Record:
        return record(
            model_requested=word(), model_served=None, status=404, outcome="client_error", price_source="default",
            key=word(), user=word(), session=word(), agent=word(), tags=[word()], trace_id=word(), client=word(),
        )  # fmt: skip

    tally = Tally(["gpt-4o-mini"])
    first = tally.count([attack()])
    before = {metric.name: len(tally.series(metric)) for metric in catalogue.FROM_RECORDS}
    examples = len(tally.exemplars())
    totals: Counter[TotalKey] = Counter(first)
    for _ in range(ANYTHING // 500):
        totals.update(tally.count([attack() for _ in range(500)]))

    assert before == {metric.name: len(tally.series(metric)) for metric in catalogue.FROM_RECORDS}
    assert examples == len(tally.exemplars())
    assert ANYTHING + 1 == sum(of(totals, "tollway_requests").values())
    assert {("tollway_requests", "model"): ANYTHING + 1} == of(totals, "tollway_metrics_label_overflow")


def test_priced_models_are_capped_too() -> None:
    """Also models that answer and have a price are only so many."""
    tally = Tally()
    for start in range(0, 5_000, 500):
        tally.count([record(model_served=f"m{number}") for number in range(start, start + 500)])
    models = {labels[2] for labels in tally.series(catalogue.REQUESTS)}

    assert MAX_MODELS + 1 == len(models)
    assert OTHER in models


def test_too_many_label_sets_are_folded_into_other() -> None:
    """Totals stay right, it is counted how much was folded, and what is there goes on."""
    tally = Tally(bounds=Bounds(most_label_sets=6))
    totals = tally.count([record(team=f"team{number}") for number in range(50)])
    totals.update(tally.count([record(team="team0"), record(team="team49")]))
    teams = of(totals, "tollway_team_requests")

    assert 52 == sum(teams.values())
    assert 2 == teams["team0", "ok"]
    assert teams[OTHER, OTHER] == of(totals, "tollway_metrics_label_overflow")["tollway_team_requests", ALL]
    assert 6 == len(tally.series(catalogue.TEAM_REQUESTS))


def test_all_samples_together_have_a_limit() -> None:
    """A histogram's label set counts as many samples as it has lines."""
    bounds = Bounds(most_samples=20)

    assert [True, False, True] == [
        bounds.admit(catalogue.DURATION, ("a", "b", "c", "true")),
        bounds.admit(catalogue.DURATION, ("a", "b", "c", "false")),
        bounds.admit(catalogue.JOBS, ("booked",)),
    ]


def test_a_restart_goes_on_where_the_totals_end() -> None:
    """What is stored has a series again, though the limit is smaller now; what was folded is folded still."""
    before = Tally(bounds=Bounds(most_label_sets=8))
    totals = before.count([record(team=f"team{number}") for number in range(20)])
    after = Tally(bounds=Bounds(most_label_sets=2))
    after.recall(totals.keys())
    records = [record(team="team0"), record(team="team19")]

    assert before.count(records) == after.count(records)


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 40), st.integers(20, 400))
def test_folding_keeps_sums(teams: list[int], most_label_sets: int, most_samples: int) -> None:
    """Whatever the limits, every metric adds up to the same."""
    records = [record(team=f"team{team}", route=f"route{team % 7}", cost_nano_usd=team) for team in teams]
    free, bound = Tally(), Tally(bounds=Bounds(most_label_sets, most_samples))
    sums = [Counter[tuple[str, str]](), Counter[tuple[str, str]]()]
    for tally, added in zip((free, bound), sums, strict=True):
        for (name, _, part), value in tally.count(records).items():
            added[name, part] += value
        del added[catalogue.OVERFLOW.name, ""]

    assert sums[0] == sums[1]
    assert all(len(labels) <= most_label_sets for labels in bound._bounds.series.values())


def test_models_of_config_stay() -> None:
    """A model that config no longer names keeps its series; beyond the limit stored ones go on."""
    models = Models()
    models.admit(["a"])
    models.admit(["b"])
    models.recall(map(str, range(MAX_MODELS + 5)))

    assert "a" in models
    assert str(MAX_MODELS + 4) in models
    assert OTHER == models.label(record(model_served="new", model_requested="new"))
