"""Breaking a host of the twin, and seeing what becomes of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError
from patience import eventually
from twin import control as twins

from hostlab.hosting import Hosted


def listening(
    account: Any, bus: str, pattern: dict[str, Any]
) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    queues, rules = account.client("sqs"), account.client("events")
    queue = queues.create_queue(QueueName=f"of-{bus}")["QueueUrl"]
    named = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    rules.put_rule(Name="seen", EventBusName=bus, EventPattern=json.dumps(pattern))
    rules.put_targets(
        Rule="seen", EventBusName=bus, Targets=[{"Id": "seen", "Arn": named["QueueArn"]}]
    )

    def seen() -> list[dict[str, Any]]:
        got = queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for each in got:
            queues.delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
        return [json.loads(each["Body"]) for each in got]

    yield seen
    rules.remove_targets(Rule="seen", EventBusName=bus, Ids=["seen"])
    rules.delete_rule(Name="seen", EventBusName=bus)
    queues.delete_queue(QueueUrl=queue)


def break_(account: Any, how: str, **options: Any) -> str:
    return twins.break_(account.twin.state, how, **options)


def says(host: Hosted, text: str) -> str:
    """Return the agent's log once it has this text."""
    log = host.folder / "agent.log"
    return str(
        eventually(lambda: log.read_text() if log.exists() else "", lambda said: text in said, 60)
    )


def facts(host: Hosted) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((host.folder / "run" / "machine.json").read_text())
    return found


def ran(account: Any, host: Hosted, document: str) -> dict[str, Any]:
    """Return how the document ended on the host."""
    ssm = account.client("ssm")
    command = ssm.send_command(
        InstanceIds=[host.instance], DocumentName=f"{account.twin.stack}-{document}"
    )["Command"]["CommandId"]
    ended: dict[str, Any] = eventually(
        lambda: ssm.get_command_invocation(CommandId=command, InstanceId=host.instance),
        lambda found: found["Status"] in {"Success", "Failed"},
        60,
    )
    return ended


def refusal(call: Callable[..., Any], **parameters: Any) -> str | None:
    try:
        call(**parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None
