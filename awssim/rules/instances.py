"""Instances take their time: pending, running, stopping, stopped, shutting-down, terminated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awssim.lifecycle import Lifecycle

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from awssim.clock import Clock
    from awssim.request import Proceed, Request, Response, Rule

START_SECONDS = 30
STOP_SECONDS = 30
TERMINATE_SECONDS = 60

_NO_INSTANCE = "i-00000000000000000"  # moto takes an empty list of values for no filter
_CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}


class Instances:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._states = Lifecycle(clock)
        self._launched: dict[str, Any] = {}
        self._dying: dict[str, dict[str, Any]] = {}
        self._one_time: set[str] = set()  # of spot requests that end with their instance
        self.rules: Mapping[str, Rule] = {
            "ec2.RunInstances": self._run,
            "ec2.DescribeInstances": self._describe,
            "ec2.DescribeInstanceStatus": self._describe_status,
            "ec2.StartInstances": self._start,
            "ec2.StopInstances": self._stop,
            "ec2.RebootInstances": self._reboot,
            "ec2.TerminateInstances": self._terminate,
        }

    def live(self, request: Request) -> Iterator[dict[str, Any]]:
        """Every instance that is not terminated yet, with what it holds (subnet, groups, address).

        Moto empties an instance at once; one that is shutting down is as it was before.
        """
        ids = [each for each in self._launched if self.state(each) != "terminated"]
        filters = [{"Name": "instance-id", "Values": ids or [_NO_INSTANCE]}]
        for reservation in request.ask("DescribeInstances", Filters=filters)["Reservations"]:
            for instance in reservation["Instances"]:
                yield self._dying.get(instance["InstanceId"], instance)

    def state(self, instance_id: str) -> str:
        """An instance this layer never saw (none is there) counts as terminated."""
        known = self._states.knows(instance_id)
        return self._states.state(instance_id) if known else "terminated"

    def changes(self) -> list[tuple[str, str]]:
        """Return each (instance, state) that was entered since the last call, in order."""
        return self._states.changes()

    def next_change(self) -> float | None:
        """Return when an instance enters its next state, in the clock's seconds, or None."""
        return self._states.next_end()

    def _run(self, request: Request, proceed: Proceed) -> Response:
        response = proceed(request)
        if any(self._is_gone(instance["InstanceId"]) for instance in response["Instances"]):
            request.refuse(
                "IdempotentInstanceTerminated",
                "The client token belongs to a request whose instance has been terminated.",
            )
        for instance in response["Instances"]:
            self._states.begin_once(
                instance["InstanceId"], "pending", "running", seconds=START_SECONDS
            )
            self._launched.setdefault(instance["InstanceId"], self._clock.now())
            self._dress(instance)
            if _is_one_time(request):
                self._one_time.add(instance["InstanceId"])
        return response

    def _describe(self, request: Request, proceed: Proceed) -> Response:
        wanted, rest = _split_state_filter(request)
        response = proceed(self._narrowed(rest, wanted))
        for reservation in response["Reservations"]:
            for instance in reservation["Instances"]:
                self._dress(instance)
            reservation["Instances"] = [
                instance
                for instance in reservation["Instances"]
                if wanted is None or instance["State"]["Name"] in wanted
            ]
        response["Reservations"] = [kept for kept in response["Reservations"] if kept["Instances"]]
        return response

    def _narrowed(self, request: Request, wanted: set[str] | None) -> Request:
        """Only the instances that may be wanted: moto keeps every dead one, and is slow at each."""
        if wanted is None or "terminated" in wanted:
            return request
        ids = [each for each in self._launched if self.state(each) in wanted] or [_NO_INSTANCE]
        filters = [*request.parameters["Filters"], {"Name": "instance-id", "Values": ids}]
        return request.changed(Filters=filters)

    def _describe_status(self, request: Request, proceed: Proceed) -> Response:
        wanted, rest = _split_state_filter(request)
        if wanted is None and not request.parameters.get("IncludeAllInstances"):
            wanted = {"running"}
        response = proceed(rest.changed(IncludeAllInstances=True))
        for status in response["InstanceStatuses"]:
            status["InstanceState"] = self._state_document(status["InstanceId"])
        response["InstanceStatuses"] = [
            status
            for status in response["InstanceStatuses"]
            if wanted is None or status["InstanceState"]["Name"] in wanted
        ]
        return response

    def _start(self, request: Request, proceed: Proceed) -> Response:
        legal = ("stopped", "pending", "running")
        return self._move(request, proceed, legal, "stopped", ("pending", "running", START_SECONDS))

    def _stop(self, request: Request, proceed: Proceed) -> Response:
        """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/stop-spot-instances.html"""
        for identifier in request.parameters["InstanceIds"]:
            if identifier in self._one_time:
                request.refuse(
                    "UnsupportedOperation",
                    f"You can't stop the Spot Instance '{identifier}' because it is associated "
                    "with a one-time Spot Instance request. You can only stop Spot Instances "
                    "associated with persistent Spot Instance requests.",
                )
        legal = ("running", "stopping", "stopped")
        return self._move(request, proceed, legal, "running", ("stopping", "stopped", STOP_SECONDS))

    def _reboot(self, request: Request, proceed: Proceed) -> Response:
        self._require(request, ("running",))
        return proceed(request)

    def _terminate(self, request: Request, proceed: Proceed) -> Response:
        ids = request.parameters["InstanceIds"]
        before = {i["InstanceId"]: i for i in self.live(request) if i["InstanceId"] in ids}
        previous = {identifier: self._state_document(identifier) for identifier in ids}
        response = proceed(request)
        for identifier, instance in before.items():
            if identifier not in self._dying:
                self._dying[identifier] = instance
                self._states.begin(
                    identifier, "shutting-down", "terminated", seconds=TERMINATE_SECONDS
                )
        return self._changes(response, "TerminatingInstances", previous)

    def _move(
        self,
        request: Request,
        proceed: Proceed,
        legal: tuple[str, ...],
        source: str,
        passage: tuple[str, str, float],
    ) -> Response:
        """Moves the instances in `source`; those already there or on their way stay as they are."""
        self._require(request, legal)
        ids = request.parameters["InstanceIds"]
        previous = {identifier: self._state_document(identifier) for identifier in ids}
        response = proceed(request)
        start, end, seconds = passage
        for identifier in ids:
            if previous[identifier]["Name"] == source:
                self._states.begin(identifier, start, end, seconds=seconds)
        key = "StartingInstances" if source == "stopped" else "StoppingInstances"
        return self._changes(response, key, previous)

    def _require(self, request: Request, legal: tuple[str, ...]) -> None:
        for identifier in request.parameters["InstanceIds"]:
            if self._states.knows(identifier) and self.state(identifier) not in legal:
                request.refuse(
                    "IncorrectInstanceState",
                    f"The instance '{identifier}' is not in a state from which it can be changed: "
                    f"{self.state(identifier)}",
                )

    def _changes(self, response: Response, key: str, previous: dict[str, Any]) -> Response:
        for change in response[key]:
            change["PreviousState"] = previous[change["InstanceId"]]
            change["CurrentState"] = self._state_document(change["InstanceId"])
        return response

    def _is_gone(self, instance_id: str) -> bool:
        return self._states.knows(instance_id) and self.state(instance_id) == "terminated"

    def _dress(self, instance: dict[str, Any]) -> None:
        """Moto shows the groups of a requested network interface only there."""
        for interface in instance.get("NetworkInterfaces", [])[:1]:
            instance["SecurityGroups"] = interface["Groups"]
        instance["State"] = self._state_document(instance["InstanceId"])
        instance["LaunchTime"] = self._launched.get(
            instance["InstanceId"], instance.get("LaunchTime")
        )

    def _state_document(self, instance_id: str) -> dict[str, Any]:
        state = self.state(instance_id)
        return {"Name": state, "Code": _CODES[state]}


def _split_state_filter(request: Request) -> tuple[set[str] | None, Request]:
    """The wanted states, and the request without that filter: moto's own states are not ours."""
    filters = request.parameters.get("Filters", [])
    states = [f["Values"] for f in filters if f["Name"] == "instance-state-name"]
    rest = [f for f in filters if f["Name"] != "instance-state-name"]
    if not states:
        return None, request
    return set.intersection(*map(set, states)), request.changed(Filters=rest)


def _is_one_time(request: Request) -> bool:
    """Return whether this launch asks for a spot instance, by a request of the default kind."""
    market = request.parameters.get("InstanceMarketOptions") or {}
    kind = market.get("SpotOptions", {}).get("SpotInstanceType", "one-time")
    return market.get("MarketType") == "spot" and kind == "one-time"
