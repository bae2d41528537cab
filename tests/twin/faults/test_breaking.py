"""The list of faults: each has a function, its options are checked, its events are AWS's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from contracts.documents import document
from hostlab.hosting import shape
from lamplighter import faults
from lamplighter.errors import WrongUsage
from twin.emulator import faults as planned
from twin.emulator.calls import Call
from twin.faults import breaking, events
from twin.faults.target import Target
from twin.hosts.agent import shifted
from twin.hosts.machine import LASTS, Machine
from twin.record import Twin

INSTANCE = "i-1234567890abcdef0"
GOLDEN = document("aws_events")["events"]
RUN = Call("ec2", "RunInstances", "ec2")
REFUSED = {"when": "before", "do": "error", "code": "InsufficientInstanceCapacity"}


class Recorder:
    """In the place of boto3's clients: keeps what is put, and what is terminated."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.terminated: list[str] = []

    def __call__(self, _service: str) -> Recorder:
        return self

    def put_events(self, Entries: list[dict[str, Any]]) -> None:  # noqa: N803 - boto3's name
        assert len(Entries) <= 10
        self.entries += Entries

    def terminate_instances(self, InstanceIds: list[str]) -> None:  # noqa: N803 - boto3's name
        self.terminated += InstanceIds


def put(tmp_path: Path, fault: Any) -> Recorder:
    recorder = Recorder()
    fault(Target(Twin(tmp_path, 1, "stub"), recorder, INSTANCE, "demo"))
    return recorder


def test_each_fault_of_the_list_has_its_function() -> None:
    assert list(breaking.DOES) == [each.name for each in faults.FAULTS]


def test_the_earlier_name_of_a_fault_is_known() -> None:
    assert faults.named("spot-warning") is faults.named("spot")


@pytest.mark.parametrize(
    ("how", "options", "said"),
    [
        ("stop", {"seconds": 5.0}, "--for does not apply to stop: it limits bad-model, event-lost"),
        ("stop", {"check": "system"}, "--check does not apply to stop"),
        ("event-lost", {"deployment": "demo"}, "--deployment does not apply to event-lost"),
    ],
)
def test_an_option_of_another_fault_is_refused(
    tmp_path: Path, how: str, options: dict[str, Any], said: str
) -> None:
    given = {"deployment": None, "seconds": None, "check": None} | options

    with pytest.raises(WrongUsage, match=said):
        breaking.break_(Twin(tmp_path, 1, "stub"), {}, how, given.pop("deployment"), **given)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (events.spot, "spot_interruption"),
        (events.rebalance, "rebalance"),
        (events.retire, "health_persistent_retirement"),
    ],
)
def test_an_event_has_the_shape_that_aws_documents(tmp_path: Path, fault: Any, kind: str) -> None:
    [entry] = put(tmp_path, fault).entries

    golden = GOLDEN[kind]["event"]
    assert (entry["Source"], entry["DetailType"]) == (golden["source"], golden["detail-type"])
    assert shape(json.loads(entry["Detail"])) == shape(golden["detail"])
    assert entry["Resources"][0].endswith(INSTANCE)
    assert INSTANCE in entry["Detail"]


def test_a_storm_is_a_thousand_events_of_a_terminated_instance(tmp_path: Path) -> None:
    recorder = put(tmp_path, events.storm)

    assert recorder.terminated == [INSTANCE]
    assert len(recorder.entries) == 1000
    assert {each["Detail"] for each in recorder.entries} == {
        json.dumps({"instance-id": INSTANCE, "state": "shutting-down"})
    }


def test_a_fault_that_lasts_strikes_until_its_time(tmp_path: Path) -> None:
    file = tmp_path / "faults.json"
    planned.plan(file, str(RUN), REFUSED | {"until": 4e9})
    lasting = [planned.take(file, RUN) for _ in range(3)]
    file.write_text("{}")
    planned.plan(file, str(RUN), REFUSED | {"until": 1.0})
    planned.plan(file, str(RUN), REFUSED)

    struck = [planned.take(file, RUN) for _ in range(2)]

    assert [each.code for each in lasting if each] == ["InsufficientInstanceCapacity"] * 3
    assert [each is not None for each in struck] == [True, False]


@pytest.mark.parametrize(
    ("boot", "kept"),
    [
        ("reboot", {"gpu-lost", "unreachable-system", "disk-full"}),
        ("start", {"disk-full"}),
    ],
)
def test_a_boot_ends_what_it_can(tmp_path: Path, boot: str, kept: set[str]) -> None:
    machine = Machine(tmp_path)
    for condition in LASTS:
        machine.add(condition)

    machine.boot(boot)

    assert {each for each in LASTS if machine.has(each)} == kept


def test_a_clock_is_wrong_by_what_its_file_says(tmp_path: Path) -> None:
    clock = shifted(tmp_path / "clock", lambda: 100.0)

    right = clock()
    (tmp_path / "clock").write_text("3600.0")

    assert (right, clock()) == (100.0, 3700.0)
