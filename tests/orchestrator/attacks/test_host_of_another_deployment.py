"""Root on a host of `demo` reaches nothing of `other`, nor of `demo-2`, whose name begins alike.

Each attack stands beside the host's own call of the same kind, which the role must allow: a policy
that allowed nothing would pass otherwise.
"""

from __future__ import annotations

import json

import pytest
from awssim.clients import ACCOUNT_ID, REGION
from iamlab import policies
from iamlab.evaluation import Request, allowed
from orchestrator import step
from orchestrator.events import host_reports
from orchestrator.ledger.rows import Role
from orchestrator.resources import role

OTHERS = pytest.mark.parametrize("other", ["other", "demo-2", "dem"])


@OTHERS
def test_a_forged_report_is_refused(host, other):
    assert host().reports("demo")
    assert not host().reports(other)


def test_nor_is_the_source_of_the_previous_versions_hosts_open_to_it(host):
    bus = f"arn:aws:events:{REGION}:{ACCOUNT_ID}:event-bus/lamplighter"

    assert not host().may("events:PutEvents", bus, **{"events:source": "lamplighter.host"})


@OTHERS
@pytest.mark.parametrize(
    "parameter", ["api-key", "keys/default", "hosts/i-1", "tls/certificate", "tls/account"]
)
def test_a_foreign_parameter_is_not_read(host, other, parameter):
    assert host().reads(f"/lamplighter/demo/{parameter}")
    assert not host().reads(f"/lamplighter/{other}/{parameter}")


@OTHERS
def test_foreign_keys_are_not_listed(host, other):
    path = f"arn:aws:ssm:{REGION}:{ACCOUNT_ID}:parameter/lamplighter/{{}}/keys"

    assert host().may("ssm:GetParametersByPath", path.format("demo"))
    assert not host().may("ssm:GetParametersByPath", path.format(other))


def test_a_token_is_read_only_where_the_specification_names_it(host):
    named = host(engine={"hf_token_parameter": "/inference/hf-token"})

    assert named.reads("/inference/hf-token")
    assert not host().reads("/inference/hf-token")
    assert not named.reads("/inference/hf-token-2")


@OTHERS
def test_a_foreign_certificate_is_not_replaced(host, other):
    assert host().writes("/lamplighter/demo/tls/certificate")
    assert not host().writes(f"/lamplighter/{other}/tls/certificate")
    assert not host().writes("/lamplighter/demo/api-key")
    assert not host().writes("/lamplighter/demo/keys/default")


@pytest.mark.parametrize("tag", ["lamplighter:deployment", "lamplighter:installation"])
def test_its_certificate_is_not_hidden_from_its_own_teardown(host, tag):
    arn = f"arn:aws:ssm:{REGION}:{ACCOUNT_ID}:parameter/lamplighter/demo/tls/certificate"
    ours = {
        "aws:RequestTag/lamplighter:deployment": "demo",
        "aws:RequestTag/lamplighter:installation": "lamplighter",
    }
    others = {**ours, f"aws:RequestTag/{tag}": "other"}

    for action in ("ssm:PutParameter", "ssm:AddTagsToResource"):
        assert host().may(action, arn, **ours)
        assert not host().may(action, arn, **others)
    assert host().may("ssm:PutParameter", arn)  # a renewal writes the value only
    assert not host().may("ssm:AddTagsToResource", arn)


def test_a_foreign_record_is_not_written(host):
    """Nor one of its own name that is no challenge, nor its name's in another zone."""
    ours = "_acme-challenge.demo.example.com"

    assert host().changes(ours)
    assert host().changes(ours, action="DELETE")
    assert not host().changes("_acme-challenge.other.example.com")
    assert not host().changes("_acme-challenge.example.com")
    assert not host().changes("demo.example.com")
    assert not host().changes(ours, kind="A")
    assert not host().changes(ours, kind="CNAME")
    assert not host().changes(ours, action="CREATE")
    assert not host().changes(ours, zone="Z0THEIRS")


def test_one_foreign_record_among_its_own_refuses_the_change(host):
    changes = "route53:ChangeResourceRecordSets"
    names = ["_acme-challenge.demo.example.com", "_acme-challenge.other.example.com"]
    context = {
        f"{changes}NormalizedRecordNames": names,
        f"{changes}RecordTypes": ["TXT"],
        f"{changes}Actions": ["UPSERT"],
    }

    assert not host().may(changes, "arn:aws:route53:::hostedzone/Z0OURS", **context)
    assert not host().may(changes, "arn:aws:route53:::hostedzone/Z0OURS")


def test_without_a_challenge_in_dns_no_record_is_written(host):
    spec = {"certificate": {"challenge": "http-01"}}

    policy = policies.of_host(
        {"name": "demo", "model": "m", "dns": {"domain": "example.com"}, **spec}, None
    )

    assert "route53" not in json.dumps(policy)


