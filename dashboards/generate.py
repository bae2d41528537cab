"""`make dashboards`: write gateway.json for Grafana, and CloudWatch's body into template.yaml."""

from __future__ import annotations

import json
import re
from pathlib import Path

from dashboards import cloudwatch, grafana
from dashboards.description import ROWS

FOLDER = Path(__file__).parent
GRAFANA, TEMPLATE = FOLDER / "gateway.json", FOLDER.parent / "template.yaml"
_BODY = re.compile(r"(\n( *)DashboardBody: !Sub \|\n)((?:\2  .*\n)+)")


def for_grafana() -> str:
    return json.dumps(grafana.dashboard(ROWS), indent=2) + "\n"


def in_template(template: str) -> str:
    """Return the template with CloudWatch's dashboard as it is described now."""
    begin = _BODY.search(template)
    if begin is None:
        raise ValueError("template.yaml has no `DashboardBody: !Sub |` with a body")
    lines = [f"{begin[2]}  {line}\n" for line in _lines()]
    return template[: begin.start(3)] + "".join(lines) + template[begin.end(3) :]


def _lines() -> list[str]:
    """Return the body as JSON, one widget a line: a change is one line of a diff."""
    document = cloudwatch.body(ROWS)
    widgets = [json.dumps(widget) for widget in document.pop("widgets")]
    head = json.dumps(document).removesuffix("}")
    return [f'{head}, "widgets": [', *(f"  {w}," for w in widgets[:-1]), f"  {widgets[-1]}", "]}"]


if __name__ == "__main__":
    GRAFANA.write_text(for_grafana())
    TEMPLATE.write_text(in_template(TEMPLATE.read_text()))
