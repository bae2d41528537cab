"""The dashboard of Grafana, in the form of Dashboards > Import.

https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboards.panels import Panel, Place, Prometheus, Row, placed

_UNITS = {
    "seconds": "s", "percent": "percent", "share": "percentunit", "per second": "ops",
    "count": "short", "days": "d",
}  # fmt: skip
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard(rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "uid": "lamplighter-gateway",
        "title": "Lamplighter: the gateway",
        "description": "Written by `make dashboards`.",
        "tags": ["lamplighter"],
        "editable": True,
        "schemaVersion": 39,
        "version": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {
                    "name": "datasource",
                    "label": "Prometheus",
                    "type": "datasource",
                    "query": "prometheus",
                }
            ]
        },
        "panels": [
            _panel(number, thing, place)
            for number, (thing, place) in enumerate(placed(rows, "prometheus"), start=1)
        ],
    }


def _panel(number: int, thing: Row | Panel, place: Place) -> dict[str, Any]:
    where = {"x": place.x, "y": place.y, "w": place.width, "h": place.height}
    head = {"id": number, "title": thing.title, "gridPos": where}
    if isinstance(thing, Row):
        return {**head, "type": "row", "collapsed": False, "panels": []}
    return {
        **head,
        "type": "timeseries",
        "description": thing.about,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": {"unit": _UNITS[thing.unit], "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}},
        "targets": [_target(index, query) for index, query in enumerate(thing.prometheus)],
    }


def _target(index: int, query: Prometheus) -> dict[str, Any]:
    return {
        "refId": chr(ord("A") + index),
        "datasource": _SOURCE,
        "expr": query.expression,
        "legendFormat": query.label,
    }
