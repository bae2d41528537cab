"""SSM runs a document that exists, on an instance that runs and whose agent is online."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from awssim.rules.commands import ONLINE_SECONDS, Result
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from awssim import Account

_CONTENT = {
    "schemaVersion": "2.2",
    "mainSteps": [
        {
            "action": "aws:runShellScript",
            "name": "restart",
            "inputs": {"runCommand": ["systemctl restart lamplighter-agent.service"]},
        }
    ],
}


@pytest.fixture
def ssm(account: Account) -> Any:
    return account.client("ssm")


@pytest.fixture
def document(ssm: Any) -> str:
    ssm.create_document(
        Name="lamplighter-RestartAgent", Content=json.dumps(_CONTENT), DocumentType="Command"
    )
    return "lamplighter-RestartAgent"


@pytest.fixture
def online(account: Account, instance: str) -> str:
    account.clock.advance(ONLINE_SECONDS)
    return instance


def _code(call: Callable[..., Any], **parameters: Any) -> str | None:
    try:
        call(**parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


def test_a_command_is_pending_then_runs_then_has_ended(
    account: Account, ssm: Any, document: str, online: str
) -> None:
    account.commands.run = lambda instance, name: Result(output=f"{name} on {instance}", seconds=5)

    sent = ssm.send_command(InstanceIds=[online], DocumentName=document)["Command"]
    named = {"CommandId": sent["CommandId"], "InstanceId": online}
    too_early = _code(ssm.get_command_invocation, **named)
    account.clock.advance(2)
    running = ssm.get_command_invocation(**named)
    account.clock.advance(3)
    ended = ssm.get_command_invocation(**named)

    assert sent["Status"] == "Pending"
    assert too_early == "InvocationDoesNotExist"
    assert (running["Status"], running["ResponseCode"]) == ("InProgress", -1)
    assert (ended["Status"], ended["ResponseCode"]) == ("Success", 0)
    assert ended["StandardOutputContent"] == f"{document} on {online}"


def test_a_script_that_fails_is_a_failed_command(
    account: Account, ssm: Any, document: str, online: str
) -> None:
    account.commands.run = lambda *_: Result(3, error="no such unit")
    sent = ssm.send_command(InstanceIds=[online], DocumentName=document)["Command"]
    account.clock.advance(10)

    ended = ssm.get_command_invocation(CommandId=sent["CommandId"], InstanceId=online)

    assert (ended["Status"], ended["ResponseCode"]) == ("Failed", 3)
    assert ended["StandardErrorContent"] == "no such unit"


def test_a_document_that_does_not_exist_is_refused(ssm: Any, online: str) -> None:
    refused = _code(ssm.send_command, InstanceIds=[online], DocumentName="another")

    assert refused == "InvalidDocument"


@pytest.mark.parametrize("why", ["boots", "stopped", "unknown", "agent off", "unreachable"])
def test_an_instance_without_an_agent_that_is_online_is_refused(
    account: Account, ec2: Any, ssm: Any, document: str, instance: str, why: str
) -> None:
    if why != "boots":
        account.clock.advance(ONLINE_SECONDS)
    if why == "stopped":
        ec2.stop_instances(InstanceIds=[instance])
    if why == "agent off":
        account.commands.offline.add(instance)
    if why == "unreachable":
        account.checks.fail(instance, "instance")
    named = "i-0123456789abcdef0" if why == "unknown" else instance

    refused = _code(ssm.send_command, InstanceIds=[named], DocumentName=document)

    assert refused == "InvalidInstanceId"


def test_an_instance_is_named_once(ssm: Any, document: str, online: str) -> None:
    refused = _code(ssm.send_command, InstanceIds=[online, online], DocumentName=document)

    assert refused == "DuplicateInstanceId"


def test_a_snapshot_has_the_commands(
    account: Account, ssm: Any, document: str, online: str
) -> None:
    account.commands.run = lambda *_: Result(output="done")
    sent = ssm.send_command(InstanceIds=[online], DocumentName=document)["Command"]

    account.restore(account.snapshot())
    account.clock.advance(10)
    ended = ssm.get_command_invocation(CommandId=sent["CommandId"], InstanceId=online)

    assert ended["StandardOutputContent"] == "done"
