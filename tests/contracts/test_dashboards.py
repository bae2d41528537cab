"""Every metric that a dashboard draws is one that somebody sends, under the labels that it has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from contracts import gateway
from contracts.documents import document
from prometheus_client.parser import text_string_to_metric_families as families

from dashboards import cloudwatch, generate, grafana
from dashboards.description import ROWS
from dashboards.panels import COLUMNS, Panel, Place, Row, Source, placed
from dashboards.queries import DEPLOYMENT, INSTALLATION

GOLDEN = document("metric_names")
PANELS = [panel for row in ROWS for panel in row.panels]
QUERIES = [query for panel in PANELS for query in panel.prometheus]
METRICS = [each for panel in PANELS for each in panel.cloudwatch]
NAME = re.compile(r"inference_gateway_\w+")
# In PromQL: a selector's labels, and what a sum keeps.
LABEL = re.compile(r"(\w+)(?:=~|!=|=)\"|\{\{(\w+)\}\}")
KEPT = re.compile(r"by \(([\w, ]+)\)")


def test_the_dashboards_are_as_described() -> None:
    template = generate.TEMPLATE.read_text()

    assert generate.GRAFANA.read_text() == generate.for_grafana(), "run `make dashboards`"
    assert template == generate.in_template(template), "run `make dashboards`"


@pytest.fixture
async def samples(tmp_path: Path) -> dict[str, set[str]]:
    """The names of all samples that /metrics of a gateway prints -> their labels."""
    page = await gateway.metrics_page(
        tmp_path,
        [
            {"stream": True, "first_byte": 0.5, "fallback": True},
            {"stream": True, "first_byte": 0.5, "error": "engine_gone"},
            {"status": 499, "retried": True, "failover": "503"},
            {"status": 503, "error": "overloaded"},
        ],
    )
    found: dict[str, set[str]] = {}
    for family in families(page):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


async def test_the_gateway_prints_every_metric_that_grafana_asks_for(
    samples: dict[str, set[str]],
) -> None:
    asked = {name for query in QUERIES for name in NAME.findall(query.expression)}

    assert len(asked) > 10
    assert asked <= set(samples)


async def test_a_query_names_only_labels_that_its_metrics_have(
    samples: dict[str, set[str]],
) -> None:
    for query in QUERIES:
        there = set.union(*(samples[name] for name in NAME.findall(query.expression)))
        kept = ", ".join(KEPT.findall(query.expression))
        named = {a or b for a, b in LABEL.findall(query.expression + query.label)}
        assert named | set(filter(None, kept.split(", "))) <= there, query


def test_every_query_is_of_the_gateway() -> None:
    assert all(NAME.search(query.expression) for query in QUERIES)


def test_what_the_gateway_counts_is_drawn() -> None:
    """But when it was asked last, which version it is."""
    drawn = "\n".join(query.expression for query in QUERIES)
    others = {"last_request_timestamp_seconds", "build_info"}

    missing = {name for name in GOLDEN["gateway"] if name not in drawn}

    assert missing == {f"inference_gateway_{name}" for name in others}


def test_a_metric_of_the_hosts_is_one_that_the_agent_sends() -> None:
    golden = GOLDEN["cloudwatch"]
    namespace = golden["namespace"].replace("demo", DEPLOYMENT)
    of_hosts = [each for each in METRICS if each.namespace == namespace]

    assert {each.metric for each in of_hosts} == set(golden["metrics"])
    assert {each.dimensions for each in of_hosts} == {((golden["dimension"], DEPLOYMENT),)}


def test_a_metric_of_the_orchestrator_is_one_that_it_writes() -> None:
    golden = GOLDEN["orchestrator"]
    values = {"Installation": INSTALLATION, "Deployment": DEPLOYMENT}
    written = {
        (name, tuple((each, values[each]) for each in kind["dimensions"]))
        for kind in (golden["of_installation"], golden["of_deployment"])
        for name in kind["metrics"]
    }

    drawn = {(e.metric, e.dimensions) for e in METRICS if e.namespace == golden["namespace"]}

    assert drawn <= written
    assert {name for name, _ in drawn} >= set(golden["of_deployment"]["metrics"])


def test_every_metric_is_ours_or_of_the_dead_letter_queue() -> None:
    namespaces = {each.namespace for each in METRICS}

    assert namespaces == {"Lamplighter", f"Lamplighter/{DEPLOYMENT}", "AWS/SQS"}


@pytest.mark.parametrize("source", ["prometheus", "cloudwatch"])
def test_no_panel_covers_another_or_leaves_the_grid(source: Source) -> None:
    taken: set[tuple[int, int]] = set()
    for _, place in placed(ROWS, source):
        cells = set(covered(place))
        assert not cells & taken
        assert place.x + place.width <= COLUMNS
        taken |= cells


def covered(place: Place) -> Iterator[tuple[int, int]]:
    for x in range(place.x, place.x + place.width):
        for y in range(place.y, place.y + place.height):
            yield x, y


def test_a_dashboard_leaves_out_what_its_source_does_not_have() -> None:
    nothing = Row("nothing", (Panel("x", "count", "of no source"),))

    assert list(placed([nothing], "prometheus")) == []


def test_every_panel_is_in_one_dashboard_at_least_and_says_what_it_shows() -> None:
    for panel in PANELS:
        assert panel.has("prometheus") or panel.has("cloudwatch"), panel.title
        assert panel.about.endswith("."), panel.title


def test_grafana_gets_ids_of_its_own_for_each_panel() -> None:
    panels: list[dict[str, Any]] = grafana.dashboard(ROWS)["panels"]

    assert len({each["id"] for each in panels}) == len(panels)


def test_the_name_of_the_deployment_is_chosen_by_the_reader() -> None:
    """CloudWatch replaces the pattern wherever it stands."""
    body = cloudwatch.body(ROWS)

    [variable] = body["variables"]
    assert variable["pattern"] == DEPLOYMENT
    assert DEPLOYMENT not in json.dumps(body["variables"]).replace(f'"{DEPLOYMENT}"', "", 1)
    assert json.dumps(body["widgets"]).count(DEPLOYMENT) >= len(METRICS)


def test_a_template_without_a_dashboard_is_refused() -> None:
    with pytest.raises(ValueError, match="DashboardBody"):
        generate.in_template("Resources: {}\n")
