"""Records move the totals by what they say, once, and no client can make a new label value."""

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.record import OUTCOMES, Attempt, Job, Record
from gateway.core.usage import Usage
from gateway.metrics import catalogue
from gateway.metrics.bounds import MAX_MODELS, OTHER
from gateway.metrics.debts import TotalKey
from gateway.metrics.totals import Tally
from tests.records import record


def total(totals: Counter[TotalKey], metric: str) -> int:
    """Add a metric up over all labels."""
    return sum(value for (name, _, _), value in totals.items() if name == metric)


def test_one_exchange_in_full() -> None:
    """Every metric that a usual exchange moves, and by how much."""
    one = record(
        route="fast",
        stream=True,
        first_token_ms=300.0,
        overhead_us=900,
        usage=Usage(input_total=100, output_total=20, input_cached_read=30, output_reasoning=5),
        attempts=[
            Attempt(provider="openai", model="gpt-4o-mini", result="429"),
            Attempt(provider="openai", duration_ms=500),
        ],
    )
    labels = ("openai", "gpt-4o-mini")

    assert {
        ("tollway_exchanges_stored", (), ""): 1,
        ("tollway_requests", ("fast", *labels, "chat", "true", "ok"), ""): 1,
        ("tollway_team_requests", ("search", "ok"), ""): 1,
        ("tollway_cost_usd", (*labels, "search"), ""): 27_000,
        ("tollway_tokens", (*labels, "input_uncached"), ""): 70,
        ("tollway_tokens", (*labels, "cache_read"), ""): 30,
        ("tollway_tokens", (*labels, "output_visible"), ""): 15,
        ("tollway_tokens", (*labels, "output_reasoning"), ""): 5,
        ("tollway_team_tokens", ("search", "input_uncached"), ""): 70,
        ("tollway_team_tokens", ("search", "cache_read"), ""): 30,
        ("tollway_team_tokens", ("search", "output_visible"), ""): 15,
        ("tollway_team_tokens", ("search", "output_reasoning"), ""): 5,
        ("tollway_request_duration_seconds", ("fast", *labels, "true"), "1.0"): 1,
        ("tollway_request_duration_seconds", ("fast", *labels, "true"), "sum"): 812_345,
        ("tollway_time_to_first_token_seconds", labels, "0.35"): 1,
        ("tollway_time_to_first_token_seconds", labels, "sum"): 300_000,
        ("tollway_overhead_seconds", ("total",), "0.001"): 1,
        ("tollway_overhead_seconds", ("total",), "sum"): 900,
        ("tollway_time_per_output_token_seconds", labels, "0.03"): 1,
        ("tollway_time_per_output_token_seconds", labels, "sum"): 26_966,
        ("tollway_queue_seconds", ("fast",), "0.0005"): 1,
        ("tollway_request_tokens", ("openai", "input"), "256.0"): 1,
        ("tollway_request_tokens", ("openai", "input"), "sum"): 100,
        ("tollway_request_tokens", ("openai", "output"), "64.0"): 1,
        ("tollway_request_tokens", ("openai", "output"), "sum"): 20,
        ("tollway_upstream_attempts", (*labels, "429"), ""): 1,
        ("tollway_upstream_attempts", (*labels, "ok"), ""): 1,
        ("tollway_upstream_attempt_duration_seconds", ("openai", "429"), "0.05"): 1,
        ("tollway_upstream_attempt_duration_seconds", ("openai", "ok"), "0.5"): 1,
        ("tollway_upstream_attempt_duration_seconds", ("openai", "ok"), "sum"): 500_000,
        ("tollway_retries", ("openai", "429"), ""): 1,
    } == Tally().count([one])


