"""Step Functions, the stack and the plan function, scripted below real boto3 clients."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.response import StreamingBody

if TYPE_CHECKING:
    from collections.abc import Callable

    import boto3

REGION = "us-east-1"
OUTPUTS = {
    "LedgerTable": "ledger",
    "PlanFunction": "plan",
    "InventoryFunction": "inventory",
    "MaintenanceFunction": "maintenance",
    "NoticeFunction": "notice",
    "EventBusName": "lamplighter",
    **{
        f"{verb}Arn": f"arn:aws:states:{REGION}:123456789012:stateMachine:{verb.lower()}"
        for verb in ("Provision", "Repair", "Stop", "Start", "Teardown")
    },
}
STARTED = datetime(2026, 5, 1, 12, tzinfo=UTC)


@dataclass
class Script:
    """What an execution does: one batch of history events per look, then how it ends."""

    batches: list[list[dict[str, Any]]] = field(default_factory=list)
    ending: dict[str, Any] = field(default_factory=lambda: {"status": "SUCCEEDED", "output": "{}"})
    on_look: Callable[[int], None] = lambda _look: None


@dataclass
class Execution:
    machine: str
    document: dict[str, Any]
    script: Script
    looks: int = 0

    def events(self) -> list[dict[str, Any]]:
        happened = [event for batch in self.script.batches[: self.looks] for event in batch]
        return [{"id": number, **event} for number, event in enumerate(happened, start=1)]


class Scripting:
    """Words to write a script with."""

    @staticmethod
    def of(
        *batches: list[dict[str, Any]],
        output: dict[str, Any] | None = None,
        error: str = "",
        cause: str = "",
        on_look: Callable[[int], None] = lambda _look: None,
    ) -> Script:
        good = {"status": "SUCCEEDED", "output": json.dumps(output or {})}
        bad = {"status": "FAILED", "error": error, "cause": cause}
        return Script(list(batches), bad if error else good, on_look)

    @staticmethod
    def entered(step: str, second: int, kind: str = "Task") -> dict[str, Any]:
        return _event(f"{kind}StateEntered", second, stateEnteredEventDetails={"name": step})

    @staticmethod
    def left(step: str, second: int, kind: str = "Task") -> dict[str, Any]:
        return _event(f"{kind}StateExited", second, stateExitedEventDetails={"name": step})

    @staticmethod
    def stumbled(error: str, cause: str, second: int) -> dict[str, Any]:
        failed = {"resource": "invoke", "resourceType": "lambda", "error": error, "cause": cause}
        return _event("TaskFailed", second, taskFailedEventDetails=failed)


def _event(kind: str, second: int, **details: Any) -> dict[str, Any]:
    return {"type": kind, "timestamp": STARTED + timedelta(seconds=second), **details}


class Workflows:
    """Answers calls below botocore's own checks of their parameters.

    page: events on one page of a history. calls: the operations asked for, in order.
    """

    page = 2

    def __init__(self) -> None:
        self.stacks = {"lamplighter": OUTPUTS}
        self.statuses: dict[str, str] = {}
        self.protected: dict[str, bool] = {}
        self.scripts: dict[str, Script] = {}
        self.executions: dict[str, Execution] = {}
        self.plan: tuple[str, dict[str, Any]] = ("", {"changes": []})
        self.calls: list[str] = []
        self.asked: dict[str, Any] = {}

    def begin(self, verb: str, document: dict[str, Any], name: str = "running") -> str:
        machine = OUTPUTS[f"{verb.capitalize()}Arn"]
        arn = f"{machine.replace('stateMachine', 'execution')}:{name}"
        self.executions[arn] = Execution(machine, document, self.scripts.get(verb, Script()))
        return arn

    def started(self, verb: str) -> list[dict[str, Any]]:
        """Return the inputs of this verb's executions, but for who asked."""
        machine = OUTPUTS[f"{verb.capitalize()}Arn"]
        found = [one.document for one in self.executions.values() if one.machine == machine]
        return [{k: v for k, v in each.items() if k != "asked_by"} for each in found]

    def attach(self, session: boto3.Session) -> None:
        """Let the session's clients be answered by this instead of AWS."""
        for service in ("cloudformation", "sfn", "lambda"):
            session.events.register(f"before-call.{service}", self.answer)  # type: ignore[arg-type]

    def answer(self, model: Any, params: dict[str, Any], **_: Any) -> tuple[AWSResponse, Any]:
        self.calls.append(model.name)
        handle = getattr(self, f"_{model.name}")
        status, parsed = handle(params["body"])
        return AWSResponse("", status, HTTPHeaders(), None), parsed

    def _DescribeStacks(self, body: dict[str, str]) -> tuple[int, Any]:  # noqa: N802
        if body["StackName"] not in self.stacks:
            missing = f"Stack with id {body['StackName']} does not exist"
            return 400, {"Error": {"Code": "ValidationError", "Message": missing}}
        outputs = self.stacks[body["StackName"]]
        listed = [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]
        stack = {
            "StackName": body["StackName"],
            "StackStatus": self.statuses.get(body["StackName"], "CREATE_COMPLETE"),
            "EnableTerminationProtection": self.protected.get(body["StackName"], False),
            "Outputs": listed,
        }
        return 200, {"Stacks": [stack]}

    def _UpdateTerminationProtection(self, body: dict[str, str]) -> tuple[int, Any]:  # noqa: N802
        self.protected[body["StackName"]] = body["EnableTerminationProtection"] == "true"
        return 200, {"StackId": body["StackName"]}

    def _StartExecution(self, body: bytes) -> tuple[int, Any]:  # noqa: N802 the operation's name
        request = json.loads(body)
        verb = request["stateMachineArn"].rpartition(":")[2]
        arn = self.begin(verb, json.loads(request["input"]), request["name"])
        return 200, {"executionArn": arn, "startDate": STARTED}

    def _DescribeExecution(self, body: bytes) -> tuple[int, Any]:  # noqa: N802
        arn = json.loads(body)["executionArn"]
        if arn not in self.executions:
            return 400, {"Error": {"Code": "ExecutionDoesNotExist", "Message": arn}}
        one = self.executions[arn]
        one.looks += 1
        one.script.on_look(one.looks)
        found = {
            "executionArn": arn,
            "stateMachineArn": one.machine,
            "status": "RUNNING",
            "startDate": STARTED,
            "input": json.dumps(one.document),
        }
        if one.looks > len(one.script.batches):
            found |= {"stopDate": STARTED + timedelta(seconds=42), **one.script.ending}
        return 200, found

    def _ListExecutions(self, body: bytes) -> tuple[int, Any]:  # noqa: N802
        machine = json.loads(body)["stateMachineArn"]
        listed = [
            {
                "executionArn": arn,
                "stateMachineArn": machine,
                "name": arn.rpartition(":")[2],
                "status": "RUNNING",
                "startDate": STARTED + timedelta(seconds=number),
            }
            for number, (arn, one) in enumerate(self.executions.items())
            if one.machine == machine
        ]
        return 200, {"executions": listed[::-1]}

    def _GetExecutionHistory(self, body: bytes) -> tuple[int, Any]:  # noqa: N802
        request = json.loads(body)
        events = self.executions[request["executionArn"]].events()
        if request["reverseOrder"]:
            events.reverse()
        start = int(request.get("nextToken", 0))
        found: dict[str, Any] = {"events": events[start : start + self.page]}
        if start + self.page < len(events):
            found["nextToken"] = str(start + self.page)
        return 200, found

    def _Invoke(self, body: bytes) -> tuple[int, Any]:  # noqa: N802
        function_error, document = self.plan
        self.asked = json.loads(body)
        payload = json.dumps(document).encode()
        found: dict[str, Any] = {"Payload": StreamingBody(io.BytesIO(payload), len(payload))}
        return 200, found | ({"FunctionError": function_error} if function_error else {})
