# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""SSM Run Command: a document of the template runs on the host, by the host's own services.

As on AWS a document must exist, and the instance must run with its agent online.
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import ssm
from twin.emulator.pinned import require
from twin.emulator.services.ssm_documents import Documents
from twin.hosts import mailbox

_FIX = "SSM Run Command"
_COMMAND_SECONDS = 90.0
_ASK_SECONDS = 2.0  # for a host to say that it is there
_MOST_OUTPUT = 24_000  # characters that GetCommandInvocation returns


def install(documents: Documents, hosts: Path, ec2: Any) -> None:
    """hosts: the folder of the hosts; ec2: a client of the strict AWS."""
    for name in ("_send_command", "_finish_invocation", "_managed_instance_ids"):
        require(holds=callable(getattr(ssm, name)), fix=_FIX)
    require(holds=isinstance(ssm._SHELL_DOCUMENTS, set), fix=_FIX)
    original = ssm._send_command

    def send(request: dict[str, Any]) -> Any:
        name = request.get("DocumentName", "")
        script = documents.script(name)
        if script is None:
            return error_response_json(
                "InvalidDocument", f"Document with name {name} does not exist.", 400
            )
        ssm._SHELL_DOCUMENTS.add(name)
        return original(request | {"Parameters": {"commands": [script]}})

    def online() -> set[str]:
        return {each for each in _running(ec2) if _answers(hosts / each / "mail")}

    def finish(command: str, instance: str, words: list[str]) -> None:
        invocation = ssm._commands[command]["Invocations"][instance]
        invocation |= {"Status": "InProgress", "StatusDetails": "InProgress"}
        invocation["ExecutionStartDateTime"] = ssm._now_iso()
        answer = _run(hosts / instance / "mail", words[-1])
        invocation |= {
            "ResponseCode": answer.status, "ExecutionEndDateTime": ssm._now_iso(),
            "StandardOutputContent": answer.out[:_MOST_OUTPUT],
            "StandardErrorContent": answer.err[:_MOST_OUTPUT],
        }  # fmt: skip
        invocation["StatusDetails"] = "Failed" if answer.status else "Success"
        invocation["Status"] = invocation["StatusDetails"]
        ssm._refresh_command_status(ssm._commands[command])

    ssm._send_command = send
    ssm._managed_instance_ids = online
    ssm._finish_invocation = finish


def _run(mail: Path, script: str) -> mailbox.Answer:
    try:
        return mailbox.send(mail, ["shell", script], _COMMAND_SECONDS)
    except mailbox.Silence as error:
        return mailbox.Answer(255, err=f"{error}\n")


def _answers(mail: Path) -> bool:
    """Whether the host is on and reachable."""
    try:
        return mailbox.send(mail, ["shell", "true"], _ASK_SECONDS).status == 0
    except mailbox.Silence:
        return False


def _running(ec2: Any) -> list[str]:
    filters = [{"Name": "instance-state-name", "Values": ["running"]}]
    return [
        instance["InstanceId"]
        for reservation in ec2.describe_instances(Filters=filters)["Reservations"]
        for instance in reservation["Instances"]
    ]
