"""Dashboards keep the rules of grafana/dashboard-linter, and lead to each other and to the exchanges behind a graph."""

import re
from itertools import combinations
from typing import Any

import orjson
import pytest

from deploy.generate import DASHBOARDS
from deploy.source.grafana import TAG, WIDTH, dashboard
from deploy.source.panel import HEATMAP, TABLE, Panel
from deploy.source.provisioning import DATASOURCE, EXEMPLAR
from gateway.store.asking import query
from tests.deploy.tools import ROOT

UNITS = {
    "bool_yes_no", "bytes", "cps", "currencyUSD", "ops", "percentunit", "reqps", "s", "short",
}  # fmt: skip
# Queries without the matchers of the variables, each with the reason.
WITHOUT_JOB = {"ALERTS": "alerts about what is missing have no job"}
WITHOUT_INSTANCE = {**WITHOUT_JOB, "tollway:": "promises are of a whole job"}

SOURCES = [pytest.param(source, id=source.uid) for source in DASHBOARDS]
PANELS = [
    pytest.param(source, panel, id=f"{source.uid}: {panel.title}")
    for source in DASHBOARDS
    for row in source.rows
    for panel in row.panels
]


def panels(made: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the panels that show something."""
    return [panel for panel in made["panels"] if panel["type"] != "row"]


def vectors(expression: str) -> list[str]:
    """Return every selector of a metric, with its matchers."""
    return re.findall(r"\b(?:tollway[\w:]*|ALERTS|scrape_\w+|up)\b(?:\{[^}]*\})?", expression)


@pytest.mark.parametrize("source", SOURCES)
def test_dashboard_can_be_provisioned(source: Any) -> None:
    """A fixed uid and no id: importing it anew replaces it; it is edited in the source, not in the browser."""
    made = dashboard(source)

    assert made == orjson.loads((ROOT / "deploy" / "grafana" / f"{source.uid}.json").read_bytes())
    assert "id" not in made
    assert made["uid"].startswith("tollway-") and len(made["uid"]) <= 40
    assert made["editable"] is False
    assert made["title"] and made["description"]


def test_names_are_unique() -> None:
    """Two dashboards never replace each other, and a panel is found by its title."""
    assert 6 == len({source.uid for source in DASHBOARDS}) == len({source.title for source in DASHBOARDS})
    for source in DASHBOARDS:
        for row in source.rows:
            titles = [panel.title for panel in row.panels]
            assert len(titles) == len(set(titles)), row.title


@pytest.mark.parametrize("source", SOURCES)
def test_variables_are_those_of_every_dashboard(source: Any) -> None:
    """Rules template-datasource, -job, -instance, -on-time-change-reload: the same variables everywhere."""
    variables = {one["name"]: one for one in dashboard(source)["templating"]["list"]}

    assert ["datasource", "job", "instance", "admin"] == list(variables)
    assert ("datasource", "prometheus", "Data source") == tuple(
        variables["datasource"][name] for name in ("type", "query", "label")
    )
    for name in ("job", "instance"):
        one = variables[name]
        assert (name.capitalize(), True, True, ".+", 2) == tuple(
            one[field] for field in ("label", "multi", "includeAll", "allValue", "refresh")
        )
        assert one["datasource"]["uid"] == "$datasource"


@pytest.mark.parametrize(("source", "panel"), PANELS)
def test_panel_can_be_understood(source: Any, panel: Panel) -> None:
    """Rules panel-title-description, -units: each panel says what it shows, in which unit."""
    assert panel.title
    assert panel.description.endswith(".")
    assert panel.unit in UNITS
    assert panel.queries
    assert all(query.legend or panel.over_range or len(panel.queries) == 1 for query in panel.queries)


@pytest.mark.parametrize(("source", "panel"), PANELS)
def test_queries_keep_the_rules(source: Any, panel: Panel) -> None:
    """Rules target-job, -instance, -rate-interval, -counter-agg: they follow the variables and the zoom."""
    (made,) = [
        one
        for one in panels(dashboard(source))
        if (one["title"], one["description"]) == (panel.title, panel.description)
    ]
    assert made["datasource"]["uid"] == "$datasource"
    for target in made["targets"]:
        expr = target["expr"]
        assert "$S" not in expr and "$R]" not in expr
        for vector in vectors(expr):
            if not vector.startswith(tuple(WITHOUT_JOB)):
                assert 'job=~"$job"' in vector
            if not vector.startswith(tuple(WITHOUT_INSTANCE)):
                assert 'instance=~"$instance"' in vector
        assert re.findall(r"\b(?:i?rate)\([^[]*\[([^]]*)\]", expr) == ["$__rate_interval"] * expr.count("rate(")
        if "$__range" in expr:
            assert target["instant"] and panel.over_range
        counters = [one for one in vectors(expr) if re.match(r"tollway_\w+_total\b", one)]
        bare = len(counters) - len(re.findall(r"(?:rate|increase)\(tollway_\w+_total\b", expr))
        assert 0 == bare or "unaccounted" in target["legendFormat"] or "dropped" in target["legendFormat"]


@pytest.mark.parametrize("source", SOURCES)
def test_panels_lie_beside_each_other(source: Any) -> None:
    """Nothing overlaps, nothing leaves the page, every panel has a number of its own."""
    made = dashboard(source)["panels"]
    places = [one["gridPos"] for one in made]

    assert len(made) == len({one["id"] for one in made})
    assert all(place["x"] + place["w"] <= WIDTH for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)


@pytest.mark.parametrize("source", SOURCES)
def test_dashboards_lead_to_each_other(source: Any) -> None:
    """Every dashboard links to all others by their tag, and takes hosts and time along."""
    made = dashboard(source)
    (link,) = made["links"]

    assert [TAG] == made["tags"] == link["tags"]
    assert link["includeVars"] and link["keepTime"]


@pytest.mark.parametrize(("source", "panel"), [one for one in PANELS if one.values[1].link])  # type: ignore[union-attr]
def test_links_to_exchanges_are_filters_of_the_log(source: Any, panel: Panel) -> None:
    """A series leads to its exchanges on the admin port: its labels are filters there, and stand in the query."""
    (made,) = [
        one
        for one in panels(dashboard(source))
        if (one["title"], one["description"]) == (panel.title, panel.description)
    ]
    (link,) = made["fieldConfig"]["defaults"]["links"]
    asked = re.sub(r"\$\{__(?:from|to):date:iso\}", "2026-11-23T08:00:00.000Z", link["url"])
    asked = re.sub(r"outcome=\$\{[^}]*\}", "outcome=ok", asked)
    asked = re.sub(r"\$\{[^}]*\}", "x", asked.removeprefix("${admin}"))
    path, _, filters = asked.partition("?")

    assert "/api/exchanges" == path
    query(dict(pair.split("=") for pair in filters.split("&")), 0)
    for target in made["targets"]:
        assert all(re.search(rf"by \([^)]*\b{label}\b", target["expr"]) for label in panel.link)


def test_exemplars_lead_to_their_exchange() -> None:
    """A dot in a graph is one exchange: the data source knows where it stands."""
    (source,) = DATASOURCE["datasources"]
    (destination,) = source["jsonData"]["exemplarTraceIdDestinations"]

    assert EXEMPLAR == destination["name"]
    assert destination["url"].endswith("/api/exchanges/$${__value.raw}")
    assert any(panel.values[1].exemplars for panel in PANELS)  # type: ignore[union-attr]


@pytest.mark.parametrize(("source", "panel"), PANELS)
def test_kind_fits_the_query(source: Any, panel: Panel) -> None:
    """Tables show one moment, heat maps buckets; exemplars exist of histograms only."""
    exprs = [query.expr for query in panel.queries]

    assert panel.over_range or panel.kind != TABLE
    assert (panel.kind == HEATMAP) == any(expr.startswith("sum by (le) (increase(") for expr in exprs)
    assert not panel.exemplars or all("_bucket{" in expr for expr in exprs)
