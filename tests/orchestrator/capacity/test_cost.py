"""The cost by line: every price with its source and day, to the cent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from awssim.faults import Refusal
from orchestrator.capacity import cost, prices
from orchestrator.capacity.pools import Pool
from orchestrator.spec.parsing import parse

FOLDER = Path(prices.__file__).parent
CONTRACTS = Path(__file__).parents[2] / "contracts"
SNAPSHOT = json.loads((FOLDER / "prices.json").read_text())
POOL = Pool("g6.xlarge", "us-east-1a")


def table(workflow, *pools, **changes):
    deployment = parse({**workflow.spec, **changes})
    return cost.table(workflow.clients, deployment, pools or [POOL])


def lines(workflow, *pools, **changes):
    return {line["what"]: line for line in table(workflow, *pools, **changes)["lines"]}


def product(price, family="Compute Instance", **attributes):
    dimension = {"pricePerUnit": {"USD": str(price)}}
    return {
        "serviceCode": "AmazonEC2",
        "product": {"productFamily": family, "attributes": attributes},
        "terms": {"OnDemand": {"a": {"priceDimensions": {"b": dimension}}}},
    }


def test_without_a_price_list_every_line_is_the_snapshots_to_the_cent(workflow):
    usd, others = SNAPSHOT["instances"]["types"]["g6.xlarge"]["usd"], SNAPSHOT["others"]
    expected = {
        str(POOL): round(usd["us-east-1"] * 730, 2),
        "disk, 150 GiB gp3": round(150 * others["disk"]["usd"]["us-east-1"], 2),
        "public IPv4 address": round(others["address"]["usd"]["us-east-1"] * 730, 2),
        "10 metrics, sent once a minute": round(
            10 * others["metric"]["usd"]["us-east-1"]
            + 60 * 730 * others["metric_request"]["usd"]["us-east-1"],
            2,
        ),
        "8 CloudWatch alarms": round(8 * others["alarm"]["usd"]["us-east-1"], 2),
    }

    found = lines(workflow)

    assert {what: line["usd_per_month"] for what, line in found.items()} == expected
    days = {SNAPSHOT["instances"]["date"], SNAPSHOT["others"]["disk"]["date"]}
    assert {line["source"] for line in found.values()} == {f"snapshot of {day}" for day in days}


def test_the_total_is_the_sum_of_the_lines(workflow):
    found = table(workflow)

    monthly = sum(line["usd_per_month"] for line in found["lines"])
    assert found["total"]["usd_per_month"] == pytest.approx(monthly, abs=0.03)


def test_the_price_list_of_today_comes_first(workflow, account):
    linux = {
        "instanceType": "g6.xlarge", "regionCode": "us-east-1", "operatingSystem": "Linux",
        "tenancy": "Shared", "capacitystatus": "Used", "preInstalledSw": "NA",
    }  # fmt: skip
    account.price_list.products += [
        product(0.9, usagetype="Reservation:g6.xlarge", **linux),
        product(0.7, usagetype="BoxUsage:g6.xlarge", **linux),
        product(0.1, "Storage", usagetype="EBS:VolumeUsage.gp3", volumeApiName="gp3",
                regionCode="us-east-1"),
    ]  # fmt: skip

    found = lines(workflow)

    day = f"price list of {account.clock.now():%Y-%m-%d}"
    assert (found[str(POOL)]["usd_per_hour"], found[str(POOL)]["source"]) == (0.7, day)
    assert found["disk, 150 GiB gp3"]["usd_per_month"] == 15


def test_a_price_list_that_may_not_be_asked_is_asked_once(workflow, account):
    account.fault(operation="GetProducts", error=Refusal("AccessDeniedException"), times=None)

    found = lines(workflow, network={"nat": "single"})

    assert found[str(POOL)]["source"].startswith("snapshot of ")
    assert [call.operation for call in account.calls].count("GetProducts") == 1


def test_a_nat_gateway_costs_itself_and_its_address(workflow):
    found = lines(workflow, network={"nat": "single"})

    assert found["NAT gateway"]["usd_per_hour"] == 0.045
    assert found["public IPv4 address of the NAT gateway"]["usd_per_hour"] == 0.005


def test_each_pool_has_its_price_and_the_first_one_is_counted(workflow):
    spot = Pool("g6.xlarge", "us-east-1b", "spot", price=0.25)
    block = Pool("p5.48xlarge", "us-east-1a", "capacity-block", "cr-1")

    found = table(workflow, spot, POOL, block, Pool("m7i.large", "us-east-1a"))

    assert [pool["usd_per_hour"] for pool in found["pools"]] == [0.25, 0.8048, None, None]
    assert [pool["source"] for pool in found["pools"]][2:] == [
        "paid for with the capacity block",
        "in no price list",
    ]
    assert found["lines"][0]["what"] == str(spot)


def test_a_line_without_a_price_is_named_in_the_total(workflow):
    unknown = Pool("m7i.large", "us-east-1a")

    assert table(workflow, unknown)["total"]["what"] == f"total without {unknown}"


def test_a_region_that_the_snapshot_lacks_says_whose_price_it_shows():
    price = prices.of("disk", "af-south-1")

    assert price.source.endswith("price of us-east-1")
    assert prices.of("address", "af-south-1").source.startswith("snapshot of ")


def test_as_many_metrics_are_counted_as_the_agent_sends():
    sent = json.loads((CONTRACTS / "metric_names.json").read_text())["cloudwatch"]["metrics"]

    assert len(sent) == cost.METRICS