def test_edges_belong_to_their_bucket() -> None:
    """`le` means less or equal: an exact edge falls into its own bucket, one microsecond more into the next."""
    for duration_ms, bucket in (
        (50.0, "0.05"),
        (50.001, "0.1"),
        (0.0, "0.05"),
        (600_000.0, "600.0"),
        (600_000.1, "+Inf"),
    ):
        totals = Tally().count([record(duration_ms=duration_ms)])
        parts = {part for (name, _, part) in totals if name == catalogue.DURATION.name}

        assert {bucket, "sum"} - parts == ({"sum"} if not duration_ms else set())
        assert bucket in parts


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(OUTCOMES), st.integers(0, 10**9), st.integers(0, 5)), max_size=20))
def test_counting_together_or_apart_is_the_same(cases: list[tuple[str, int, int]]) -> None:
    """Batches are only a way to count faster; and counting back leaves nothing."""
    records = [
        record(
            outcome=outcome, cost_nano_usd=cost, team=f"team{team}", usage=Usage(input_total=cost, output_total=team)
        )
        for outcome, cost, team in cases
    ]
    tally = Tally()
    together = tally.count(records)
    apart: Counter[TotalKey] = Counter()
    for one in records:
        apart.update(tally.count([one]))

    assert together == apart
    assert len(records) == total(together, "tollway_requests") == total(together, "tollway_team_requests")
    assert sum(one.cost_nano_usd for one in records) == total(together, "tollway_cost_usd")
    together.subtract(apart)
    assert not any(together.values())


def asked(model: str | None, **fields: Any) -> Record:
    """Make the record of a request for a model that nobody knows and that failed."""
    return record(
        **{"model_requested": model, "model_served": None, "status": 404, "price_source": "default", **fields}
    )


def test_typed_models_are_no_labels() -> None:
    """Whatever a client types as model, without a priced answer it is counted as `other`."""
    totals = Tally().count([asked(f"made-up-{number}") for number in range(500)])

    assert {OTHER} == {labels[2] for name, labels, _ in totals if name == "tollway_requests"}
    assert 500 == total(totals, "tollway_requests")


def test_configured_and_priced_models_are_labels() -> None:
    """A model of config, or one with a known price that answered; it stays one when it fails later."""
    tally = Tally(["fast"])

    assert "fast" == tally.model(asked("fast"))
    assert "gpt-4o" == tally.model(asked("x", model_served="gpt-4o", status=200, price_source="genai-prices"))
    assert "gpt-4o" == tally.model(asked("gpt-4o", status=500, price_source="none"))
    assert OTHER == tally.model(asked("local", status=200, price_source="free"))
    assert "none" == tally.model(asked(None))


def test_models_are_capped() -> None:
    """Beyond the cap models count as `other`, and those known stay; a restart remembers them."""
    tally = Tally()
    records = [record(model_served=f"m{number}") for number in range(MAX_MODELS + 50)]
    totals = tally.count(records)
    again = Tally()
    again.recall(totals)

    assert MAX_MODELS + 1 == len({labels[2] for name, labels, _ in totals if name == "tollway_requests"})
    assert ("m0", OTHER) == (tally.model(records[0]), tally.model(records[-1]))
    assert ("m0", OTHER) == (again.model(asked("m0")), again.model(records[-1]))
    assert len(records) == total(totals, "tollway_requests")


def test_attempts_do_not_name_unknown_models() -> None:
    """A try's model is bounded like the exchange's own."""
    one = record(attempts=[Attempt(provider="openai", model="typed-by-client", result="4xx")])

    assert ("tollway_upstream_attempts", ("openai", OTHER, "4xx"), "") in Tally().count([one])


def test_gaps_are_counted() -> None:
    """An estimate, and a default price, are visible as such."""
    totals = Tally().count([record(usage_source="estimated", price_source="default", outcome="cancelled")])

    assert 1 == totals["tollway_usage_missing", ("openai", "stream_cut"), ""]
    assert 1 == total(totals, "tollway_unpriced_requests")


