"""The dashboard of CloudWatch, one for all deployments: its reader chooses one.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboards.panels import CloudWatch, Panel, Place, Row, placed
from dashboards.queries import DEPLOYMENT

_REGION = "${AWS::Region}"
_PERIOD = 60  # seconds


def body(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the DashboardBody, with CloudFormation's ${substitutions} in it."""
    return {
        "start": "-PT6H",
        "variables": [
            {
                "type": "pattern",
                "pattern": DEPLOYMENT,
                "inputType": "select",
                "id": "deployment",
                "label": "Deployment",
                "search": 'MetricName="Heartbeat"',
                "populateFrom": "Deployment",
                "defaultValue": "__FIRST",
                "visible": True,
            }
        ],
        "widgets": [_widget(thing, place) for thing, place in placed(rows, "cloudwatch")],
    }


def _widget(thing: Row | Panel, place: Place) -> dict[str, Any]:
    where = {"x": place.x, "y": place.y, "width": place.width, "height": place.height}
    if isinstance(thing, Row):
        return {"type": "text", **where, "properties": {"markdown": f"## {thing.title}"}}
    return {
        "type": "metric",
        **where,
        "properties": {
            "title": thing.title,
            "region": _REGION,
            "view": "timeSeries",
            "period": _PERIOD,
            "yAxis": {"left": {"min": 0, "label": thing.unit, "showUnits": False}},
            "metrics": [_metric(each) for each in thing.cloudwatch],
        },
    }


def _metric(each: CloudWatch) -> list[Any]:
    named = [part for dimension in each.dimensions for part in dimension]
    return [each.namespace, each.metric, *named, {"stat": each.statistic, "label": each.metric}]
