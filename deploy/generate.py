"""Write the files of deploy/ and the generated parts of docs/monitoring.md: `python -m deploy.generate`.

With `--check` nothing is written: the exit status is 1 if a file is not what the source makes.
"""

import sys
from pathlib import Path

import orjson

from deploy.source import handbook
from deploy.source.cases import files as cases
from deploy.source.dashboards.cost import COST
from deploy.source.dashboards.evaluation import EVALUATION
from deploy.source.dashboards.gateway import GATEWAY
from deploy.source.dashboards.latency import LATENCY
from deploy.source.dashboards.overview import OVERVIEW
from deploy.source.dashboards.providers import PROVIDERS
from deploy.source.grafana import dashboard
from deploy.source.provisioning import DASHBOARDS_PROVIDER, DATASOURCE, LINT
from deploy.source.rules import alerting, recording
from deploy.source.scrape import configuration
from deploy.source.yaml import dumped

ROOT = Path(__file__).parents[1]
HANDBOOK = "docs/monitoring.md"
DASHBOARDS = (OVERVIEW, COST, LATENCY, PROVIDERS, EVALUATION, GATEWAY)
RULES = ("rules/recording.yml", "rules/alerts.yml")
NOTE = "Written by `python -m deploy.generate` from deploy/source; do not edit."


def files() -> dict[str, str]:
    """Give the text of every generated file, by its path from the project's root."""
    return {
        **{f"deploy/grafana/{each.uid}.json": _json(dashboard(each)) for each in DASHBOARDS},
        "deploy/grafana/.lint": dumped(LINT, NOTE),
        "deploy/grafana/provisioning/datasources/tollway.yml": dumped(DATASOURCE, NOTE),
        "deploy/grafana/provisioning/dashboards/tollway.yml": dumped(DASHBOARDS_PROVIDER, NOTE),
        "deploy/prometheus/prometheus.yml": configuration(["127.0.0.1:8081"], RULES),
        "deploy/prometheus/rules/recording.yml": dumped(recording(), NOTE),
        "deploy/prometheus/rules/alerts.yml": dumped(alerting(), NOTE),
        **{f"deploy/prometheus/tests/{name}.yml": dumped(tests, NOTE) for name, tests in cases.files().items()},
        HANDBOOK: _handbook(),
    }


def _handbook() -> str:
    text = (ROOT / HANDBOOK).read_text()
    text = handbook.replaced(text, "dashboards", handbook.dashboards(DASHBOARDS))
    text = handbook.replaced(text, "promises", handbook.promises())
    return handbook.replaced(text, "alerts", handbook.alerts())


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def main(arguments: list[str]) -> int:
    """Write the files, or only compare."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m deploy.generate [--check]", file=sys.stderr)
        return 2
    stale = {name: text for name, text in files().items() if _read(ROOT / name) != text}
    for name, text in stale.items():
        if arguments:
            print(f"{name} is not what deploy/source makes: run `python -m deploy.generate`", file=sys.stderr)
        else:
            (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / name).write_text(text)
            print(f"wrote {name}")
    return 1 if arguments and stale else 0


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
