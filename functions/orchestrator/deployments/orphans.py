"""What carries this installation's tags while its ledger knows no such deployment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from orchestrator.aws import hosted_zones, naming
from orchestrator.aws.clients import Clients
from orchestrator.deployments import inventory
from orchestrator.ledger import lock
from orchestrator.ledger.rows import Status
from orchestrator.ledger.store import Ledger
from orchestrator.own_names import certificates, domain_names

_PARAMETERS: Any = [{"Key": "Path", "Option": "Recursive", "Values": ["/lamplighter"]}]
_NAMED = re.compile(r"/?lamplighter/([a-z0-9-]+)/")  # of a repository or a parameter


def orphans(clients: Clients, ledger_of: Callable[[str], Ledger]) -> list[dict[str, Any]]:
    """Return {"name", "why", "resources": lines} for each dead deployment that left something.

    Names come from tags and from what is called after a deployment; what each resource's `found`
    does not prove to be this installation's is not in the list.
    """
    found = []
    for name in sorted(_names(clients)):
        ledger = ledger_of(name)
        why = _dead(clients, ledger)
        lines = inventory.left(clients, ledger) if why else []
        if lines:
            found.append({"name": name, "why": why, "resources": lines})
    return found


def _dead(clients: Clients, ledger: Ledger) -> str | None:
    """Return why the deployment is dead; None while it is not, or just now became so."""
    row, holder = ledger.known_deployment(), ledger.lock_owner()
    if holder and lock.runs(clients.sfn, holder):
        return None
    if row is None:
        return "the ledger has no row of it"
    is_fresh = bool(row.updated_at) and ledger.seconds_since(str(row.updated_at)) < (
        ledger.settle_seconds
    )
    return "it was torn down" if row.status == Status.ABSENT and not is_fresh else None


def _names(clients: Clients) -> set[str]:
    """Return every name of a deployment that may have left something.

    Of AWS, not of the ledger: that one keeps the name of whatever was torn down, and to look for
    each would take longer than a function may.
    """
    return {
        *_of_tags(clients),
        *_of_roles(clients),
        *_of_buckets(clients),
        *_matching(r["repositoryName"] for r in _listed(clients.ecr, "describe_repositories")),
        *_matching(
            p["Name"]
            for p in _listed(clients.ssm, "describe_parameters", ParameterFilters=_PARAMETERS)
        ),
        *_of_records(clients),
        *_of_alarms(clients),
        *_of_schedules(clients),
        *_of_names(clients),
    }


def _of_tags(clients: Clients) -> Iterator[str]:
    """Yield the deployments that EC2's resources of this installation name."""
    ours = {
        each["ResourceId"]
        for each in _tags(clients, naming.INSTALLATION)
        if each["Value"] == clients.settings.installation
    }
    yield from (e["Value"] for e in _tags(clients, naming.OWNER) if e["ResourceId"] in ours)


def _tags(clients: Clients, key: str) -> Iterator[Any]:
    return _listed(clients.ec2, "describe_tags", Filters=[{"Name": "key", "Values": [key]}])


def _of_buckets(clients: Clients) -> Iterator[str]:
    before, after = naming.bucket("|", clients.settings.account, clients.settings.region).split("|")
    for bucket in _listed(clients.s3, "list_buckets", Prefix=before):
        if bucket["Name"].endswith(after):
            yield bucket["Name"].removeprefix(before).removesuffix(after)


def _of_roles(clients: Clients) -> Iterator[str]:
    installation, region = clients.settings.installation, clients.settings.region
    path = naming.role_path(installation, region)
    before, after = naming.host_role(installation, "|", region).split("|")
    for operation, key in (
        ("list_roles", "RoleName"),
        ("list_instance_profiles", "InstanceProfileName"),
    ):
        for each in _listed(clients.iam, operation, PathPrefix=path):
            yield each[key].removeprefix(before).removesuffix(after)


def _of_records(clients: Clients) -> Iterator[str]:
    for _, __, tags in hosted_zones.marked(clients):
        installation, deployment = naming.owner(tags)
        if deployment and installation == clients.settings.installation:
            yield deployment


def _of_alarms(clients: Clients) -> Iterator[str]:
    installation = clients.settings.installation
    prefix = naming.alarm(installation, "", "").removesuffix("-")
    for alarm in _listed(clients.cloudwatch, "describe_alarms", AlarmNamePrefix=prefix):
        if found := naming.of_alarm(installation, alarm["AlarmName"]):
            yield found[0]


def _of_schedules(clients: Clients) -> Iterator[str]:
    group = clients.settings.schedule_group
    for schedule in _listed(clients.scheduler, "list_schedules", GroupName=group):
        yield naming.of_schedule(schedule["Name"])


def _of_names(clients: Clients) -> Iterator[str]:
    for _, tags in [*domain_names.owners(clients), *certificates.owners(clients)]:
        installation, deployment = naming.owner(tags)
        if deployment and installation == clients.settings.installation:
            yield deployment


def _matching(names: Iterator[str]) -> Iterator[str]:
    for name in names:
        if found := _NAMED.match(name):
            yield found[1]


def _listed(client: Any, operation: str, **asked: Any) -> Iterator[Any]:
    """Yield what a paginated call lists; its answer has one list."""
    pages = client.get_paginator(operation).paginate(**asked)
    key = pages.result_keys[0].expression
    yield from (each for page in pages for each in page.get(key, []))
