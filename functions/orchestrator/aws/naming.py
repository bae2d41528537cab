"""Names, tags and idempotency tokens: everything by which we find our own resources again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from orchestrator.spec.deployment import Deployment

INSTALLATION = "lamplighter:installation"
OWNER = "lamplighter:deployment"
ROLE = "lamplighter:role"
GENERATION = "lamplighter:generation"
ADDRESS = "lamplighter:address"  # in the ownership record only, like the next
REGION = "lamplighter:region"  # Route53 has none, and each region has its own ledger
WAKE_NAME = "wake-name"  # the role of what leads an endpoint's own name to the waker
# A deployment's alarms: of EC2's status checks, of what its hosts and probes say.
CHECK_ALARMS = ("system-check", "instance-check", "attached-disk-check")
ALARMS = (*CHECK_ALARMS, "heartbeat", "serving", "certificate", "disk", "gpu", "budget")

Tags = list[dict[str, str]]


def tags(
    installation: str, deployment: Deployment, role: str, extra: Iterable[tuple[str, str]] = ()
) -> Tags:
    """Return the tags of one resource: name, the operator's own, owner and role.

    installation: the stack's name. A specification stored by an earlier version may hold a `Name`,
    which replaces ours; a new one may not.
    """
    name = {"Name": f"{installation}-{deployment.name}-{role}"}
    ours = {INSTALLATION: installation, OWNER: deployment.name, ROLE: role}
    return [
        {"Key": key, "Value": value}
        for key, value in {**name, **dict(deployment.tags), **ours, **dict(extra)}.items()
    ]


def specification(
    installation: str,
    deployment: Deployment,
    resource_type: str,
    role: str,
    extra: Iterable[tuple[str, str]] = (),
) -> Any:
    """Return EC2's TagSpecifications: the tags are part of the create call itself."""
    return [{"ResourceType": resource_type, "Tags": tags(installation, deployment, role, extra)}]


def owned(name: str, role: str | None = None) -> list[Any]:
    """Return EC2 describe filters for the resources (of one role) of a deployment of this name.

    They may be another installation's: creation/ownership.py sorts them.
    """
    sought = {OWNER: name} | ({ROLE: role} if role else {})
    return [{"Name": f"tag:{key}", "Values": [value]} for key, value in sought.items()]


def owner(found: Iterable[Any]) -> tuple[str | None, str | None]:
    """Return the (installation, deployment) that tags [{"Key", "Value"}, ...] name; None: no tag.

    A resource of an earlier version carries no installation.
    """
    values = {tag["Key"]: tag["Value"] for tag in found}
    return values.get(INSTALLATION), values.get(OWNER)


def region(found: Iterable[Any]) -> str | None:
    """Return the region that an ownership record names; None: one of an earlier version."""
    return next((tag["Value"] for tag in found if tag["Key"] == REGION), None)


def token(installation: str, name: str, generation: int, role: str, intended_at: str) -> str:
    """Return an AWS ClientToken (at most 64 characters).

    The same intent gives the same token, so a lost reply cannot create a second resource; a new
    intent gives a new one, so AWS does not answer with a resource that was deleted meanwhile.
    """
    text = f"{installation}/{name}/{generation}/{role}/{intended_at}"
    return hashlib.sha256(text.encode()).hexdigest()[:48]


def host_role(installation: str, name: str, region: str) -> str:
    """Return what the role of a deployment's hosts and its instance profile are called.

    At most 64 characters. IAM's names have no region, so this one has region and installation.
    """
    mark = hashlib.sha256(installation.encode()).hexdigest()[:8]
    return f"lamplighter-{name}-{region}-{mark}"


def role_path(installation: str, region: str) -> str:
    """Return IAM's path of an installation's roles; template.yaml allows nothing outside of it."""
    return f"/lamplighter/{installation}/{region}/"


def event_source(name: str) -> str:
    """Return the only source under which a deployment's hosts may report."""
    return f"lamplighter.host.{name}"


def metrics_namespace(name: str) -> str:
    """Return the only namespace of CloudWatch into which a deployment's hosts may write."""
    return f"Lamplighter/{name}"


def alarm(installation: str, name: str, what: str) -> str:
    """Return the name of one of a deployment's CloudWatch alarms; what: one of ALARMS."""
    return f"{installation}-{name}-{what}"


def of_alarm(installation: str, alarm_name: str) -> tuple[str, str] | None:
    """Return (deployment, what) of an alarm's name, None for one that is not ours."""
    for what in ALARMS:
        begin, end = f"{installation}-", f"-{what}"
        if alarm_name.startswith(begin) and alarm_name.endswith(end):
            return alarm_name[len(begin) : -len(end)], what
    return None


def schedule(name: str, what: str) -> str:
    """Return the name of one of a deployment's schedules, in the group of its installation.

    what: e.g. stop-2000. No deployment's name has a dot, so each prefix is one deployment's.
    """
    return f"{name}.{what}"


def of_schedule(schedule_name: str) -> str:
    """Return the deployment of a schedule's name."""
    return schedule_name.partition(".")[0]


def bucket(name: str, account: str, region: str) -> str:
    """Return the scripts bucket's name; account and region keep it unique in the whole world."""
    return f"lamplighter-{name}-{account}-{region}"


def repository(name: str) -> str:
    return f"lamplighter/{name}/gateway"


def api_key_parameter(name: str) -> str:
    return f"/lamplighter/{name}/api-key"


def keys_path(name: str) -> str:
    """Return the SSM path under which every key has a parameter, named by its id."""
    return f"/lamplighter/{name}/keys"


def orders_path(name: str) -> str:
    """Return the SSM path under which a host finds what it is to do."""
    return f"/lamplighter/{name}/hosts"


def order_parameter(name: str, instance_id: str) -> str:
    return f"{orders_path(name)}/{instance_id}"


def tls_path(name: str) -> str:
    """Return the SSM path under which the host keeps its ACME account and certificate."""
    return f"/lamplighter/{name}/tls"


def webhook_parameter(installation: str) -> str:
    """Return the SecureString with the URL of the notices' webhook.

    Not under /lamplighter/, where hosts may read: a deployment may be called `notices`.
    """
    return f"/lamplighter-notices/{installation}/webhook"


def is_an_endpoints_address(role: str) -> bool:
    """Return whether it is the role of an endpoint's Elastic IP, e.g. address-3; not the NAT's."""
    return role.split("-", maxsplit=1)[0] == "address"


def ownership_record(host: str) -> str:
    """Return the TXT record that marks an A record as ours (Route53 records carry no tags)."""
    return f"_lamplighter.{host}."


def host_of_record(name: str) -> str | None:
    """Return the host of an ownership record's name, None for any other name."""
    prefix = ownership_record("x").partition("x")[0]
    return name.removeprefix(prefix).rstrip(".") if name.startswith(prefix) else None
