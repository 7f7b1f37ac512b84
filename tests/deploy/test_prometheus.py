"""A real Prometheus with our files watches a real gateway whose processes are killed: what it shows is the truth.

Windows are 150 times shorter than in the files that ship, by the same source, so that an outage is over in seconds.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.generate import DASHBOARDS
from deploy.source.grafana import ANNOTATIONS
from deploy.source.promql import fill
from deploy.source.provisioning import EXEMPLAR
from deploy.source.rules import alerting, recording
from deploy.source.scrape import configuration
from deploy.source.yaml import dumped
from gateway.core.record import Record
from gateway.journal.reader import WORKER_DIED
from gateway.metrics.catalogue import CATALOGUE, COUNTER, GAUGE, HISTOGRAM
from tests.deploy.selectors import selectors
from tests.deploy.tools import ROOT, Prometheus, program
from tests.faults.harness import LIMIT_S, Load, logged, nonce_of, played, processes, question, replaced
from tests.gateway import KEY, Gateway, standing_before, team_file
from tests.provider import JSON, Answer, Asked, answer, providing, stream, until

TIMES = 150
INTERVAL = "500ms"
RATE_INTERVAL = "4s"
ADS_KEY = "tw-key-of-ads"
TEAMS = {
    "search": team_file(more='[[budgets]]\nlimit_usd = "50"\nwindow = "day"\non_authority_loss = "allow"\n'),
    "ads": team_file([ADS_KEY], '[[budgets]]\nname = "few"\nlimit_requests = 3\nwindow = "total"\n'),
}
PRICES = '{ "gpt-4o-mini" = { input = "0.15", output = "0.60", cache_read = "0.075" } }'
INPUT_NANO, CACHED_NANO, OUTPUT_NANO = 150, 75, 600

# (events, pause in ms) of what agents ask. Paced, so that there are not too many rows to compare.
MIX = [(8, 10), (5, 20), (0, 0), (12, 5), (8, 10)]
AGENTS = 12

# Metrics without a series in this test, each with the reason.
SILENT = {
    "tollway_bound_exceeded_total": "no strict budget was ever crossed",
    "tollway_fallbacks_total": "no budget sends its requests elsewhere",
    "tollway_retries_total": "no kept connection closed just when it was used",
    "tollway_retention_removed_total": "nothing is removed on its first day",
    **dict.fromkeys(
        (
            "tollway_scores_total",
            "tollway_score",
            "tollway_eval_runs_total",
            "tollway_eval_duration_seconds",
            "tollway_eval_cost_usd_total",
            "tollway_feedback_total",
        ),
        "nobody judges here",
    ),
    "tollway_prices_timestamp_seconds": "the bundled price list has no date",
}

# What every answer says of the provider's rate limit. A zero must be shown, too.
LEFT = (("x-ratelimit-remaining-requests", "99"), ("x-ratelimit-remaining-tokens", "0"))


class Book:
    """A provider with a book of its own: what it was asked, and the tokens that each answer named."""

    def __init__(self) -> None:
        self.is_down = False
        self.tokens: dict[str, tuple[int, int, int]] = {}  # input, of it cached, output

    def play(self, asked: Asked) -> Answer:
        """Answer as the request wants it; `user` says how."""
        if self.is_down:
            return answer(b'{"error": {"message": "down"}}', status=500)
        kind, *_ = str(json.loads(asked.body)["user"]).split()
        if kind in ODDITIES:
            return self._odd(kind, json.loads(asked.body)["model"])
        nonce, events, _ = str(json.loads(asked.body)["user"]).split()
        self.tokens[nonce] = (9, 0, int(events) or 20)
        whole = played(asked)
        return replace(whole, headers=(*whole.headers, *LEFT))

    def _odd(self, kind: str, model: str) -> Answer:
        status, tokens = ODDITIES[kind]
        body: dict[str, Any] = {"id": kind, "model": model, "choices": [{"index": 0, "message": {"content": kind}}]}
        if tokens is not None:
            self.tokens[kind] = tokens
            body["usage"] = {
                "prompt_tokens": tokens[0],
                "completion_tokens": tokens[2],
                "prompt_tokens_details": {"cached_tokens": tokens[1]},
            }
        if kind == "cut":
            piece = {"id": kind, "model": model, "choices": [{"index": 0, "delta": {"content": "so far"}}]}
            return stream(b"data: " + json.dumps(piece).encode() + b"\n\n", stop_at=60)
        return answer(json.dumps(body).encode(), status=status, headers=(*JSON, *LEFT))


# Requests of their own kind: status, and the tokens that the answer names.
ODDITIES: dict[str, tuple[int, tuple[int, int, int] | None]] = {
    "cached": (200, (1000, 800, 7)),
    "unpriced": (200, (10, 0, 10)),
    "untold": (200, None),
    "limited": (429, None),
    "mistaken": (400, None),
    "cut": (200, None),
}


def ask_odd(run: Gateway) -> None:
    """Ask everything that is not plain traffic: odd answers, refusals, and a client that leaves."""
    for kind in ODDITIES:
        model = "mystery-1" if kind == "unpriced" else "gpt-4o-mini"
        fields = {"model": model, "messages": [{"role": "user", "content": "?"}], "user": kind, "stream": kind == "cut"}
        reply = run.post("/v1/chat/completions", fields, ("X-Tollway-Session", kind))
        assert ODDITIES[kind][0] == reply.status, reply
    assert 401 == run.post("/v1/chat/completions", {}, key="tw-nobody").status
    for number in range(4):
        fields = json.loads(question(f"ads{number}"))
        reply = run.post("/v1/chat/completions", fields, ("X-Tollway-Session", f"ads{number}"), key=ADS_KEY)
        assert (200 if number < 3 else 429) == reply.status, reply


def leave(run: Gateway, number: int) -> None:
    """Leave in the middle of a stream."""
    with run.client() as client:
        headers = [("Authorization", f"Bearer {KEY}"), ("X-Tollway-Session", f"left{number}")]
        client.send("POST", "/v1/chat/completions", headers, question(f"left{number}", 50, 20))
        client.head()
        client.chunks(1)
        client.reset()


def busiest(run: Gateway) -> str:
    """Name a worker that serves somebody now: killing an idle one shows nothing."""
    running = re.compile(r'tollway_requests_in_flight\{worker="(\d+)"\} (\d+)')

    def look() -> str:
        number, requests = max(running.findall(run.metrics()), key=lambda found: int(found[1]))
        return f"worker {number}" if int(requests) > 1 else ""

    return str(until(look, "a worker is busy"))


def strike(run: Gateway, name: str) -> None:
    """Kill a child, and wait for the one that stands for it."""
    pid = processes(run)[name]
    os.kill(pid, signal.SIGKILL)
    replaced(run, name, pid)


@contextmanager
def watching(run: Gateway, folder: Path) -> Iterator[Prometheus]:
    """Watch a gateway with our scrape configuration and our rules, faster."""
    folder.mkdir()
    for name, rules in (("recording", recording(TIMES)), ("alerts", alerting(TIMES))):
        (folder / f"{name}.yml").write_text(dumped(rules))
    text = configuration([f"127.0.0.1:{run.admin_port}"], ["recording.yml", "alerts.yml"], INTERVAL)
    (folder / "prometheus.yml").write_text(text)
    server = Prometheus(folder)
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.slow
def test_prometheus_sees_the_truth(tmp_path: Path) -> None:
    """Counters never fall, sums are those of log and provider, alerts fire and resolve, and no panel is empty."""
    program("prometheus")
    book = Book()
    gateway_folder = tmp_path / "gateway"
    with (
        providing(book.play) as provider,
        standing_before(provider, gateway_folder, ["openai"], server="workers = 4", teams=TEAMS, prices=PRICES) as run,
        watching(run, tmp_path / "prometheus") as prometheus,
    ):
        began_s = time.time()
        kill_under_load(run)
        check_sums(prometheus, gateway_folder, book, provider.asked)
        outage(run, prometheus, book)
        check_rules(prometheus)
        check_counters(prometheus)
        check_panels(prometheus, began_s, time.time())
        check_exemplars(prometheus, began_s, gateway_folder)
        check_contract(prometheus, began_s)


def kill_under_load(run: Gateway) -> None:
    """Serve mixed traffic, and kill workers and the recorder meanwhile."""
    with Load(run.port, AGENTS, MIX) as load:
        load.more(100)
        ask_odd(run)
        for number in range(2):
            leave(run, number)
            load.more(200)
            strike(run, busiest(run))
            load.more(200)
            strike(run, "recorder")
        load.more(200)
        load.stop()


def check_sums(prometheus: Prometheus, folder: Path, book: Book, asked: list[Asked]) -> None:
    """Compare Prometheus, the log and the provider's book, to the last token and nano-dollar."""
    rows = wait_still(prometheus, folder)
    total = {name: total_of(prometheus, name) for name in ("tollway_requests_total", "tollway_tokens_total")}
    assert len(rows) == total["tollway_requests_total"] == total_of(prometheus, "tollway_team_requests_total")
    tokens = sum(row["usage"]["input_total"] + row["usage"]["output_total"] for row in rows if row["usage"])
    assert tokens == total["tollway_tokens_total"] == total_of(prometheus, "tollway_team_tokens_total")
    assert sum(row["cost_nano_usd"] for row in rows) == total_of(prometheus, "tollway_cost_usd_total", 1e9)
    assert sum(len(row["attempts"]) for row in rows) == total_of(prometheus, "tollway_upstream_attempts_total")

    records = {record.session or "": record for record in logged(folder)}
    asked_for = {nonce_of(one) for one in asked}  # all of ours carry their session's name in `user`
    tried = {session for session, record in records.items() if record.attempts}
    assert set() == asked_for - tried, "asked, and not in the log"
    # A killed worker had written down what it was about to ask.
    assert {WORKER_DIED} >= {records[session].error for session in tried - asked_for}
    told = {session: record for session, record in records.items() if record.usage_source == "provider"}
    wrong = [session for session, record in told.items() if booked(record) != in_book(book, session, record)]
    assert [] == wrong
    assert len(told) > 500
    cut = Counter(record.outcome for record in records.values() if record.usage_source in ("estimated", "partial"))
    assert {"cancelled", "gateway_error", "ok", "upstream_error"} == cut.keys(), "no worker was killed at work"
    print(f"\n{len(rows)} exchanges, {tokens} tokens; {len(told)} told by the provider, estimated: {dict(cut)}")


