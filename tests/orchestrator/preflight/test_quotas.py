"""Each quota is counted against what the account has, before anything exists."""

from __future__ import annotations

import pytest
from awssim.faults import Refusal
from orchestrator.capacity import quotas as capacity_quotas
from orchestrator.deployments import lifecycle
from orchestrator.errors import InvalidRequest
from orchestrator.preflight import quotas, specification
from orchestrator.spec.parsing import parse

G, G_SPOT, ADDRESSES = "L-DB2E81BA", "L-3819A6DF", "L-0263D0A3"
STORAGE = "L-7A658B76"
SENTENCES = {
    G: "quota L-DB2E81BA (vCPUs): 0 of 0 in use; needed: 4 more; ask AWS to raise it in Service",
    ADDRESSES: "quota L-0263D0A3 (EC2-VPC Elastic IPs): 0 of 0 in use; needed: 1 more; ask AWS",
    "L-F678F1CE": "quota L-F678F1CE (VPCs per Region): 1 of 0 in use; needed: 1 more; ask AWS",
    "L-A4707A72": "quota L-A4707A72 (Internet gateways per Region): 0 of 0 in use; needed: 1 more",
    "L-E79EC296": "quota L-E79EC296 (VPC security groups per Region): ",
    "L-0EA8095F": "quota L-0EA8095F (Inbound or outbound rules per security group): 0 of 0 in use",
    "L-7A658B76": "quota L-7A658B76 (Storage for General Purpose SSD (gp3) volumes, in TiB): 0 of",
    "L-9D07B6EF": "quota L-9D07B6EF (Concurrently running builds for Linux/Small environment): 0",
}


def found(workflow, **instance):
    """Return code -> check."""
    deployment = parse({**workflow.spec, "instance": instance})
    types = [t for t in specification.described(workflow.clients, deployment).values() if t]
    checks = quotas.checks(workflow.clients, deployment, workflow.ledger, types)
    return {check.name.split()[1]: check for check in checks if check.name.startswith("quota")}


@pytest.mark.parametrize("code", SENTENCES)
def test_a_full_quota_is_one_sentence_with_its_code_before_anything_exists(workflow, account, code):
    account.quotas.values[code] = 0

    with pytest.raises(InvalidRequest) as refusal:
        lifecycle.validate(workflow.clients, workflow.deployment, workflow.ledger)

    [line] = str(refusal.value).splitlines()
    assert line.startswith(SENTENCES[code])
    assert account.creating_calls() == []


def test_what_runs_counts(workflow, account):
    with account.uncounted():
        ec2 = account.client("ec2")
        ec2.run_instances(
            ImageId=ec2.describe_images()["Images"][0]["ImageId"],
            InstanceType="g5.2xlarge",
            NetworkInterfaces=[
                {"DeviceIndex": 0, "SubnetId": ec2.describe_subnets()["Subnets"][0]["SubnetId"]}
            ],
            MinCount=2,
            MaxCount=2,
        )
    account.quotas.values[G] = 19

    check = found(workflow)[G]

    assert (str(check.result), check.found, check.needed) == ("fail", "16 of 19 in use", "4 more")


def test_room_for_one_host_but_not_for_its_successor_is_a_warning(workflow, account):
    account.quotas.values[G] = 7

    check = found(workflow)[G]

    assert (str(check.result), check.needed) == ("warn", "8 more while a host is replaced")
    assert check.remedy.endswith("else a replaced host has to end before the next one starts")


def test_a_deployment_whose_host_runs_needs_no_more(complete, account):
    account.quotas.values[G] = 4
    account.quotas.values[ADDRESSES] = 1
    account.quotas.values["L-F678F1CE"] = 2
    account.quotas.values[STORAGE] = 0.15  # one disk of 150 GiB

    checks = found(complete)

    assert {str(checks[code].result) for code in (G, ADDRESSES, STORAGE)} == {"warn"}
    assert str(checks["L-F678F1CE"].result) == "pass"
    assert "L-9D07B6EF" not in checks  # the image is built


