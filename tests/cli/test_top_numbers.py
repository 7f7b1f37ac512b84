"""Numbers of the last minutes: rates over a minute, latencies over five, nothing that cannot be known."""

import pytest

from gateway.cli.top_numbers import FAILED, REFUSED, History, Numbers
from gateway.cli.top_scrape import Scrape, parse
from gateway.core.record import OUTCOMES
from gateway.metrics import catalogue


def page(at_s: float, done: int, **more: object) -> Scrape:
    """Read the page of a gateway that has done so many requests, and failed a tenth of them."""
    text = f"""
tollway_requests_total{{route="",provider="openai",model="m",endpoint="chat",stream="true",outcome="ok"}} {done * 8}
tollway_requests_total{{route="",provider="openai",model="m",endpoint="chat",stream="true",outcome="timeout"}} {done}
tollway_requests_total{{route="",provider="",model="m",endpoint="chat",stream="true",outcome="budget_blocked"}} {done}
tollway_request_duration_seconds_bucket{{route="",provider="openai",model="m",stream="true",le="0.5"}} {done * 5}
tollway_request_duration_seconds_bucket{{route="",provider="openai",model="m",stream="true",le="1.0"}} {done * 10}
tollway_request_duration_seconds_bucket{{route="",provider="openai",model="m",stream="true",le="+Inf"}} {done * 10}
tollway_time_to_first_token_seconds_bucket{{provider="openai",model="m",le="0.1"}} {done * 10}
tollway_time_to_first_token_seconds_bucket{{provider="openai",model="m",le="+Inf"}} {done * 10}
tollway_tokens_total{{provider="openai",model="m",type="input_uncached"}} {done * 100}
tollway_tokens_total{{provider="openai",model="m",type="cache_read"}} {done * 20}
tollway_tokens_total{{provider="openai",model="m",type="output_visible"}} {done * 30}
tollway_cost_usd_total{{provider="openai",model="m",team="search"}} {done * 0.01}
tollway_upstream_attempts_total{{provider="openai",model="m",result="ok"}} {done * 8}
tollway_upstream_attempts_total{{provider="openai",model="m",result="timeout"}} {done}
tollway_upstream_attempts_total{{provider="calm",model="m",result="4xx"}} {done}
tollway_upstream_attempts_total{{provider="idle",model="m",result="ok"}} 5
tollway_requests_in_flight{{worker="0"}} 3
tollway_requests_in_flight{{worker="1"}} 4
tollway_client_connections{{worker="0"}} 9
tollway_worker_up{{worker="0"}} 1
tollway_worker_up{{worker="1"}} 0
tollway_worker_restarts_total{{reason="crash"}} {more.get("restarts", 0)}
tollway_journal_lag_seconds 0.5
tollway_journal_pending_bytes 1200
tollway_config_last_reload_successful {more.get("sound", 1)}
tollway_build_info{{version="9.9",python="3"}} 1
"""
    return parse(text, at_s)


def after(*scrapes: Scrape) -> Numbers:
    """Return what is known after some readings."""
    history = History()
    return [history.add(one) for one in scrapes][-1]


def test_metrics_that_are_read_exist() -> None:
    """A metric that is renamed must not leave an empty place on the screen."""
    found = after(page(0, 0))

    assert ("9.9", 7, 9, 1, 2, 0.5, 1200, True) == (
        found.version, found.in_flight, found.connections, found.workers_up, found.workers, found.lag_s,
        found.pending_bytes, found.config_is_sound,
    )  # fmt: skip
    assert not after(page(0, 0, sound=0)).config_is_sound
    assert set(OUTCOMES) >= FAILED | REFUSED
    assert catalogue.CONFIG_RELOADED.name == "tollway_config_last_reload_successful"


def test_one_reading_has_no_rates() -> None:
    """Counters alone say nothing of now."""
    found = after(page(0, 1000))

    assert {None} == {
        found.requests_per_s, found.failed_share, found.refused_share, found.p50_s, found.p95_s,
        found.first_token_p95_s, found.usd_per_hour, found.read_per_s, found.written_per_s,
    }  # fmt: skip
    assert [] == found.providers


def test_rates_are_of_the_time_between_readings() -> None:
    """Requests, shares, tokens by direction, spend in an hour."""
    found = after(page(0, 1000), page(10, 1010))

    assert (10, 10.0) == (found.over_s, found.requests_per_s)
    assert (0.1, 0.1) == (found.failed_share, found.refused_share)
    assert (120.0, 30.0) == (found.read_per_s, found.written_per_s)
    assert pytest.approx(36.0) == found.usd_per_hour
    assert pytest.approx((0.5, 0.95, 0.05, 0.095)) == (
        found.p50_s, found.p95_s, found.first_token_p50_s, found.first_token_p95_s
    )  # fmt: skip


def test_providers_that_fail_come_first() -> None:
    """With what became of the tries; one that was not asked is not listed. A 4xx is the caller's mistake."""
    one, other = after(page(0, 0), page(10, 10)).providers

    assert ("openai", 9.0, {"ok": 80, "timeout": 10}) == (one.name, one.tries_per_s, one.results)
    assert pytest.approx(1 / 9) == one.failed_share
    assert ("calm", 0.0) == (other.name, other.failed_share)


def test_rates_forget_what_is_older_than_a_minute() -> None:
    """Latencies five minutes, readings older than that are dropped; restarts are those of the last minutes."""
    scrapes = [page(at_s, at_s, restarts=int(at_s >= 10)) for at_s in range(0, 1001, 10)]
    found = after(*scrapes)
    young = after(*scrapes[:3])

    assert (60, 10.0, 0) == (found.over_s, found.requests_per_s, found.restarts)
    assert 1 == young.restarts
    history = History()
    for one in scrapes:
        history.add(one)
    assert 31 == len(history._scrapes)