def booked(record: Record) -> tuple[int, int, int]:
    """Return tokens in, tokens out and nano-USD of a record."""
    assert record.usage is not None
    return record.usage.input_total, record.usage.output_total, record.cost_nano_usd


def in_book(book: Book, session: str, record: Record) -> tuple[int, int, int]:
    """Return the same by the provider's book and the configured prices."""
    sent, cached, got = book.tokens[session]
    cost = (sent - cached) * INPUT_NANO + cached * CACHED_NANO + got * OUTPUT_NANO
    if record.price_source == "default":
        cost = sent * 5_000 + got * 25_000
    return sent, got, cost


def wait_still(prometheus: Prometheus, folder: Path) -> list[dict[str, Any]]:
    """Wait until Prometheus has seen everything that stands in the log, and return the log as people get it."""

    def look() -> list[dict[str, Any]] | None:
        rows = read_log(folder)
        time.sleep(1)  # two scrapes
        return rows if len(rows) == total_of(prometheus, "tollway_requests_total") == len(read_log(folder)) else None

    return list(until(look, "Prometheus has counted the whole log", LIMIT_S))


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Read the log as `tollway logs` gives it."""
    command = [sys.executable, "-m", "gateway", "logs", "--json", "--limit", "10000"]
    ran = subprocess.run(
        [*command, "--config", str(folder / "config.toml")],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(rows) < 10_000
    return rows


def total_of(prometheus: Prometheus, name: str, per_unit: float = 1) -> int:
    """Add up a counter in whole units, each series by itself: sums of floats are not exact, single ones are."""
    return sum(round(value * per_unit) for _, value in prometheus.instant(name))


def outage(run: Gateway, prometheus: Prometheus, book: Book) -> None:
    """Let the provider fail: the alerts for that fire, and resolve when it is over."""

    def firing() -> set[tuple[str, str]]:
        time.sleep(0.2)  # asking all the time would slow down what is watched
        alerts = prometheus.api("alerts")["alerts"]
        assert "<error" not in json.dumps(alerts), "a template is wrong"
        return {(one["labels"]["alertname"], one["labels"]["severity"]) for one in alerts if one["state"] == "firing"}

    expected = {("TollwayRequestsFailing", "page"), ("TollwayProviderFailing", "ticket")}
    with Load(run.port, 4, [(3, 20)]) as load:
        load.more(50)
        until(lambda: not expected & firing(), "nothing is left of the kills", LIMIT_S)
        book.is_down = True
        until(lambda: expected <= firing(), "the outage is noticed", LIMIT_S)
        at_worst = firing()
        book.is_down = False
        until(lambda: not expected & firing(), "the outage is over", LIMIT_S)
    never = {"TollwayDown", "TollwayAbsent", "TollwayNoWorker", "TollwayJournalDropped", "TollwayLossContractBroken"}
    assert set() == {name for name, _ in at_worst} & never


def check_rules(prometheus: Prometheus) -> None:
    """Every rule was evaluated, and without an error."""
    groups = prometheus.api("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]

    assert len(rules) == sum(len(each["rules"]) for made in (recording(), alerting()) for each in made["groups"])
    assert [] == [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"]


def check_counters(prometheus: Prometheus) -> None:
    """No counter, and no part of a histogram, ever fell from one scrape to the next."""
    names = {metric.name + "_total": metric.name for metric in CATALOGUE.values() if metric.kind == COUNTER}
    for metric in CATALOGUE.values():
        if metric.kind == HISTOGRAM:
            names |= {f"{metric.name}_{part}": metric.name for part in ("bucket", "count", "sum")}
    seen = set()
    for labels, values in prometheus.samples('{job="tollway",__name__=~"tollway_.+"}'):
        if names.get(labels["__name__"], "") == "":
            continue
        seen.add(names[labels["__name__"]])
        assert values == sorted(values), f"{labels} fell"
    silent = {name.removesuffix("_total") for name in SILENT}
    unseen = {metric.name for metric in CATALOGUE.values() if metric.kind != GAUGE} - silent - seen
    assert set() == unseen, unseen


def check_panels(prometheus: Prometheus, start_s: float, end_s: float) -> None:
    """Every query of every panel gives data; those that cannot are listed with the reason."""
    empty = []
    for name, expr in queries(f"{round(end_s - start_s)}s"):
        asked = {selector.family for selector in selectors(expr)} | {selector.name for selector in selectors(expr)}
        found = prometheus.api("query_range", query=expr, start=start_s, end=end_s, step="1s")["result"]
        values = {value for series in found for _, value in series["values"]} - {"NaN"}
        if not values and not asked & {*SILENT}:
            empty.append(f"{name}: {expr}")

    assert [] == empty, "\n".join(empty)


def check_exemplars(prometheus: Prometheus, start_s: float, folder: Path) -> None:
    """A dot in a graph of durations is an exchange that stands in the log."""
    expr = "tollway_request_duration_seconds_bucket"
    found = prometheus.api("query_exemplars", query=expr, start=start_s, end=time.time())
    ids = {one["labels"][EXEMPLAR] for series in found for one in series["exemplars"]}

    assert ids <= {record.id for record in logged(folder)}
    assert ids


def check_contract(prometheus: Prometheus, start_s: float) -> None:
    """At every scrape, kills or not, each accepted exchange is in one place: running, stored, spooled or dropped."""
    places = ("running", "stored_total", "spooled", "dropped_total")
    rest = " - ".join(f"sum(tollway_exchanges_{place})" for place in places)
    expr = f"sum(tollway_exchanges_accepted_total) - {rest}"
    found = prometheus.api("query_range", query=expr, start=start_s, end=time.time(), step=INTERVAL)["result"]
    values = [float(value) for series in found for _, value in series["values"]]

    assert {0} >= {*values}, values
    assert values


def queries(shown: str) -> Iterator[tuple[str, str]]:
    """Yield every query of every dashboard, with Grafana's variables replaced as Grafana does it."""
    variables = {"$__rate_interval": RATE_INTERVAL, "$__range": shown, "$job": "tollway", "$instance": ".+"}
    pattern = re.compile("|".join(map(re.escape, variables)))
    for source in DASHBOARDS:
        for row in source.rows:
            for panel in row.panels:
                for query in panel.queries:
                    yield f"{source.uid}: {panel.title}", pattern.sub(lambda one: variables[one[0]], fill(query.expr))
    for name, _, expr in ANNOTATIONS:
        yield name, pattern.sub(lambda one: variables[one[0]], fill(expr))
