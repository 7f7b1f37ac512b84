"""What does Grafana read at its start: the data source, where dashboards lie, and what a linter may overlook?"""

from typing import Any

# Exemplars carry the id of one exchange under this label.
EXEMPLAR = "request_id"

DATASOURCE: dict[str, Any] = {
    "apiVersion": 1,
    "datasources": [
        {
            "name": "Prometheus",
            "uid": "tollway-prometheus",
            "type": "prometheus",
            "access": "proxy",
            "url": "http://127.0.0.1:9090",
            "jsonData": {
                "timeInterval": "15s",
                "exemplarTraceIdDestinations": [
                    {
                        "name": EXEMPLAR,
                        "urlDisplayLabel": "Exchange",
                        # Grafana replaces $NAME by the environment; $$ is one dollar.
                        "url": "http://127.0.0.1:8081/api/exchanges/$${__value.raw}",
                    }
                ],
            },
        }
    ],
}

DASHBOARDS_PROVIDER: dict[str, Any] = {
    "apiVersion": 1,
    "providers": [
        {
            "name": "tollway",
            "folder": "Tollway",
            "type": "file",
            "allowUiUpdates": False,
            "options": {"path": "/var/lib/grafana/dashboards/tollway"},
        }
    ],
}

# For grafana/dashboard-linter: which rule is not kept, and why.
LINT: dict[str, Any] = {
    "exclusions": {
        "target-instance-rule": {
            "reason": "alerts and promises are of a whole job: they have no instance",
            "entries": [],
        },
        "target-job-rule": {"reason": "alerts of what is missing have no job", "entries": []},
        "target-rate-interval-rule": {
            "reason": "totals over the range that is shown, and counts of rare events, have windows of their own",
            "entries": [],
        },
        "target-counter-agg-rule": {
            "reason": "the loss contract compares counters with each other at one instant",
            "entries": [],
        },
    }
}