def test_a_change_beside_what_serves_is_refused_where_there_is_no_room_for_two(complete, account):
    account.quotas.values[G] = 7
    complete.ledger.record(served_at="2026-05-01T12:00:00+00:00")
    changed = {**complete.spec, "model": "other"}

    with pytest.raises(InvalidRequest) as refusal:
        lifecycle.validate(complete.clients, parse(changed), complete.ledger)
    replacing = parse({**changed, "update": {"strategy": "replace"}})

    assert "4 of 7 in use" in str(refusal.value)
    assert "4 more for a host beside the one that serves" in str(refusal.value)
    assert "or set update.strategy: replace, which ends the old host" in str(refusal.value)
    assert lifecycle.validate(complete.clients, replacing, complete.ledger)["live"] is True


def test_a_host_that_runs_is_no_room_in_another_bucket(complete, account):
    account.quotas.values[G_SPOT] = 0

    check = found(complete, market="spot")[G_SPOT]

    assert (str(check.result), check.needed) == ("fail", "4 more")


def test_another_bucket_with_room_makes_a_full_one_a_warning(workflow, account):
    account.quotas.values[G_SPOT] = 0

    checks = found(workflow, market="spot-then-on-demand")

    assert [str(checks[code].result) for code in (G_SPOT, G)] == ["warn", "pass"]


def test_a_reservation_makes_a_full_quota_a_warning(workflow, account):
    account.quotas.values[G_SPOT] = 0
    account.capacity.reserve("cr-0123456789abcdef0", "g6.xlarge", "us-east-1a")

    checks = found(workflow, market="spot", capacity_reservation="cr-0123456789abcdef0")

    assert str(checks[G_SPOT].result) == "warn"


def test_what_runs_in_a_capacity_block_counts_against_no_quota(workflow):
    running = [
        {"InstanceType": "p5.48xlarge", "InstanceLifecycle": "capacity-block"},
        {"InstanceType": "p5.48xlarge", "InstanceLifecycle": "spot"},
        {"InstanceType": "p5.48xlarge"},
    ]

    used = capacity_quotas.vcpus_in_use(workflow.clients, running, {"p5.48xlarge": 192})

    assert used == {"L-417A185B": 192, "L-C4BD4855": 192}


def test_the_smallest_type_of_a_bucket_is_what_has_to_fit(workflow, account):
    account.quotas.values[G] = 8

    check = found(workflow, types=["g6.12xlarge", "g6.xlarge"])[G]

    assert (str(check.result), check.needed) == ("pass", "4 more")


@pytest.mark.parametrize(
    ("instance_type", "spot", "code"),
    [
        ("g6.xlarge", False, "L-DB2E81BA"),
        ("gr6.4xlarge", False, "L-DB2E81BA"),
        ("g6e.xlarge", True, "L-3819A6DF"),
        ("p4d.24xlarge", False, "L-417A185B"),
        ("p4d.24xlarge", True, "L-7212CCBC"),
        ("p5.48xlarge", False, "L-417A185B"),
        ("p5en.48xlarge", True, "L-C4BD4855"),
        ("p6-b200.48xlarge", True, "L-C4BD4855"),
        ("m7i.xlarge", False, "L-1216C47A"),
        ("t3.large", True, "L-34B43A08"),
        ("inf2.xlarge", False, None),
    ],
)
def test_each_family_and_market_has_a_quota_of_its_own(instance_type, spot, code):
    assert capacity_quotas.vcpu_code(instance_type, spot=spot) == code


def test_a_value_that_was_never_raised_is_aws_default(workflow, account):
    del account.quotas.values[ADDRESSES]
    account.quotas.defaults[ADDRESSES] = 5

    assert found(workflow)[ADDRESSES].found == "0 of 5 in use"


def test_a_quota_that_aws_does_not_list_is_unknown(workflow, account):
    del account.quotas.values[ADDRESSES]

    check = found(workflow)[ADDRESSES]

    assert (str(check.result), check.found) == ("unknown", "Service Quotas does not know it")


def test_what_may_not_be_looked_at_is_unknown_and_names_the_permission(workflow, account):
    message = "User: x is not authorized to perform: servicequotas:GetServiceQuota on resource: y"
    refusal = Refusal("AccessDeniedException", message, 400)
    account.fault(operation="GetServiceQuota", error=refusal, times=None)

    deployment = workflow.deployment
    types = [t for t in specification.described(workflow.clients, deployment).values() if t]
    checks = quotas.checks(workflow.clients, deployment, workflow.ledger, types)

    assert {str(check.result) for check in checks} == {"unknown"}
    assert {check.found for check in checks} == {"AWS does not allow servicequotas:GetServiceQuota"}
    assert lifecycle.validate(workflow.clients, deployment, workflow.ledger)["live"] is False
