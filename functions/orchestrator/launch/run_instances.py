"""What RunInstances is asked for: image, disk, network, metadata service, market."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.capacity.pools import BLOCK, SPOT, Pool
from orchestrator.errors import Refused
from orchestrator.launch.machine_images import find_image
from orchestrator.ledger.rows import ResourceRow
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment

_ROLE = "instance"
_VOLUME = "gp3"
# Hop limit 1: containers on the bridge network cannot reach the metadata service.
METADATA = {"HttpTokens": "required", "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 1}
_MARKETS = {
    SPOT: {"MarketType": "spot", "SpotOptions": {"SpotInstanceType": "one-time"}},
    BLOCK: {"MarketType": "capacity-block"},
}


def launch(clients: Clients, deployment: Deployment, intent: ResourceRow) -> str:
    """Run the instance that the intent's row describes; return its id."""
    kept, generation = intent.facts.get("tags"), intent.generation or 0
    launched = clients.ec2_once.run_instances(
        **json.loads(intent.facts["request"]),
        MinCount=1,
        MaxCount=1,
        ClientToken=str(intent.token),
        TagSpecifications=json.loads(kept) if kept else tags(clients, deployment, generation),
    )
    return launched["Instances"][0]["InstanceId"]


def tags(clients: Clients, deployment: Deployment, generation: int) -> list[Any]:
    """Return the tags of the instance and its volumes. An earlier version's intent has none."""
    extra = [(naming.GENERATION, str(generation))]
    installation = clients.settings.installation
    return [
        *naming.specification(installation, deployment, "instance", _ROLE, extra),
        *naming.specification(installation, deployment, "volume", _ROLE, extra),
    ]


def facts(request: dict[str, Any], pool: Pool, subnet: str, tagged: list[Any]) -> dict[str, str]:
    """Return what the intent's row keeps of a launch in `pool`: a repetition asks for the same."""
    return {
        "request": json.dumps(_in_pool(request, pool, subnet)),
        "pool": json.dumps(asdict(pool)),
        "tags": json.dumps(tagged),
    }


def pool_of(intent: ResourceRow) -> Pool:
    """Return the pool that the intent is about; an earlier version kept the request only."""
    if "pool" in intent.facts:
        return Pool(**json.loads(intent.facts["pool"]))
    request = json.loads(intent.facts["request"])
    return Pool(request["InstanceType"], "an unknown zone")


def request(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, Any]:
    """Return RunInstances' parameters that are the same in every pool of a generation."""
    image = find_image(clients, deployment)
    scripts = _ready(ledger, "scripts").facts
    return {
        "ImageId": image["ImageId"],
        "UserData": scripts["user_data"],
        "IamInstanceProfile": {"Name": scripts.get("profile", clients.settings.earlier_profile)},
        # A public address of its own from the first second: the bootstrap needs packages before
        # the Elastic IP is attached.
        "NetworkInterfaces": [
            {
                "DeviceIndex": 0,
                "Groups": [_ready(ledger, "firewall").id],
                "AssociatePublicIpAddress": True,
            }
        ],
        "MetadataOptions": METADATA,
        "BlockDeviceMappings": [
            {
                "DeviceName": image.get("RootDeviceName") or "/dev/sda1",
                "Ebs": {
                    "VolumeSize": deployment.instance.root_volume_gib,
                    "VolumeType": _VOLUME,
                    "Encrypted": True,
                    "DeleteOnTermination": True,
                },
            }
        ],
    }


def _in_pool(request: dict[str, Any], pool: Pool, subnet: str) -> dict[str, Any]:
    interfaces = [{**each, "SubnetId": subnet} for each in request["NetworkInterfaces"]]
    asked = {**request, "InstanceType": pool.type, "NetworkInterfaces": interfaces}
    if pool.market in _MARKETS:
        asked["InstanceMarketOptions"] = _MARKETS[pool.market]
    if pool.reservation:
        target = {"CapacityReservationId": pool.reservation}
        asked["CapacityReservationSpecification"] = {"CapacityReservationTarget": target}
    return asked


def _ready(ledger: Ledger, kind: str) -> ResourceRow:
    """Return the row of what an earlier step made; it cannot be missing under the lock."""
    row = ledger.resource(kind)
    if row is None:
        raise Refused(f"{kind}: no step made it yet; `lamplighter up` does")
    return row
