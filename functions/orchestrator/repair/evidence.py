"""What is kept of a host before it is replaced or given up: `lamplighter incidents NAME ID` shows
where. Best effort: nothing of it is in the way of a repair.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from botocore.exceptions import BotoCoreError, ClientError

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.ledger.rows import INCIDENTS, HostRow, IncidentRow
from orchestrator.ledger.store import Ledger
from orchestrator.masking import masked
from orchestrator.observability import logger
from orchestrator.repair.rungs import Facts


def keep(
    clients: Clients, ledger: Ledger, host: HostRow, incident: IncidentRow, seen: Facts
) -> None:
    """Write the host's console output and what was known of it into the deployment's bucket."""
    folder = f"evidence/{incident.opened_at}/"
    facts = {**asdict(seen), "failing": sorted(seen.failing)}
    said = {name: value for name, value in host.values().items() if value is not None}
    documents = {
        "facts.json": json.dumps({"facts": facts, "host": said}, default=list, indent=1),
        "console.txt": _console(clients, str(host.instance_id)),
    }
    try:
        for name, text in documents.items():
            clients.s3.put_object(
                Bucket=naming.bucket(
                    ledger.name, clients.settings.account, clients.settings.region
                ),
                Key=folder + name,
                Body=masked(text).encode(),
                ExpectedBucketOwner=clients.settings.account,
            )
    except (ClientError, BotoCoreError) as error:
        logger.warning("evidence not kept", deployment=ledger.name, reason=str(error))
        return
    key = f"{INCIDENTS}{incident.opened_at}#{ledger.owner.rpartition(':')[2]}"
    ledger.update(key, {"evidence": folder})


def _console(clients: Clients, instance_id: str) -> str:
    try:
        answer = clients.ec2.get_console_output(InstanceId=instance_id)
    except (ClientError, BotoCoreError) as error:
        return f"EC2 gives no console output: {error}"
    return str(answer.get("Output") or "EC2 has no console output")
