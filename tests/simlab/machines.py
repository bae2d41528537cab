"""Machines that are rebooted, and commands of Systems Manager, which reach them or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from awssim.request import Proceed, Request, Response, Rule

from simlab.hosts import Host
from simlab.schedule import Schedule

_DOWN_SECONDS = 20.0  # from the order to reboot until the machine boots again
_COMMAND_SECONDS = 3.0


class Machines:
    """A layer of the strict AWS. hosts: the live ones, by instance. boot: what starts one again.

    impaired: the status checks that fail, by instance: system, instance, attached-disk.
    """

    def __init__(
        self, hosts: Mapping[str, Host], schedule: Schedule, boot: Callable[[str], None]
    ) -> None:
        self._hosts, self._schedule, self._boot = hosts, schedule, boot
        self.impaired: dict[str, set[str]] = {}
        self._commands: dict[str, float] = {}
        self.rules: Mapping[str, Rule] = {
            "ec2.RebootInstances": self._reboot,
            "ec2.DescribeInstanceStatus": self._status,
            "ec2.StartInstances": self._start,
            "ssm.SendCommand": self._send,
            "ssm.GetCommandInvocation": self._invocation,
        }

    def _reboot(self, request: Request, proceed: Proceed) -> Response:
        answer = proceed(request)
        for instance in request.parameters["InstanceIds"]:
            self._clear(instance, "instance")
            if instance in self._hosts:
                self._hosts[instance].end()
                self._schedule.after(_DOWN_SECONDS, partial(self._boot, instance))
        return answer

    def _start(self, request: Request, proceed: Proceed) -> Response:
        answer = proceed(request)
        for instance in request.parameters["InstanceIds"]:
            self.impaired.pop(instance, None)  # it is on other hardware now
        return answer

    def _clear(self, instance: str, check: str) -> None:
        self.impaired.get(instance, set()).discard(check)

    def _status(self, request: Request, proceed: Proceed) -> Response:
        answer = proceed(request)
        for status in answer["InstanceStatuses"]:
            failing = self.impaired.get(status["InstanceId"], set())
            keys = {"system": "SystemStatus", "instance": "InstanceStatus"}
            for check, key in keys.items():
                status[key] = {"Status": "impaired" if check in failing else "ok", "Details": []}
            attached = "impaired" if "attached-disk" in failing else "ok"
            status["AttachedEbsStatus"] = {"Status": attached, "Details": []}
        return answer

    def _send(self, request: Request, _: Proceed) -> Response:
        [instance] = request.parameters["InstanceIds"]
        host = self._hosts.get(instance)
        if host is None or not host.runs:
            request.refuse("InvalidInstanceId", f"Instances [[{instance}]] not in a valid state")
        command = f"{len(self._commands):08d}-0000-4000-8000-000000000000"
        self._commands[command] = self._schedule.clock.seconds + _COMMAND_SECONDS
        self._schedule.after(_COMMAND_SECONDS, host.start_agent)
        return {"Command": {"CommandId": command, "Status": "Pending"}}

    def _invocation(self, request: Request, _: Proceed) -> Response:
        asked: Any = request.parameters
        ends = self._commands.get(asked["CommandId"])
        if ends is None:
            request.refuse("InvocationDoesNotExist", "")
        state = "Success" if self._schedule.clock.seconds >= ends else "InProgress"
        return {"CommandId": asked["CommandId"], "Status": state, "StatusDetails": state}
