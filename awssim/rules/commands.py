"""SSM Run Command: a document that exists, on an instance that runs and whose agent is online.

Moto runs nothing and refuses nothing. What a command does, a test says; a test may also take the
SSM agent of an instance off.
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from awssim.clock import Clock
    from awssim.request import Proceed, Request, Response, Rule
    from awssim.rules.instances import Instances
    from awssim.rules.status_checks import StatusChecks

ONLINE_SECONDS = 45.0  # from the launch or start of an instance until its agent is online
UNKNOWN_SECONDS = 0.5  # after SendCommand there is no invocation yet
_AWS_OWNED = "AWS-"
_MOST_OUTPUT = 24_000  # characters of the output that GetCommandInvocation returns


@dataclass(frozen=True, slots=True)
class Result:
    """What a command does. status: of the shell; seconds: until it ends."""

    status: int = 0
    output: str = ""
    error: str = ""
    seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class _Sent:
    at: float
    document: str
    results: dict[str, Result] = field(default_factory=dict)


class Commands:
    """run(instance, document): what a command does, asked for when it is sent; a snapshot has the
    default in its place.
    """

    def __init__(self, clock: Clock, instances: Instances, checks: StatusChecks) -> None:
        self._clock, self._instances, self._checks = clock, instances, checks
        self._sent: dict[str, _Sent] = {}
        self.offline: set[str] = set()
        self.run: Callable[[str, str], Result] = _succeed
        self.rules: Mapping[str, Rule] = {
            "ssm.SendCommand": self._send,
            "ssm.GetCommandInvocation": self._invocation,
        }

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"run": _succeed}

    def _send(self, request: Request, proceed: Proceed) -> Response:
        document = request.parameters["DocumentName"]
        instances = request.parameters.get("InstanceIds", [])
        if len(set(instances)) < len(instances):
            request.refuse("DuplicateInstanceId", "an instance is named twice")
        self._check_document(request, document)
        if away := [each for each in instances if not self._is_online(each)]:
            request.refuse(
                "InvalidInstanceId", f"Instances [[{', '.join(away)}]] not in a valid state"
            )
        response = proceed(request)
        results = {each: self.run(each, document) for each in instances}
        command = response["Command"]
        self._sent[command["CommandId"]] = _Sent(self._clock.seconds, document, results)
        command |= {"Status": "Pending", "StatusDetails": "Pending"}
        return response

    def _check_document(self, request: Request, name: str) -> None:
        if name.startswith(_AWS_OWNED):
            return
        known = request.ask("ListDocuments", MaxResults=50)["DocumentIdentifiers"]
        found = [each for each in known if each["Name"] == name]
        if not found:
            request.refuse("InvalidDocument", f"Document with name {name} does not exist.")
        if found[0].get("DocumentType", "Command") != "Command":
            request.refuse("InvalidDocument", f"{name} is no document of the type Command")

    def _is_online(self, instance: str) -> bool:
        return (
            self._instances.state(instance) == "running"
            and instance not in self.offline
            and self._checks.is_reachable(instance)
            and self._checks.age(instance) >= ONLINE_SECONDS
        )

    def _invocation(self, request: Request, _: Proceed) -> Response:
        """Pending at first, then as the command ended."""
        command, instance = request.parameters["CommandId"], request.parameters["InstanceId"]
        sent = self._sent.get(command)
        age = self._clock.seconds - sent.at if sent else 0.0
        if sent is None or instance not in sent.results or age < UNKNOWN_SECONDS:
            request.refuse(
                "InvocationDoesNotExist", f"Invocation not found for {command}, {instance}"
            )
        answer = {"CommandId": command, "InstanceId": instance, "DocumentName": sent.document}
        return answer | _state(sent.results[instance], age)


def _state(result: Result, age: float) -> dict[str, Any]:
    if age < result.seconds:
        return {
            "Status": "InProgress", "StatusDetails": "InProgress", "ResponseCode": -1,
            "StandardOutputContent": "", "StandardErrorContent": "",
        }  # fmt: skip
    status = "Failed" if result.status else "Success"
    return {
        "Status": status, "StatusDetails": status, "ResponseCode": result.status,
        "StandardOutputContent": result.output[:_MOST_OUTPUT],
        "StandardErrorContent": result.error[:_MOST_OUTPUT],
    }  # fmt: skip


def _succeed(_instance: str, _document: str) -> Result:
    return Result()
