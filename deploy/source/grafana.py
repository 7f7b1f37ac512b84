"""How does a dashboard of ours become Grafana's JSON?"""

from collections.abc import Iterator
from typing import Any

from deploy.source.panel import BARS, HEATMAP, STAT, TABLE, TIMESERIES, Dashboard, Panel, Query, Threshold
from deploy.source.promql import fill

TAG = "tollway"
SCHEMA_VERSION = 39  # Grafana 10.4; newer ones raise it by themselves
DATASOURCE = {"type": "prometheus", "uid": "$datasource"}
WIDTH = 24
HEIGHTS = {STAT: 4, TABLE: 8, TIMESERIES: 8, BARS: 8, HEATMAP: 8}

# Events that explain a step in a graph.
ANNOTATIONS = (("Configuration reloaded", "blue", "tollway_config_last_reload_success_timestamp_seconds{$S} * 1000"),)


def dashboard(source: Dashboard) -> dict[str, Any]:
    """Write a dashboard."""
    return {
        "uid": source.uid,
        "title": source.title,
        "description": source.description,
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": [_annotation(*each) for each in ANNOTATIONS]},
        "links": [_others()],
        "templating": {"list": _variables()},
        "panels": list(_panels(source)),
    }


def _annotation(name: str, colour: str, expr: str) -> dict[str, Any]:
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": colour,
        "expr": fill(expr),
        "useValueForTime": "on",
        "titleFormat": name,
        "textFormat": "{{instance}}",
    }


def _others() -> dict[str, Any]:
    """Link to every other dashboard of ours, with the same hosts and the same time."""
    return {
        "type": "dashboards",
        "title": "Tollway",
        "tags": [TAG],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
    }


def _variables() -> list[dict[str, Any]]:
    return [
        {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1},
        _variable("job", "Job", "label_values(tollway_build_info, job)"),
        _variable("instance", "Instance", 'label_values(tollway_build_info{job=~"$job"}, instance)'),
        {
            "name": "admin",
            "label": "Admin port",
            "description": "Where links to exchanges lead: Tollway's admin port as your browser reaches it.",
            "type": "textbox",
            "query": "http://127.0.0.1:8081",
            "current": {"text": "http://127.0.0.1:8081", "value": "http://127.0.0.1:8081"},
        },
    ]


def _variable(name: str, label: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _panels(source: Dashboard) -> Iterator[dict[str, Any]]:
    """Number the panels, and lay them out from left to right, as they stand in the table."""
    number, top = 0, 0
    for row in source.rows:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"x": 0, "y": top, "w": WIDTH, "h": 1},
        }
        top, left, height = top + 1, 0, 0
        for each in row.panels:
            number += 1
            if left + each.width > WIDTH:
                top, left, height = top + height, 0, 0
            tall = HEIGHTS[each.kind]
            yield _panel(each, number, {"x": left, "y": top, "w": each.width, "h": tall})
            left, height = left + each.width, max(height, tall)
        top += height


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    made = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "gridPos": place,
        "datasource": DATASOURCE,
        "targets": [_target(panel, query, at) for at, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _OPTIONS[panel.kind],
    }
    if panel.kind == TABLE:
        made["transformations"] = _ONE_TABLE
    return made


def _target(panel: Panel, query: Query, at: int) -> dict[str, Any]:
    return {
        "refId": chr(ord("A") + at),
        "datasource": DATASOURCE,
        "expr": fill(query.expr),
        "legendFormat": query.legend or "__auto",
        "instant": panel.over_range,
        "range": not panel.over_range,
        "format": {TABLE: "table", HEATMAP: "heatmap"}.get(panel.kind, "time_series"),
        "exemplar": panel.exemplars,
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "min": 0,
        "thresholds": {"mode": "absolute", "steps": _steps(panel.thresholds)},
        "links": [_link(panel)] if panel.link else [],
    }
    if panel.kind == STAT:
        defaults["color"] = {"mode": "thresholds"}
        del defaults["min"]  # a stat has no axis, and the error budget may be overdrawn
    if panel.top is not None:
        defaults["max"] = panel.top
    if panel.kind == TIMESERIES:
        stacking = {"mode": "normal" if panel.stacked else "none", "group": "A"}
        defaults["custom"] = {
            "fillOpacity": 25 if panel.stacked else 0,
            "stacking": stacking,
            "showPoints": "never",
            "thresholdsStyle": {"mode": "line" if panel.thresholds else "off"},
        }
    return defaults


def _steps(thresholds: tuple[Threshold, ...]) -> list[dict[str, Any]]:
    """Everything is fine until the first threshold says otherwise."""
    return [{"color": "green", "value": None}, *({"color": each.colour, "value": each.at} for each in thresholds)]


def _link(panel: Panel) -> dict[str, Any]:
    """Lead from a series to its exchanges, in the time that is shown."""
    where = "__data.fields" if panel.kind == TABLE else "__field.labels"
    filters = "&".join(f"{name}=${{{where}.{name}}}" for name in panel.link)
    return {
        "title": "Exchanges",
        "url": f"${{admin}}/api/exchanges?{filters}&since=${{__from:date:iso}}&until=${{__to:date:iso}}",
        "targetBlank": True,
    }


_VALUE = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_OPTIONS: dict[str, dict[str, Any]] = {
    TIMESERIES: {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["mean", "max", "lastNotNull"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    STAT: {"reduceOptions": _VALUE, "colorMode": "value", "graphMode": "none", "textMode": "auto"},
    TABLE: {"showHeader": True, "cellHeight": "sm"},
    BARS: {"reduceOptions": _VALUE, "orientation": "horizontal", "displayMode": "basic", "valueMode": "color"},
    HEATMAP: {
        "calculate": False,
        "yAxis": {"unit": "s"},
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "tooltip": {"mode": "single"},
    },
}
# Every query of a table becomes a column beside the labels that they share.
_ONE_TABLE = [
    {"id": "merge", "options": {}},
    {"id": "organize", "options": {"excludeByName": {"Time": True}}},
]
