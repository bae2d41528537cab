"""The role of a deployment's hosts, and the instance profile that hands it to them.

Both are called alike (naming.host_role). What the role allows is in launch/host_policy.py; no role
is made without HostBoundary of template.yaml, which IAM requires of this function. Policies that
others attach are left alone while the deployment lives: the boundary holds for them, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from orchestrator.aws import hosted_zones, naming, policies
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.creation.deletion import deletion
from orchestrator.creation.drift import Drift, differing, mend, settle
from orchestrator.creation.ownership import conflict, has_lost_its_tags, lost, owns
from orchestrator.creation.plan import Change, planned
from orchestrator.creation.visibility import wait_until_visible
from orchestrator.errors import InvalidRequest, Pending
from orchestrator.launch import host_policy
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.difference import digest
from orchestrator.spec.parsing import parse

_ROLE = "role"
_POLICY = "host"
_GONE, _TAKEN, _FULL = "NoSuchEntity", "EntityAlreadyExists", "LimitExceeded"


def name_of(clients: Clients, ledger: Ledger) -> str:
    """Return the name of the role and of its instance profile."""
    settings = clients.settings
    return naming.host_role(settings.installation, ledger.name, settings.region)


def plan(clients: Clients, deployment: Deployment, ledger: Ledger) -> list[Change]:
    name, there = name_of(clients, ledger), found(clients, ledger)
    changes = [planned(_ROLE, line, there=line in there) for line in _lines(name)]
    role, profile = _ours(clients, ledger, _role), _ours(clients, ledger, _profile)
    if role and profile:
        changes += differing(_ROLE, _drifts(clients, deployment, name, role, profile))
    return changes


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, str]:
    """Return {"profile": name of the instance profile}: with this role alone, and the role with
    the boundary and exactly what the specification needs.

    ResourceConflict when another one has the name; Pending while IAM does not show what was made.
    """
    name = name_of(clients, ledger)
    role, profile = _ours(clients, ledger, _role), _ours(clients, ledger, _profile)
    row, is_new = ledger.resource(_ROLE), role is None or profile is None
    if row is None or is_new:
        row = ledger.intend(_ROLE, id=name)
    if role is None:
        _create_role(clients, deployment, ledger)
    if profile is None:
        _create_profile(clients, deployment, ledger)
    others = _beside(ledger, deployment)
    drifts = list(_drifts(clients, deployment, name, role, profile, others))
    if others:
        ledger.ready(_ROLE, id=name, wide=True)
    if is_new or any(drift.mend for drift in drifts):
        # before: IAM decides by the old boundary for a while, and a launch may come too early
        ledger.ready(_ROLE, id=name, changed_at=ledger.time())
    elif row.state != "ready":
        ledger.ready(_ROLE, id=name)
    if not is_new:
        mend(ledger, _ROLE, drifts)
    for drift in drifts if is_new else ():
        settle(drift)
    return {"profile": name}


def narrow(clients: Clients, deployment: Deployment, ledger: Ledger) -> None:
    """Take away what only the other side of a change needed; nothing where there was none."""
    row = ledger.resource(_ROLE)
    if row is None or not row.facts.get("wide"):
        return
    ensure(clients, deployment, ledger)
    if not _beside(ledger, deployment):
        ledger.ready(_ROLE, wide=None)


def destroy(clients: Clients, ledger: Ledger) -> None:
    """Delete profile and role with all its policies; those of the same name that are not ours stay.

    ResourceConflict when one was ours and has lost its tags.
    """
    name = name_of(clients, ledger)
    missing = False
    for look, delete in ((_profile, _delete_profile), (_role, _delete_role)):
        there = look(clients, name)
        if there is None:
            missing = True
        elif owns(ledger, there["Tags"], name):
            delete(clients, name, there)
        elif has_lost_its_tags(ledger, _ROLE, there["Tags"]):
            raise lost(ledger, f"the IAM {look.__name__.strip('_')} {name!r}")
    if missing:
        wait_until_visible(ledger, _ROLE)
    ledger.forget(_ROLE)


def found(clients: Clients, ledger: Ledger) -> list[str]:
    """Return a line for each of the two that is there and ours, its tags lost or not."""
    name = name_of(clients, ledger)
    there = [look(clients, name) for look in (_role, _profile)]
    return [
        line
        for line, each in zip(_lines(name), there, strict=True)
        if each
        and (owns(ledger, each["Tags"], name) or has_lost_its_tags(ledger, _ROLE, each["Tags"]))
    ]


def must_be_free(clients: Clients, ledger: Ledger) -> None:
    """Raise ResourceConflict when the name of the role or of its profile is taken."""
    for look in (_role, _profile):
        _ours(clients, ledger, look)


def _lines(name: str) -> tuple[str, str]:
    return f"IAM role {name}", f"IAM instance profile {name}"


def _ours(clients: Clients, ledger: Ledger, look: Any) -> dict[str, Any] | None:
    """Return what is there; raise ResourceConflict when it is not ours."""
    name = name_of(clients, ledger)
    there: dict[str, Any] | None = look(clients, name)
    if there is not None and not owns(ledger, there["Tags"], name):
        what = f"the IAM {look.__name__.strip('_')} {name!r}"
        if has_lost_its_tags(ledger, _ROLE, there["Tags"]):
            raise lost(ledger, what)
        raise conflict(ledger, what, there["Tags"])
    return there


def _role(clients: Clients, name: str) -> dict[str, Any] | None:
    with tolerating(_GONE):
        return {"Tags": [], **clients.iam.get_role(RoleName=name)["Role"]}
    return None


def _profile(clients: Clients, name: str) -> dict[str, Any] | None:
    with tolerating(_GONE):
        answer = clients.iam.get_instance_profile(InstanceProfileName=name)
        return {"Tags": [], **answer["InstanceProfile"]}
    return None


def _create_role(clients: Clients, deployment: Deployment, ledger: Ledger) -> None:
    """Create it; one that is there already may be what our own resent call has created."""
    settings = clients.settings
    with tolerating(_TAKEN):
        clients.iam.create_role(
            RoleName=name_of(clients, ledger),
            Path=naming.role_path(settings.installation, settings.region),
            Description=f"Hosts of the Lamplighter deployment {deployment.name}",
            AssumeRolePolicyDocument=json.dumps(host_policy.trust()),
            PermissionsBoundary=settings.host_boundary,
            Tags=naming.tags(ledger.installation, deployment, _ROLE),  # type: ignore[arg-type]
        )
        return
    if _ours(clients, ledger, _role) is None:
        raise _unseen("role", name_of(clients, ledger))


def _drifts(
    clients: Clients,
    deployment: Deployment,
    name: str,
    role: dict[str, Any] | None,
    profile: dict[str, Any] | None,
    others: Sequence[Deployment] = (),
) -> Iterator[Drift]:
    """Yield boundary, trust, policies, and who is in the profile; role and profile: None where
    they were just made. others: specifications whose hosts have the role, too.
    """
    if role:
        yield from _role_drifts(clients, role)
    yield from _policy_drifts(clients, [deployment, *others], name)
    held = [each["RoleName"] for each in profile["Roles"]] if profile else []
    if held != [name]:
        what = f"IAM instance profile {name} holds {', '.join(held) or 'no role'}"
        yield Drift(what, f"should hold {name}", partial(_fill, clients, name, held))


def _role_drifts(clients: Clients, role: dict[str, Any]) -> Iterator[Drift]:
    iam, name, boundary = clients.iam, role["RoleName"], clients.settings.host_boundary
    bound = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    if bound != boundary:
        put = partial(
            iam.put_role_permissions_boundary, RoleName=name, PermissionsBoundary=boundary
        )
        yield Drift(f"IAM role {name} has {bound or 'no'} boundary", f"should be {boundary}", put)
    if not policies.same(role["AssumeRolePolicyDocument"], host_policy.trust()):
        trust = json.dumps(host_policy.trust())
        put = partial(iam.update_assume_role_policy, RoleName=name, PolicyDocument=trust)
        yield Drift(f"IAM role {name} may be taken by others", "by EC2's instances only", put)


def _beside(ledger: Ledger, deployment: Deployment) -> list[Deployment]:
    """Return the specification that serves while this workflow launches a host of another."""
    row = ledger.deployment()
    if not row.changes_by(ledger.owner):
        return []
    with suppress(InvalidRequest):
        serving = parse(row.specification())
        return [serving] if digest(serving.document()) != digest(deployment.document()) else []
    return []


def _policy(clients: Clients, deployment: Deployment) -> dict[str, Any]:
    by_dns = host_policy.proves_by_dns(deployment)
    zone = hosted_zones.zone(clients, deployment.dns) if by_dns else None
    return host_policy.document(clients.settings, deployment, zone)


def _policy_drifts(
    clients: Clients, deployments: Sequence[Deployment], name: str
) -> Iterator[Drift]:
    """Yield ours, and whatever others gave the role: it widens what the host may do."""
    iam, there = clients.iam, None
    wanted = host_policy.together([_policy(clients, each) for each in deployments])
    with tolerating(_GONE):
        there = iam.get_role_policy(RoleName=name, PolicyName=_POLICY)["PolicyDocument"]
    if not policies.same(there, wanted):
        put = partial(
            iam.put_role_policy,
            RoleName=name,
            PolicyName=_POLICY,
            PolicyDocument=json.dumps(wanted),
        )
        has = "another" if there else "no"
        yield Drift(f"IAM role {name} has {has} policy {_POLICY!r}", "what its hosts call", put)
    inline = _listed(iam.get_paginator("list_role_policies"), name, "PolicyNames")
    attached = _listed(iam.get_paginator("list_attached_role_policies"), name, "AttachedPolicies")
    more = [*(each for each in inline if each != _POLICY), *(a["PolicyArn"] for a in attached)]
    if more:
        what = f"IAM role {name} has further policies: {', '.join(sorted(more))}"
        yield Drift(what, "its boundary holds for them; take them away if you did not add them")


def _create_profile(clients: Clients, deployment: Deployment, ledger: Ledger) -> None:
    """Create it; one that is there already may be what our own resent call has created."""
    settings, name = clients.settings, name_of(clients, ledger)
    with tolerating(_TAKEN):
        clients.iam.create_instance_profile(
            InstanceProfileName=name,
            Path=naming.role_path(settings.installation, settings.region),
            Tags=naming.tags(ledger.installation, deployment, _ROLE),  # type: ignore[arg-type]
        )
        return
    if _ours(clients, ledger, _profile) is None:
        raise _unseen("instance profile", name)


def _fill(clients: Clients, name: str, held: list[str]) -> None:
    """Put the role, and no other, into the profile.

    A full one may hold the role by our own resent call: the next look shows it.
    """
    for other in held:
        clients.iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=other)
    with tolerating(_FULL):
        clients.iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
        return
    raise Pending(f"the IAM instance profile {name!r} was given a role a moment ago")


def _delete_profile(clients: Clients, name: str, profile: dict[str, Any]) -> None:
    iam = clients.iam
    for held in profile["Roles"]:
        with tolerating(_GONE):
            iam.remove_role_from_instance_profile(
                InstanceProfileName=name, RoleName=held["RoleName"]
            )
    with deletion(partial(_profile, clients, name), _GONE):
        iam.delete_instance_profile(InstanceProfileName=name)


def _delete_role(clients: Clients, name: str, _: dict[str, Any]) -> None:
    """With every policy, also those that others attached: AWS keeps a role that has one.

    Each by itself: our own resent call may have deleted it.
    """
    iam = clients.iam
    for policy in _listed(iam.get_paginator("list_role_policies"), name, "PolicyNames"):
        with tolerating(_GONE):
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
    for each in _listed(iam.get_paginator("list_attached_role_policies"), name, "AttachedPolicies"):
        with tolerating(_GONE):
            iam.detach_role_policy(RoleName=name, PolicyArn=str(each["PolicyArn"]))
    with deletion(partial(_role, clients, name), _GONE):
        iam.delete_role(RoleName=name)


def _listed(pages: Any, name: str, key: str) -> list[Any]:
    """Return what a role has, before anything of it is deleted; nothing of one that is gone."""
    with tolerating(_GONE):
        return [each for page in pages.paginate(RoleName=name) for each in page[key]]
    return []


def _unseen(what: str, name: str) -> Pending:
    return Pending(f"the IAM {what} {name!r} was created a moment ago and is not visible yet")
