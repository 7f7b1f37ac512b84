"""Which rules does Prometheus evaluate? Built from the tables of objectives and alerts."""

import re
from typing import Any

from deploy.source.alerts import GROUPS, PAGE, TICKET, Alert
from deploy.source.promql import fill, rehearsed, seconds, shortened
from deploy.source.slo import OBJECTIVES, burning, recorded

# Where the document stands. Put the address of your copy before it and generate anew: then chats show a link.
RUNBOOK = "docs/monitoring.md"
INTERVAL = "30s"
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


def recording(times: int = 1) -> dict[str, Any]:
    """Give the recording rules; `times`: so many times faster, for a rehearsal."""
    groups = [
        {
            "name": f"tollway-slo-{objective.name.replace('_', '-')}",
            "interval": _interval(times),
            "rules": recorded(objective, times),
        }
        for objective in OBJECTIVES
    ]
    return {"groups": groups}


def alerting(times: int = 1) -> dict[str, Any]:
    """Give the alerts."""
    groups = [{"name": "tollway-slo-burn", "interval": _interval(times), "rules": burns(times)}]
    for name, alerts in GROUPS.items():
        rules = [_rule(alert, times) for alert in alerts]
        groups.append({"name": name, "interval": _interval(times), "rules": rules})
    return {"groups": groups}


def _interval(times: int) -> str:
    """Windows become much shorter in a rehearsal than evaluations can be: two a second are enough for both."""
    return INTERVAL if times == 1 else shortened(INTERVAL, 60)


def burns(times: int) -> list[dict[str, Any]]:
    """Give the alerts of the objectives: one name each, a page and a ticket."""
    return [
        {
            "alert": objective.alert,
            "expr": burning(objective, severity, times),
            "labels": {"severity": severity},
            "annotations": _annotations(
                objective.alert,
                f"{{{{ $value | humanizePercentage }}}} fail the promise that {objective.promise}",
                objective.meaning,
                objective.action,
            ),
        }
        for objective in OBJECTIVES
        for severity in (PAGE, TICKET)
    ]


def _rule(alert: Alert, times: int) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": rehearsed(fill(alert.expr), times),
        **({"for": shortened(alert.hold, times)} if seconds(alert.hold) else {}),
        "labels": {"severity": alert.severity},
        "annotations": _annotations(alert.name, alert.summary, alert.meaning, alert.action),
    }


def _annotations(name: str, summary: str, meaning: str, action: str) -> dict[str, str]:
    text = _LINK.sub(r"\1", f"{meaning}\n{action}")
    return {"summary": summary, "description": text, "runbook_url": f"{RUNBOOK}#{name.lower()}"}
