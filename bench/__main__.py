"""`make bench`: measure all contenders in interleaved rounds and print the medians."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cases import CASES, Case, write_bodies
from bench.contenders import CHAT, CONTENDERS, Launch
from bench.measure import Result, Unreachable, load, measure
from bench.processes import stop
from bench.provider import Missing, Provider

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "bench"
REFERENCE = "envoy"
START_LIMIT_S = 120
WARM_UP_S = 2
DIRECT = "direct"

Results = dict[tuple[str, str], list[Result]]


@dataclass(frozen=True, slots=True)
class Running:
    """A contender that answers."""

    launch: Launch
    process: subprocess.Popen[bytes]


def main() -> None:
    """Measure and print; exit 1 when nothing could be measured."""
    arguments = read_arguments()
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_bodies(FOLDER)
    results: Results = {}
    try:
        with ExitStack() as cleanup:
            provider = Provider.start(FOLDER, tls=arguments.tls)
            cleanup.callback(provider.stop)
            running = start_all(arguments.only.split(","), provider, cleanup)
            for name in arguments.cases.split(","):
                measure_case(name, running, provider, arguments, results)
    except Missing as missing:
        sys.exit(str(missing))
    except KeyboardInterrupt:
        print("stopped; what was measured:", file=sys.stderr)
    rows = summarise(results)
    print_table(rows)
    if arguments.out:
        arguments.out.write_text(json.dumps(rows, indent=1) + "\n")


def read_arguments() -> argparse.Namespace:
    """Read and check the command line."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="each figure is their median (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=5, help="of load per round (default: %(default)s)")
    parser.add_argument("--cases", default=",".join(CASES), help="comma list (default: %(default)s)")
    parser.add_argument("--only", default=",".join(CONTENDERS), help="comma list (default: %(default)s)")
    parser.add_argument("--tls", action="store_true", help="TLS between contender and provider")
    parser.add_argument("--out", type=Path, help="write the summary as JSON, too")
    arguments = parser.parse_args()
    for given, known in ((arguments.cases, CASES), (arguments.only, CONTENDERS)):
        unknown = set(given.split(",")) - set(known)
        if unknown:
            parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return arguments


def start_all(names: list[str], provider: Provider, cleanup: ExitStack) -> dict[str, Running]:
    """Start the contenders; say which are left out and why."""
    running = {}
    for name in names:
        try:
            launch = CONTENDERS[name](FOLDER, provider)
        except Missing as missing:
            print(f"{name} is left out: {missing}", file=sys.stderr)
            continue
        log = cleanup.enter_context((FOLDER / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            launch.words,
            cwd=ROOT,
            env=os.environ | launch.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
        )
        cleanup.callback(stop, process)
        if answers(launch, process):
            running[name] = Running(launch, process)
        else:
            print(f"{name} is left out: it does not answer, see {log.name}", file=sys.stderr)
    if not running:
        raise Missing("nothing to measure")
    return running


def answers(launch: Launch, process: subprocess.Popen[bytes]) -> bool:
    """Wait for the first good answer."""
    request = urllib.request.Request(
        launch.url,
        data=(FOLDER / "json.json").read_bytes(),
        headers={"content-type": "application/json", "authorization": f"Bearer {launch.key}"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end_s = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end_s and process.poll() is None:
        try:
            with opener.open(request, timeout=10) as answer:
                return b"prompt_tokens" in answer.read() and process.poll() is None
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    return False


def measure_case(
    name: str, running: dict[str, Running], provider: Provider, arguments: argparse.Namespace, results: Results
) -> None:
    """Warm up, then measure in rounds: each contender once per round, so that all share the machine's moods."""
    case = CASES[name]
    body = FOLDER / f"{case.body}.json"
    provider.set_interval_ms(case.interval_ms)
    for each in running.values():
        with suppress(Unreachable):  # said when it is measured
            load(each.launch.url, each.launch.key, body, case.connections, WARM_UP_S)
    for _ in range(arguments.rounds):
        if name == "latency":
            results.setdefault((name, DIRECT), []).append(direct(provider, case, body, arguments.seconds))
        for contender, each in list(running.items()):
            process, launch = each.process, each.launch
            try:
                result = measure(process.pid, launch.url, launch.key, body, case, arguments.seconds)
            except Unreachable as gone:
                print(f"{contender} is gone: {gone}, see {FOLDER / contender}.log", file=sys.stderr)
                del running[contender]
                continue
            results.setdefault((name, contender), []).append(result)
            seen = result.load
            print(
                f"{name:12} {contender:8} {result.cpu_us:9.1f} us  {seen.per_second:8.0f}/s  p50 {seen.p50_ms:.3f} ms"
                f"  failed {seen.failed}",
                file=sys.stderr,
            )


def direct(provider: Provider, case: Case, body: Path, seconds: int) -> Result:
    """Load the provider itself: what remains of the latency without anything in between."""
    return Result(load(f"{provider.url}{CHAT}", "sk-none", body, case.connections, seconds))


def summarise(results: Results) -> list[dict[str, Any]]:
    """Take the medians; ratios against the reference are taken round by round first."""
    rows = []
    for (case, contender), rounds in results.items():
        reference = results.get((case, REFERENCE), [])
        pairs = [(ours, theirs) for ours, theirs in zip(rounds, reference, strict=False) if theirs.cpu_us]
        rows.append(
            {
                "case": case,
                "contender": contender,
                "cpu_us": statistics.median(each.cpu_us for each in rounds),
                "ratio": statistics.median(ours.cpu_us / theirs.cpu_us for ours, theirs in pairs) if pairs else None,
                "serving_ratio": (
                    statistics.median(ours.serving_us / theirs.cpu_us for ours, theirs in pairs) if pairs else None
                ),
                "per_second": statistics.median(each.load.per_second for each in rounds),
                "p50_ms": statistics.median(each.load.p50_ms for each in rounds),
                "p99_ms": statistics.median(each.load.p99_ms for each in rounds),
                "rss_mb": statistics.median(each.rss_mb for each in rounds),
                "failed": sum(each.load.failed for each in rounds),
                "rounds": len(rounds),
            }
        )
    return rows


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print the summary: CPU microseconds per request (paced: per event), and against the reference."""
    print(
        f"{'case':12} {'contender':9} {'cpu us':>9} {'x ' + REFERENCE:>8} {'serving':>8} {'req/s':>8} "
        f"{'p50 ms':>8} {'p99 ms':>8} {'RSS MB':>7} {'failed':>6}"
    )
    for row in rows:
        ratio, serving = (f"{row[name]:.2f}" if row[name] else "" for name in ("ratio", "serving_ratio"))
        print(
            f"{row['case']:12} {row['contender']:9} {row['cpu_us']:9.1f} {ratio:>8} {serving:>8} "
            f"{row['per_second']:8.0f} {row['p50_ms']:8.3f} {row['p99_ms']:8.3f} {row['rss_mb']:7.0f} "
            f"{row['failed']:6d}"
        )


if __name__ == "__main__":
    main()
