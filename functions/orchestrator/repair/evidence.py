"""What is kept of a host before it is replaced or given up: `lamplighter incidents NAME ID` shows
where. Best effort: nothing of it is in the way of a repair.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from botocore.exceptions import BotoCoreError, ClientError

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import code
from orchestrator.ledger.rows import HostRow
from orchestrator.masking import masked
from orchestrator.observability import logger
from orchestrator.repair.rungs import Facts


def keep(clients: Clients, name: str, host: HostRow, seen: Facts, opened_at: str) -> str | None:
    """Write the host's console output and what was known of it into the deployment's bucket.

    Return the prefix of the keys, None where they could not be written.
    """
    folder = f"evidence/{opened_at}/"
    facts = {**asdict(seen), "failing": sorted(seen.failing)}
    said = {key: value for key, value in host.values().items() if value is not None}
    documents = {
        "facts.json": json.dumps({"facts": facts, "host": said}, default=list, indent=1),
        "console.txt": _console(clients, str(host.instance_id)),
    }
    try:
        for document, text in documents.items():
            clients.s3.put_object(
                Bucket=naming.bucket(name, clients.settings.account, clients.settings.region),
                Key=folder + document,
                Body=masked(text).encode(),
                ExpectedBucketOwner=clients.settings.account,
            )
    except (ClientError, BotoCoreError) as error:
        logger.warning("evidence not kept", deployment=name, reason=str(error))
        return None
    return folder


def _console(clients: Clients, instance_id: str) -> str:
    """Return what the machine says now; types without Nitro only show what it said as it booted."""
    try:
        try:
            answer = clients.ec2.get_console_output(InstanceId=instance_id, Latest=True)
        except ClientError as error:
            if code(error) != "UnsupportedOperation":
                raise
            answer = clients.ec2.get_console_output(InstanceId=instance_id)
    except (ClientError, BotoCoreError) as error:
        return f"EC2 gives no console output: {error}"
    return str(answer.get("Output") or "EC2 has no console output")