def test_refusals_are_counted_by_reason() -> None:
    """Only what never reached a provider is a rejection."""
    refused = [
        record(outcome="policy_blocked", status=403),
        record(outcome="overloaded", status=503),
        record(outcome="client_error", status=413),
        record(outcome="rate_limited", status=429, attempts=[Attempt(provider="openai")]),
    ]
    totals = Tally().count(refused)

    assert {"policy", "overload", "body_too_large"} == {
        labels[0] for name, labels, _ in totals if name == catalogue.REJECTIONS.name
    }


def test_exchanges_at_the_default_price_are_told_of() -> None:
    """One of many alike, and none that somebody named a price for."""
    told: list[Record] = []
    tally = Tally((), told.append)
    tally.count(
        [
            *(record(price_source="default", model_served="a") for _ in range(5)),
            record(price_source="default", model_served="b"),
            record(price_source="config", model_served="c"),
        ]
    )

    assert ["a", "b"] == [each.model_served for each in told]


def test_work_whose_cost_is_known_is_counted_once() -> None:
    """When it is booked, or has lapsed; what goes on, and who only saw it, are not."""
    states = ("open", "seen", "booked", "booked", "lapsed")
    totals = Tally().count([record(job=Job(id=str(number), state=state)) for number, state in enumerate(states)])

    assert {("booked",): 2, ("lapsed",): 1} == {
        labels: value for (name, labels, _), value in totals.items() if name == catalogue.JOBS.name
    }


def test_a_booking_lets_no_counter_fall() -> None:
    """What a row counted while its work went on it counts when the cost is known, too: more is added, nothing moved."""
    open_job, closed = Job(id="job-1"), Job(id="job-1", state="booked")
    unknown: dict[str, Any] = {"usage": None, "usage_source": "none", "cost_nano_usd": 0, "job": open_job}
    attempts = [Attempt(provider="gemini", model="gemini-2.5-flash")]
    cases: list[tuple[dict[str, Any], dict[str, Any]]] = [
        # A batch whose model is known only at its end: listed, unknown, asked for by name, asked for through a route.
        ({"endpoint": "batch", "model_requested": None}, {"model_served": "gpt-4o"}),
        ({"endpoint": "batch", "model_requested": None}, {"model_served": "new", "price_source": "default"}),
        ({"endpoint": "batch", "model_requested": "gemini-2.5-flash"}, {"model_served": "gemini-2.5-flash-001"}),
        (
            {"endpoint": "batch", "model_requested": "fast", "attempts": attempts},
            {"model_served": "gemini-2.5-flash"},
        ),
        # A response whose model its first answer names.
        ({"endpoint": "responses", "model_served": "gpt-5.6", "price_source": "genai-prices"}, {}),
        ({"endpoint": "responses", "model_served": "new", "price_source": "none"}, {"price_source": "default"}),
        ({"endpoint": "responses", "model_served": "new", "price_source": "none"}, {"price_source": "config"}),
    ]
    for asked, told in cases:
        fields = {"price_source": "none", "model_served": None, **asked}
        before = record(**{**fields, **unknown})
        usual = {"price_source": "genai-prices", "usage": Usage(input_total=5), "job": closed}
        after = record(**{**fields, **usual, **told}, id=before.id)
        tally = Tally(["fast"])
        first = tally.count([before])
        # As the store moves them: the new record is counted first.
        moved = tally.count([after])
        moved.subtract(tally.count([before]))
        fallen = {key for key, value in moved.items() if value < 0}
        assert not fallen - {("tollway_metrics_label_overflow", ("tollway_requests", "model"), "")}, asked
        assert 1 == total(first + moved, catalogue.REQUESTS.name)


def test_a_bound_that_did_not_hold_is_counted() -> None:
    """By the model whose bound it is; what costs just as much as it can is no alarm."""
    records = [record(cost_nano_usd=cost, bound_nano_usd=bound) for cost, bound in ((5, 4), (4, 4), (5, None), (9, 1))]

    found = Tally().count(records)
    assert 2 == found["tollway_bound_exceeded", ("gpt-4o-mini",), ""]
