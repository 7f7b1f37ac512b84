"""No amendment, in no order and over no restart, lowers what a scrape has shown; in the end it is the truth."""

import itertools
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as plain

from gateway.core.record import Attempt, Record
from gateway.core.usage import Usage
from gateway.metrics import catalogue
from gateway.metrics.bounds import Bounds
from gateway.metrics.debts import OWED, Debts, TotalKey
from gateway.metrics.render import Exposition
from gateway.metrics.totals import Tally
from gateway.store.sqlite import SqliteStore
from tests.records import DAY_MS, NOON_MS, finished, record

Shown = dict[tuple[str, tuple[tuple[str, str], ...]], float]

# Where the amendments of real exchanges differ: what was used and cost, how long it took, which model answered.
FACTS = st.fixed_dictionaries(
    {
        "team": st.sampled_from(["search", "web"]),
        "outcome": st.sampled_from(["ok", "cancelled", "upstream_error"]),
        "cost_nano_usd": st.integers(0, 10**9),
        "duration_ms": st.sampled_from([1.0, 90.0, 700.0, 5_000.0]),
        "first_token_ms": st.sampled_from([None, 1.0]),
        "stream": st.booleans(),
        "usage": st.none() | st.builds(Usage, input_total=st.integers(0, 900), output_total=st.integers(0, 900)),
        "usage_source": st.sampled_from(["provider", "estimated", "none"]),
        "price_source": st.sampled_from(["genai-prices", "default"]),
        "attempts": st.lists(
            st.builds(Attempt, provider=st.just("openai"), result=st.sampled_from(["ok", "429"])), max_size=2
        ),
    }
)
# Which exchange, what is said of it; and whether a commit, or a restart too, follows.
STEPS = st.lists(st.tuples(st.integers(0, 5), FACTS, st.sampled_from(["", "", "commit", "restart"])), max_size=15)


class Recorder:
    """Store and metrics page of a recorder that begins anew again and again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.begin()

    def begin(self) -> None:
        """Be a new process."""
        self.tally = Tally(bounds=Bounds(most_label_sets=12))
        self.store = SqliteStore(self._folder, self.tally.count, self.tally.owe)
        self.tally.recall(self.store.totals().keys())

    def shown(self) -> Shown:
        """Scrape."""
        return self._rendered(self.store.totals())

    def true(self) -> Shown:
        """Say what a scrape would show if nothing were owed."""
        return self._rendered({key: value for key, value in self.store.totals().items() if OWED not in key[2]})

    def _rendered(self, totals: Mapping[TotalKey, int]) -> Shown:
        families = plain(Exposition(lambda: totals, lambda _: {}, self.tally).render("").body.decode())
        return {
            (sample.name, tuple(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
            if family.type in ("counter", "histogram")
        }


@settings(max_examples=25, phases=[Phase.reuse, Phase.generate])
@given(STEPS, st.integers(1, 2))
def test_no_sample_ever_falls(steps: list[tuple[int, dict[str, Any], str]], days: int) -> None:
    """Records and amendments, cut into commits anywhere, with restarts anywhere. Shown is the most that was true: the
    truth in the end, or what was the truth once and is not exceeded yet."""
    ids = [record(NOON_MS + (number % days) * DAY_MS).id for number in range(6)]
    latest: dict[str, Record] = {}
    with TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder))
        highest: Shown = {}
        batch = []
        for number, facts, then in itertools.chain(steps, [(0, {}, "restart")]):
            one = record(**facts, id=ids[number])
            batch.append(finished(one, amends=one.id in latest))
            latest[one.id] = one
            if then:
                recorder.store.commit(batch, {})
                batch.clear()
                if then == "restart":
                    recorder.store.close()
                    recorder.begin()
                for sample, value in recorder.true().items():
                    highest[sample] = max(value, highest.get(sample, 0.0))
                shown = recorder.shown()
                assert [] == [sample for sample, value in highest.items() if shown.get(sample, 0) < value]
                if days == 1:  # else a commit is several, and what was true between them was true, too
                    assert shown == {sample: highest[sample] for sample in shown}
                highest |= shown
        totals = recorder.store.totals()
        recorder.store.close()
        truth = Tally(bounds=Bounds(10**9, 10**9)).count(latest.values())

    assert _sums(truth) == _sums(totals)
    assert len(latest) == highest["tollway_exchanges_stored_total", ()]


def _sums(totals: Any) -> Counter[tuple[str, str]]:
    """Add up over labels, without what is owed: which series there are is a matter of history."""
    sums: Counter[tuple[str, str]] = Counter()
    for (name, _, part), value in totals.items():
        if not part.startswith(OWED) and name != catalogue.OVERFLOW.name:
            sums[name, part] += value
    return +sums


def test_a_debt_is_paid_by_what_comes_next() -> None:
    """What was shown too much is not counted again, so that in the end the total is shown."""
    key: TotalKey = (catalogue.TEAM_REQUESTS.name, ("search", "ok"), "")
    debts, totals, shown = Debts(), Counter[TotalKey](), []
    for change in (5, -3, 1, 1, 1, 1):
        totals.update(debts.owe(totals, {key: change}) | {key: change})
        shown.append(totals[key] + totals[*key[:2], OWED])

    assert [5, 5, 5, 5, 5, 6] == shown
    assert (6, 0) == (totals[key], totals[*key[:2], OWED])


def test_a_moved_observation_leaves_the_count_right() -> None:
    """Of a histogram each bucket stays, and how many there were is what it was."""
    name, labels = catalogue.DURATION.name, ("none", "openai", "gpt-4o-mini", "false")
    debts, totals = Debts(), Counter[TotalKey]()
    for changes in ({"0.1": 1, "sum": 90_000}, {"0.1": -1, "1.0": 1, "sum": 610_000}):
        moved = {(name, labels, part): change for part, change in changes.items()}
        totals.update(debts.owe(totals, moved) | moved)
    page = Exposition(lambda: totals, lambda _: {}, Tally()).render("").body.decode()
    samples = [sample for family in plain(page) for sample in family.samples if sample.labels.get("route")]
    buckets = {sample.labels["le"]: sample.value for sample in samples if sample.name == f"{name}_bucket"}

    assert (0, 1, 1, 1) == tuple(buckets[edge] for edge in ("0.05", "0.1", "0.5", "+Inf"))
    assert {1.0} == {sample.value for sample in samples if sample.name == f"{name}_count"}
    assert {0.7} == {sample.value for sample in samples if sample.name == f"{name}_sum"}


def test_without_amendments_nothing_is_owed() -> None:
    """The usual batch costs no second look."""
    assert {} == Debts().owe({}, Tally().count([record()]))
