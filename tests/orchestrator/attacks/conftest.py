"""Two deployments of one installation: root on one's host wants what belongs to the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from awssim.clients import ACCOUNT_ID, REGION
from host_scripts.conftest import blank_host  # makes the agent's programs importable
from iamlab import policies
from iamlab.evaluation import Request, allowed
from orchestrator.aws import naming

__all__ = ["blank_host"]

ZONE = "Z0OURS"
ARN = f"arn:aws:{{}}:{REGION}:{ACCOUNT_ID}:{{}}"
CHANGES = "route53:ChangeResourceRecordSets"


@dataclass(frozen=True)
class Host:
    """What the hosts of a deployment may do: by its role's policy and by the boundary."""

    name: str
    spec: dict[str, Any] = field(default_factory=dict)

    def may(self, action: str, resource: str, **context: Any) -> bool:
        dns = {"domain": "example.com", "subdomain": self.name}
        spec = {"name": self.name, "model": "m", "dns": dns, **self.spec}
        policy = policies.of_host(spec, ZONE)
        return allowed([policy], Request(action, resource, context), policies.boundary())

    def reports(self, deployment: str) -> bool:
        """Return whether it may report about this deployment."""
        source = {"events:source": naming.event_source(deployment)}
        bus = ARN.format("events", "event-bus/lamplighter")
        return self.may("events:PutEvents", bus, **source)

    def reads(self, parameter: str) -> bool:
        return self.may("ssm:GetParameter", ARN.format("ssm", f"parameter{parameter}"))

    def writes(self, parameter: str) -> bool:
        arn = ARN.format("ssm", f"parameter{parameter}")
        calls = ("ssm:PutParameter", "ssm:AddTagsToResource")
        return any(self.may(call, arn) for call in calls)

    def changes(
        self, record: str, *, kind: str = "TXT", action: str = "UPSERT", zone: str = ZONE
    ) -> bool:
        given = {"NormalizedRecordNames": [record], "RecordTypes": [kind], "Actions": [action]}
        context = {f"{CHANGES}{what}": value for what, value in given.items()}
        return self.may(CHANGES, f"arn:aws:route53:::hostedzone/{zone}", **context)

    def takes(self, action: str, deployment: str, key: str, account: str = ACCOUNT_ID) -> bool:
        """Return whether it may do this to an object of a deployment's bucket of an account."""
        bucket = naming.bucket(deployment, ACCOUNT_ID, REGION)
        return self.may(action, f"arn:aws:s3:::{bucket}/{key}", **{"aws:ResourceAccount": account})


@pytest.fixture
def host():
    """Call it with more of the specification of `demo`."""
    return lambda **spec: Host("demo", spec)