@OTHERS
def test_a_foreign_bucket_is_neither_read_nor_written(host, other):
    assert host().takes("s3:GetObject", "demo", "scripts/x/setup.sh")
    assert host().takes("s3:PutObject", "demo", "diagnostics/i-1.json")
    assert not host().takes("s3:GetObject", other, "scripts/x/deployment.env")
    assert not host().takes("s3:PutObject", other, "diagnostics/i-1.json")
    assert not host().takes("s3:PutObject", "demo", "scripts/x/setup.sh")
    assert not host().takes("s3:GetObject", "demo", "source/gateway.zip")


@OTHERS
def test_a_foreign_repository_is_neither_pulled_nor_pushed(host, other):
    repository = f"arn:aws:ecr:{REGION}:{ACCOUNT_ID}:repository/lamplighter/{{}}/gateway"

    assert host().may("ecr:BatchGetImage", repository.format("demo"))
    assert not host().may("ecr:BatchGetImage", repository.format(other))
    assert not host().may("ecr:PutImage", repository.format("demo"))


@OTHERS
def test_metrics_of_another_are_not_written(host, other):
    def writes(name):
        context = {"cloudwatch:namespace": f"Lamplighter/{name}"}
        return host().may("cloudwatch:PutMetricData", "*", **context)

    assert writes("demo")
    assert not writes(other)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT_ID}:role/lamplighter/lamplighter/us-east-1/x"),
        ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT_ID}:role/lamplighter/lamplighter/us-east-1/x"),
        ("ec2:RunInstances", "*"),
        ("states:StartExecution", "*"),
        ("dynamodb:GetItem", f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/Ledger"),
        ("ssm:SendCommand", "*"),
    ],
)
def test_a_role_of_ours_that_were_written_wide_would_still_be_bounded(action, resource):
    wide = {"Statement": [{"Effect": "Allow", "Action": [action], "Resource": "*"}]}

    assert allowed([wide], Request(action, resource))
    assert not allowed([wide], Request(action, resource), policies.boundary())


def test_the_roles_function_makes_no_role_without_the_boundary():
    """Nor one under another path, nor of another installation."""
    here = "arn:aws:iam::123456789012:role/lamplighter/lamplighter/us-east-1/x"
    tags = {
        "aws:RequestTag/lamplighter:deployment": "demo",
        "aws:RequestTag/lamplighter:installation": "lamplighter",
    }
    bounded = {**tags, "iam:PermissionsBoundary": policies.settings().host_boundary}

    def makes(resource=here, **context):
        return allowed(policies.of("RoleFunction"), Request("iam:CreateRole", resource, context))

    assert makes(**bounded)
    assert not makes(**tags)
    assert not makes(
        **{**bounded, "iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"}
    )
    assert not makes("arn:aws:iam::123456789012:role/admin", **bounded)
    assert not makes(**{**bounded, "aws:RequestTag/lamplighter:installation": "other"})


# -- by code, as the second line: and against hosts of the previous version, which share a role


@pytest.fixture
def reported(workflow, monkeypatch):
    """Call it with a source and a deployment: what a report about i-1 under it does."""
    monkeypatch.setattr(step, "aws", lambda: workflow.clients)
    monkeypatch.setattr(host_reports, "aws", lambda: workflow.clients)
    workflow.start()
    workflow.ledger.set_host(1, role=Role.CANDIDATE, instance_id="i-1", phase="launched")

    def report(source, deployment="demo"):
        detail = {"deployment": deployment, "instance_id": "i-1", "phase": "loading"}
        return host_reports.receive({"source": source, "detail": detail}, None)

    return report


def launched_with(workflow, profile):
    request = json.dumps({"IamInstanceProfile": {"Name": profile}})
    workflow.ledger.intend("instance-1", request=request)


@pytest.mark.parametrize("source", ["lamplighter.host.other", "lamplighter.hosts.demo", None, 7])
def test_a_report_under_another_source_changes_nothing(workflow, reported, source):
    assert reported(source) == "ignored"
    assert workflow.ledger.host(1).phase == "launched"
    assert reported("lamplighter.host.demo") == "recorded"
    assert workflow.ledger.host(1).phase == "loading"


def test_the_shared_source_counts_only_for_hosts_that_the_previous_version_launched(
    workflow, reported
):
    launched_with(workflow, role.name_of(workflow.clients, workflow.ledger))
    own = reported("lamplighter.host")
    launched_with(workflow, workflow.clients.settings.earlier_profile)
    shared = reported("lamplighter.host")

    assert (own, shared) == ("ignored", "recorded")
