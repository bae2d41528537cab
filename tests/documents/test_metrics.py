import json
import re

from documents.pages import DOCS, ROOT


def test_the_hosts_metrics_are_listed_with_their_units():
    agreed = json.loads((ROOT / "tests/contracts/metric_names.json").read_text())["cloudwatch"]
    page = (DOCS / "host.md").read_text()
    table = page[page.index("| metric | unit |") : page.index("The GPU metrics")]

    rows = re.findall(r"^\| (`.+?`) \| (\w+) \|", table, re.MULTILINE)

    listed = {
        metric: unit.capitalize()
        for names, unit in rows
        for metric in re.findall(r"`(\w+)`", names)
    }
    assert listed == agreed["metrics"]
    shown = agreed["namespace"].replace("demo", "<deployment>")  # the document's is demo's
    assert f"namespace `{shown}`" in page
    assert f"dimension `{agreed['dimension']}`" in page
