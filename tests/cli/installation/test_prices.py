"""`make prices` writes the snapshot from AWS's price list, and nothing without an answer."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner
from lamplighter.errors import Unavailable
from lamplighter.installation.prices import SNAPSHOT, prices, written

ROOT = Path(__file__).parents[3]
LINUX = {
    "operatingSystem": "Linux", "tenancy": "Shared", "capacitystatus": "Used",
    "preInstalledSw": "NA", "instanceType": "g6.xlarge", "regionCode": "eu-north-1",
}  # fmt: skip


def product(usd, usage, **attributes):
    price = {"pricePerUnit": {"USD": str(usd)}}
    return {
        "serviceCode": "AmazonEC2",
        "product": {"productFamily": "", "attributes": {"usagetype": usage, **attributes}},
        "terms": {"OnDemand": {"term": {"priceDimensions": {"unit": price}}}},
    }


def test_the_snapshot_in_the_package_is_as_the_command_writes_it():
    text = (ROOT / SNAPSHOT).read_text()

    assert written(json.loads(text)) == text


def test_todays_prices_replace_the_ones_that_were_there(account, tmp_path):
    file = tmp_path / "prices.json"
    file.write_text((ROOT / SNAPSHOT).read_text())
    before = json.loads(file.read_text())
    account.price_list.products += [
        product(0.7, "EUN1-BoxUsage:g6.xlarge", **LINUX),
        product(0.0, "EUN1-Reservation:g6.xlarge", **LINUX),
        product(0.09, "EUN1-EBS:VolumeUsage.gp3", volumeApiName="gp3", regionCode="eu-north-1"),
    ]

    result = CliRunner().invoke(prices, ["--file", str(file)])

    after = json.loads(file.read_text())
    assert result.exit_code == 0, result.output
    assert after["instances"]["types"]["g6.xlarge"]["usd"] == {"eu-north-1": 0.7}
    assert after["others"]["disk"]["usd"] == {"eu-north-1": 0.09}
    assert after["instances"]["date"] > before["instances"]["date"]


def test_a_list_without_prices_changes_nothing(account, tmp_path):
    file = tmp_path / "prices.json"
    file.write_text((ROOT / SNAPSHOT).read_text())

    result = CliRunner().invoke(prices, ["--file", str(file)])

    assert isinstance(result.exception, Unavailable)
    assert file.read_text() == (ROOT / SNAPSHOT).read_text()


def test_a_price_that_is_in_no_list_any_more_keeps_its_day(account, tmp_path):
    file = tmp_path / "prices.json"
    file.write_text((ROOT / SNAPSHOT).read_text())
    before = json.loads(file.read_text())
    account.price_list.products.append(product(0.7, "EUN1-BoxUsage:g6.xlarge", **LINUX))

    CliRunner().invoke(prices, ["--file", str(file)])

    assert json.loads(file.read_text())["others"] == before["others"]
