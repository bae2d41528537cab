"""What RunInstances is asked for: image, disk, network, metadata service, market."""

from __future__ import annotations

import json
from typing import Any

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.errors import Refused
from orchestrator.launch.machine_images import find_image
from orchestrator.ledger.rows import ResourceRow
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment

_ROLE = "instance"
_VOLUME = "gp3"
# Hop limit 1: containers on the bridge network cannot reach the metadata service.
METADATA = {"HttpTokens": "required", "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 1}


def launch(clients: Clients, deployment: Deployment, intent: ResourceRow) -> str:
    """Run the instance that the intent's row describes; return its id."""
    installation = clients.settings.installation
    extra = [(naming.GENERATION, str(intent.generation))]
    launched = clients.ec2_once.run_instances(
        **json.loads(intent.facts["request"]),
        MinCount=1,
        MaxCount=1,
        ClientToken=str(intent.token),
        TagSpecifications=[
            *naming.specification(installation, deployment, "instance", _ROLE, extra),
            *naming.specification(installation, deployment, "volume", _ROLE, extra),
        ],
    )
    return launched["Instances"][0]["InstanceId"]


def request(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, Any]:
    """Return RunInstances' parameters, to be kept in the intent: a repetition asks for the same."""
    spec = deployment.instance
    image = find_image(clients, deployment)
    scripts = _ready(ledger, "scripts").facts
    market = {"MarketType": "spot", "SpotOptions": {"SpotInstanceType": "one-time"}}
    return {
        "ImageId": image["ImageId"],
        "InstanceType": spec.type,
        "UserData": scripts["user_data"],
        "IamInstanceProfile": {"Name": scripts.get("profile", clients.settings.earlier_profile)},
        # A public address of its own from the first second: the bootstrap needs packages before
        # the Elastic IP is attached.
        "NetworkInterfaces": [
            {
                "DeviceIndex": 0,
                "SubnetId": _ready(ledger, "public-subnet-0").id,
                "Groups": [_ready(ledger, "firewall").id],
                "AssociatePublicIpAddress": True,
            }
        ],
        "MetadataOptions": METADATA,
        "BlockDeviceMappings": [
            {
                "DeviceName": image.get("RootDeviceName") or "/dev/sda1",
                "Ebs": {
                    "VolumeSize": spec.root_volume_gib,
                    "VolumeType": _VOLUME,
                    "Encrypted": True,
                    "DeleteOnTermination": True,
                },
            }
        ],
        **({"InstanceMarketOptions": market} if spec.market == "spot" else {}),
    }


def _ready(ledger: Ledger, kind: str) -> ResourceRow:
    """Return the row of what an earlier step made; it cannot be missing under the lock."""
    row = ledger.resource(kind)
    if row is None:
        raise Refused(f"{kind}: no step made it yet; `lamplighter up` does")
    return row
