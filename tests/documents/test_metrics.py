import json
import re

from documents.pages import DOCS, ROOT

AGREED = json.loads((ROOT / "tests/contracts/metric_names.json").read_text())["cloudwatch"]
HOST = (DOCS / "host.md").read_text()


def test_the_hosts_metrics_are_listed_with_their_units():
    table = HOST[HOST.index("| metric | unit |") : HOST.index("The GPU metrics")]

    rows = re.findall(r"^\| (`.+?`) \| (\w+) \|", table, re.MULTILINE)

    listed = {
        metric: unit.capitalize()
        for names, unit in rows
        for metric in re.findall(r"`(\w+)`", names)
    }
    assert listed == AGREED["metrics"]
    assert f"namespace `{AGREED['namespace']}`" in HOST
    assert f"dimension `{AGREED['dimension']}`" in HOST
