"""The admin port explains an exchange by the config in force."""

from pathlib import Path

from gateway.core.record import Hold
from gateway.metrics.totals import Tally
from gateway.policies.explained_exchange import Now, public_story, story
from gateway.store.sqlite import SqliteStore
from tests.admin.parts import serving
from tests.records import NOON_MS, finished, record
from tests.scores import evaluated, evaluation


async def test_explains_by_the_config_in_force(tmp_path: Path) -> None:
    """The same object as `tollway explain --json`; by the beginning of an id, too."""
    one = record(holds=[Hold("search/daily", NOON_MS // 1000 - 43_200, "usd", 40_000, 27_000)])
    day_files = SqliteStore(tmp_path / "store", Tally().count)
    day_files.commit([finished(one)], {})
    day_files.close()
    async with serving(tmp_path) as port:
        snapshot = port.snapshot
        now = Now(snapshot.routing, snapshot.budgets, snapshot.limits, snapshot.prices.listed)
        answer = await port.client.get(f"/api/exchanges/{one.id[:30]}/explain")
        missing = await port.client.get("/api/exchanges/ffff/explain")
        senseless = await port.client.get(f"/api/exchanges/{one.id}/explain?colour=red")

        assert (200, 404, 400) == (answer.status, missing.status, senseless.status)
        found = await answer.json()

    assert public_story(story(one, now))["balances"] == found["balances"]
    assert ("soft", "2026-11-24T00:00:00Z") == tuple(
        found["balances"][0]["configured"][name] for name in ("mode", "resets_at")
    )


async def test_says_why_it_was_evaluated_or_not(tmp_path: Path) -> None:
    """For each evaluator of its team, beside what came of those that looked at it."""
    one = record()
    team = '[evaluation]\nevaluators = ["refusal", "slo"]\n'
    async with serving(tmp_path, {"config.toml": "", "teams/search.toml": team}) as port:
        port.store.commit([finished(one)], {}, [evaluated(evaluation(one.id, "slo"))])
        found = await port.json(f"/api/exchanges/{one.id}/explain")

    assert ["slo"] == [each["evaluator"] for each in found["evaluations"]]
    assert {"refusal": "not_seen", "slo": "evaluated"} == {
        each["evaluator"]: each["state"] for each in found["evaluators"]
    }
