"""EC2's status checks: a machine may fail them, a boot or other hardware mends it.

A test says which check of which instance fails. A reboot ends a failed instance check, a stop and
start ends both. For two minutes after its start an instance is `initializing`.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from awssim.clock import Clock
    from awssim.request import Proceed, Request, Response, Rule

Check = Literal["system", "instance", "attached-ebs"]

INITIALIZING_SECONDS = 120.0  # from an instance's start until its first checks have passed
_FIELDS: dict[Check, str] = {
    "system": "SystemStatus",
    "instance": "InstanceStatus",
    "attached-ebs": "AttachedEbsStatus",
}


class StatusChecks:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed: dict[tuple[str, Check], datetime] = {}  # since when
        self._booted: dict[str, float] = {}
        self._unread: list[tuple[str, Check, bool]] = []
        self._rebooted: list[str] = []
        self.rules: Mapping[str, Rule] = {
            "ec2.DescribeInstanceStatus": self._describe,
            "ec2.RunInstances": self._run,
            "ec2.RebootInstances": self._reboot,
            "ec2.StartInstances": self._start,
        }

    def fail(self, instance: str, check: Check) -> None:
        """Let the check of the instance fail from now on."""
        if (instance, check) not in self._failed:
            self._failed[instance, check] = self._clock.now()
            self._unread.append((instance, check, True))

    def passes(self, instance: str, check: Check) -> None:
        """End its failure; one that has not failed stays as it is."""
        if self._failed.pop((instance, check), None):
            self._unread.append((instance, check, False))

    def is_reachable(self, instance: str) -> bool:
        """Return whether its machine and its system work."""
        return not any((instance, check) in self._failed for check in ("system", "instance"))

    def age(self, instance: str) -> float:
        """Return the seconds since it was launched or started."""
        return self._clock.seconds - self._booted.get(instance, float("-inf"))

    def changes(self) -> list[tuple[str, Check, bool]]:
        """Return each (instance, check, whether it fails) since the last call, in order."""
        unread, self._unread = self._unread, []
        return unread

    def reboots(self) -> list[str]:
        """Return each instance that was rebooted since the last call, in order."""
        rebooted, self._rebooted = self._rebooted, []
        return rebooted

    def _run(self, request: Request, proceed: Proceed) -> Response:
        response = proceed(request)
        for instance in response["Instances"]:
            self._booted.setdefault(instance["InstanceId"], self._clock.seconds)
        return response

    def _reboot(self, request: Request, proceed: Proceed) -> Response:
        response = proceed(request)
        for instance in request.parameters["InstanceIds"]:
            self.passes(instance, "instance")
            self._rebooted.append(instance)
        return response

    def _start(self, request: Request, proceed: Proceed) -> Response:
        """One that runs already keeps its hardware."""
        response = proceed(request)
        for change in response["StartingInstances"]:
            if change["PreviousState"]["Name"] == "stopped":
                instance = change["InstanceId"]
                self._booted[instance] = self._clock.seconds
                for check in _FIELDS:
                    self.passes(instance, check)
        return response

    def _describe(self, request: Request, proceed: Proceed) -> Response:
        response = proceed(request)
        for status in response["InstanceStatuses"]:
            instance = status["InstanceId"]
            runs = status["InstanceState"]["Name"] == "running"
            for check, field in _FIELDS.items():
                status[field] = self._status(instance, check) if runs else _not_applicable()
        return response

    def _status(self, instance: str, check: Check) -> dict[str, Any]:
        detail: dict[str, Any] = {"Name": "reachability", "Status": "passed"}
        if (instance, check) in self._failed:
            detail |= {"Status": "failed", "ImpairedSince": self._failed[instance, check]}
            return {"Status": "impaired", "Details": [detail]}
        if self.age(instance) < INITIALIZING_SECONDS:
            return {"Status": "initializing", "Details": [detail | {"Status": "initializing"}]}
        return {"Status": "ok", "Details": [detail]}


def _not_applicable() -> dict[str, Any]:
    return {"Status": "not-applicable", "Details": []}
