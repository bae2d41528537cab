"""The handlers' calls of Step Functions and EventBridge lead to the simulation, not to moto."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from awssim.request import Proceed, Request, Response, Rule
from botocore.validate import ParamValidator

from simlab.workflows.executions import Execution, Executions, Refused

_VALIDATOR = ParamValidator()


class StepFunctions:
    """A layer of the strict AWS; an operation that is not known reaches moto, which has none."""

    def __init__(self, executions: Executions) -> None:
        self._executions = executions
        operations: dict[str, Callable[[dict[str, Any]], Response]] = {
            "StartExecution": self._start,
            "DescribeExecution": self._describe,
            "StopExecution": self._stop,
            "SendTaskSuccess": self._succeed,
            "SendTaskFailure": self._fail,
            "SendTaskHeartbeat": self._heartbeat,
        }
        self.rules: Mapping[str, Rule] = {
            f"stepfunctions.{name}": _served(act) for name, act in operations.items()
        }

    def _start(self, asked: dict[str, Any]) -> Response:
        document = asked.get("input", "{}")
        started = self._executions.start(asked["stateMachineArn"], asked.get("name"), document)
        return {"executionArn": started.arn, "startDate": started.started}

    def _describe(self, asked: dict[str, Any]) -> Response:
        return _document(self._executions.describe(asked["executionArn"]))

    def _stop(self, asked: dict[str, Any]) -> Response:
        given = (asked.get("error", ""), asked.get("cause", ""))
        return {"stopDate": self._executions.stop(asked["executionArn"], *given).stopped}

    def _succeed(self, asked: dict[str, Any]) -> Response:
        self._executions.succeed(asked["taskToken"], asked["output"])
        return {}

    def _fail(self, asked: dict[str, Any]) -> Response:
        given = (asked.get("error", ""), asked.get("cause", ""))
        self._executions.fail(asked["taskToken"], *given)
        return {}

    def _heartbeat(self, asked: dict[str, Any]) -> Response:
        self._executions.heartbeat(asked["taskToken"])
        return {}


def _served(act: Callable[[dict[str, Any]], Response]) -> Rule:
    def rule(request: Request, _: Proceed) -> Response:
        shape = request.client.meta.service_model.operation_model(request.operation).input_shape
        assert shape is not None, f"{request.name} takes no parameters"
        report = _VALIDATOR.validate(request.parameters, shape)
        if report.has_errors():
            request.refuse("ValidationException", report.generate_report())
        try:
            return act(request.parameters)
        except Refused as refused:
            request.refuse(refused.code, refused.message)

    return rule


def _document(execution: Execution) -> Response:
    found = {
        "executionArn": execution.arn,
        "stateMachineArn": execution.machine.arn,
        "name": execution.name,
        "status": execution.status,
        "startDate": execution.started,
        "input": execution.input,
        "stopDate": execution.stopped,
        "output": execution.output,
        "error": execution.error or None,
        "cause": execution.cause or None,
    }
    return {name: value for name, value in found.items() if value is not None}
