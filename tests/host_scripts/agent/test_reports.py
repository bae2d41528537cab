"""When the agent reports, what it says, and what it does while the bus or the key is away."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from host.agent.activity import Activity
from host.agent.phases import Check, State
from host.agent.reporter import Reporter
from host.probes.api_key import ApiKey
from host_scripts.agent.wired import settings_with

LOADING, SERVING = State("loading"), State("serving")
THROTTLED = ClientError({"Error": {"Code": "ThrottlingException"}}, "PutEvents")
AWAY = EndpointConnectionError(endpoint_url="https://events")


class Bus:
    """Takes entries; raises or refuses while problem is set."""

    def __init__(self) -> None:
        self.problem: Exception | str | None = None
        self.tries = 0
        self.entries: list[dict[str, str]] = []

    def put_events(self, *, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        self.tries += 1
        if isinstance(self.problem, Exception):
            raise self.problem
        if self.problem:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": self.problem}]}
        self.entries += Entries
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}

    @property
    def phases(self) -> list[str]:
        return [json.loads(entry["Detail"])["phase"] for entry in self.entries]


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def reporter(bus: Bus) -> Reporter:
    return Reporter(bus, settings_with(), "i-1", lambda: 1_700_000_000.25, lambda: None)


def test_a_report_is_what_the_orchestrator_expects(bus: Bus, reporter: Reporter) -> None:
    reporter.send(State("images", 50, "slow"), ("disk full",), 0.0)

    (entry,) = bus.entries
    assert json.loads(entry.pop("Detail")) == {
        "deployment": "demo",
        "instance_id": "i-1",
        "phase": "images",
        "percent": 50,
        "cause": "slow",
        "warnings": ["disk full"],
        "sent_at": "2023-11-14T22:13:20.250Z",
        "report_seconds": 30,
        "release": "0.1.0",
    }
    assert entry == {
        "EventBusName": "lamplighter",
        "Source": "lamplighter.host.demo",
        "DetailType": "Host Report",
    }


def test_what_the_gateway_refuses_of_its_settings_is_a_warning(bus: Bus) -> None:
    refusing = Activity(0, 0, None, settings_refused=True)
    reporter = Reporter(bus, settings_with(), "i-1", lambda: 0.0, lambda: refusing)

    reporter.send(State("serving"), ("disk full",), 0.0)

    disk, gateway = json.loads(bus.entries[0]["Detail"])["warnings"]
    assert disk == "disk full"
    assert "correct `gateway` in the specification" in gateway


def test_a_change_is_reported_at_once_and_the_same_again_every_thirty_seconds(
    bus: Bus, reporter: Reporter
) -> None:
    for tenth in range(700):
        reporter.send(LOADING if tenth < 3 else SERVING, (), tenth / 10)

    assert bus.phases == ["loading", "serving", "serving", "serving"]


@pytest.mark.parametrize("problem", [THROTTLED, AWAY, "InternalFailure"], ids=str)
def test_a_bus_that_is_away_is_asked_ever_slower_and_hears_the_newest_state(
    bus: Bus, reporter: Reporter, problem: Exception | str
) -> None:
    bus.problem = problem
    for second in range(100):
        reporter.send(State("loading", second), (), float(second))
    assert bus.tries == 8  # at 0, 1, 3, 7, 15, 31, 61 and 91 seconds

    bus.problem = None
    for second in range(100, 125):
        reporter.send(SERVING, (), float(second))

    assert bus.phases == ["serving"]


def test_a_bus_that_is_away_for_a_week_does_not_end_the_agent(bus: Bus, reporter: Reporter) -> None:
    bus.problem = AWAY

    for attempt in range(20_000):
        reporter.send(LOADING, (), attempt * 30.0)

    assert bus.tries == 20_000


class Ssm:
    def __init__(self, value: str | Exception) -> None:
        self.value, self.reads = value, 0

    def get_parameter(self, *, Name: str, WithDecryption: bool) -> dict[str, Any]:  # noqa: N803
        self.reads += 1
        assert (Name, WithDecryption) == ("/key", True)
        if isinstance(self.value, Exception):
            raise self.value
        return {"Parameter": {"Value": self.value}}


def test_the_key_is_read_once_and_never_shown() -> None:
    ssm = Ssm("sk-planted\n")
    key = ApiKey(ssm, "/key", lambda: 0.0)

    assert [key.read(), key.read()] == ["sk-planted", "sk-planted"]
    assert ssm.reads == 1
    assert "planted" not in repr(key)


def test_a_key_that_cannot_be_read_is_asked_for_every_five_seconds_at_most() -> None:
    ssm = Ssm(ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter"))
    clock = iter([tenth / 10 for tenth in range(1000)])
    key = ApiKey(ssm, "/key", lambda: next(clock))

    found = [key.read() for _ in range(60)]

    assert ssm.reads == 2
    assert isinstance(found[0], Check)
    assert found[0].why == "/key cannot be read: ParameterNotFound"


def test_an_unreachable_parameter_store_is_no_reason_to_die() -> None:
    found = ApiKey(Ssm(AWAY), "/key", lambda: 0.0).read()

    assert isinstance(found, Check)
    assert found.why == "/key cannot be read: EndpointConnectionError"


def test_a_key_that_the_gateway_refuses_is_read_again_a_little_later() -> None:
    now = [0.0]
    ssm = Ssm("old")
    key = ApiKey(ssm, "/key", lambda: now[0])
    key.read()
    ssm.value = "new"

    key.forget()

    assert isinstance(key.read(), Check)
    now[0] = 5.0
    assert key.read() == "new"
