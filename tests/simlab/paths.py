"""Which instance a public name or address leads to: the record, the address, the firewall's rule.

What was found is kept until something changes, so that a client may ask every second.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from awssim import Account
from awssim.request import Proceed, Request, Response, Rule

_HTTPS = 443
# What may change a path. An instance's own changes of state are reported by `forget`.
_CHANGES = (
    *("ec2.RunInstances", "ec2.AssociateAddress", "ec2.DisassociateAddress", "ec2.ReleaseAddress"),
    *("ec2.AuthorizeSecurityGroupIngress", "ec2.RevokeSecurityGroupIngress"),
    *("ec2.ModifyInstanceAttribute", "ec2.ModifyNetworkInterfaceAttribute"),
    "route53.ChangeResourceRecordSets",
)


class Paths:
    """A layer of the strict AWS, which notices what may change a path."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._known: dict[str, str | None] = {}
        self.rules: Mapping[str, Rule] = dict.fromkeys(_CHANGES, self._changed)

    def forget(self) -> None:
        self._known.clear()

    def instance_at(self, name: str) -> str | None:
        """Raise OSError where there is no such name."""
        if name not in self._known:
            with self._account.uncounted():
                self._known[name] = self._found(name)
        return self._known[name]

    def address_of(self, name: str) -> str:
        """Return where the name leads now, of an alias AWS's name; OSError: no such name."""
        route53 = self._account.client("route53")
        for zone in route53.list_hosted_zones()["HostedZones"]:
            records = route53.list_resource_record_sets(HostedZoneId=zone["Id"])
            for record in records["ResourceRecordSets"]:
                if (record["Name"].rstrip("."), record["Type"]) == (name, "A"):
                    alias = record.get("AliasTarget", {}).get("DNSName")
                    return str(alias or record["ResourceRecords"][0]["Value"])
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def _changed(self, request: Request, proceed: Proceed) -> Response:
        self.forget()
        return proceed(request)

    def _found(self, name: str) -> str | None:
        address = name if _is_address(name) else self.address_of(name)
        ec2 = self._account.client("ec2")
        instances = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
        held = [each for each in instances if each.get("PublicIpAddress") == address]
        return str(held[0]["InstanceId"]) if held and _admits(ec2, held[0]) else None


def _admits(ec2: Any, instance: Mapping[str, Any]) -> bool:
    """Return whether a rule lets HTTPS in, from wherever it may come."""
    ids = [each["GroupId"] for each in instance["SecurityGroups"]]
    groups = ec2.describe_security_groups(GroupIds=ids)["SecurityGroups"]
    rules = [rule for group in groups for rule in group["IpPermissions"]]
    return any(
        rule.get("FromPort", _HTTPS) <= _HTTPS <= rule.get("ToPort", _HTTPS) for rule in rules
    )


def _is_address(name: str) -> bool:
    return name.replace(".", "").isdigit()
