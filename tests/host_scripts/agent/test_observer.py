"""One look: which of many things that are wrong decides, and what is done about it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from host.agent.observer import Observer
from host.agent.phases import START, Broken, Seen, State
from host.agent.units import Down
from host.probes.chain import Chain
from host_scripts.agent.wired import settings_with
from host_scripts.endpoint import Endpoint, stop
from host_scripts.sandbox import API_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVING = State("serving")
HEALTHY = {"wanted": 1, "here": 1, "in_container": 1}


class Units:
    """Stands for systemd: what is down, how much is loaded, and whether it was forgiven."""

    def __init__(self) -> None:
        self.is_down: Down | None = None
        self.percent: int | None = None
        self.forgiven = 0

    def down(self) -> Down | None:
        return self.is_down

    def loaded_percent(self) -> int | None:
        return self.percent

    def served(self) -> None:
        self.forgiven += 1


class Progress:
    def __init__(self) -> None:
        self.hangs: str | None = None

    def judge(self, *_: object, **__: object) -> str | None:
        return self.hangs


class Lab:
    def __init__(self, folder: Path, endpoint: Endpoint) -> None:
        self.folder, self.endpoint = folder, endpoint
        self.units, self.progress = Units(), Progress()
        self.machine, self.certificate = folder / "machine.json", folder / "certificate"
        settings = settings_with(
            chain=Chain("org/model", endpoint.url, endpoint.url, None),
            phase_file=folder / "phase",
            machine_file=self.machine,
            certificate_file=self.certificate,
            weights_file=folder / "weights.json",
        )
        fakes: list[Any] = [self, self.units, self.progress]
        self.observer = Observer(settings, *fakes)

    def read(self) -> str:
        """The API key."""
        return API_KEY

    def facts(self, **changed: Any) -> None:
        found = {
            "at": time.time(),
            "disks": {"/": {"free": 50, "size": 100}},
            "memory": {"free": 50, "size": 100},
            "gpus": HEALTHY,
            "xids": {},
            "oom_kills": 0,
            "fetched": 0,
        }
        self.machine.write_text(json.dumps(found | changed))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    endpoint = Endpoint()
    server = endpoint.start()
    yield Lab(tmp_path, endpoint)
    stop(server)


def test_a_unit_that_gave_up_decides_before_anything_is_asked(lab: Lab) -> None:
    lab.units.is_down = Down("it gave up", gave_up=True)

    assert lab.observer.look(START) == Seen(gave_up="it gave up")
    assert lab.endpoint.count("/health") == 0


def test_an_engine_that_cannot_start_is_a_failure_while_nothing_serves(lab: Lab) -> None:
    lab.units.is_down = Down("it does not start: gated", gave_up=False)

    assert lab.observer.look(START) == Seen(gave_up="it does not start: gated")


def test_what_serves_all_the_same_is_forgiven(lab: Lab) -> None:
    lab.units.is_down = Down("it did not start", gave_up=False)
    lab.endpoint.serve_all()

    seen = lab.observer.look(START)

    assert seen.gave_up is None
    assert seen.check is not None
    assert lab.units.forgiven == 1


def test_a_lost_gpu_is_no_matter_for_a_local_repair(lab: Lab) -> None:
    lab.endpoint.serve_all()
    lab.progress.hangs = "the engine hangs"
    lab.facts(gpus=HEALTHY | {"here": 0, "in_container": 0}, xids={"79": 1})

    seen = lab.observer.look(SERVING)

    assert str(seen.gave_up).startswith("a GPU is lost: 0 of 1 answer, Xid 79")
    assert seen.broken is None


def test_an_engine_that_hangs_on_a_broken_gpu_is_no_matter_for_a_local_repair(lab: Lab) -> None:
    lab.endpoint.serve_all()
    lab.facts(xids={"119": 1})
    before = lab.observer.look(SERVING)

    lab.progress.hangs = "the engine hangs"
    seen = lab.observer.look(SERVING)

    assert before.gave_up is None
    assert "Xid 119" in str(seen.gave_up)


def test_a_container_without_its_gpu_is_the_part_to_start_again(lab: Lab) -> None:
    lab.endpoint.serve_all()
    lab.facts(gpus=HEALTHY | {"in_container": 0})

    why = "the engine's container sees 0 of 1 GPUs that this machine has"
    assert lab.observer.look(SERVING) == Seen(broken=Broken("engine", why))


@pytest.mark.parametrize(
    ("fetched", "loaded", "told"),
    [
        (0, None, None),
        (400, None, ("weights", 40)),
        (1000, None, None),
        (1000, 75, ("loading", 75)),
        (400, 10, ("loading", 10)),
    ],
)
def test_a_new_engine_is_followed_from_its_weights_to_its_shards(
    lab: Lab, fetched: int, loaded: int | None, told: tuple[str, int] | None
) -> None:
    stop_listening(lab)
    lab.facts(fetched=fetched)
    (lab.folder / "weights.json").write_text('{"bytes": 1000}')
    lab.units.percent = loaded

    assert lab.observer.look(START).loading == told


def stop_listening(lab: Lab) -> None:
    """Nobody is behind the engine's port, as while it loads."""
    lab.endpoint.answers["/health"] = (500, {})


def test_an_engine_that_served_is_not_said_to_fetch_again(lab: Lab) -> None:
    stop_listening(lab)
    lab.facts(fetched=400)
    (lab.folder / "weights.json").write_text('{"bytes": 1000}')

    assert lab.observer.look(SERVING).loading is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"bytes": "x"}'])
def test_an_unknown_size_gives_no_percentage(lab: Lab, text: str) -> None:
    stop_listening(lab)
    lab.facts(fetched=400)
    (lab.folder / "weights.json").write_text(text)

    assert lab.observer.look(START).loading is None


def test_what_is_wrong_with_a_host_that_serves_is_a_warning(lab: Lab) -> None:
    lab.endpoint.serve_all()
    lab.facts(disks={"/": {"free": 1, "size": 100}})
    lab.certificate.write_text('{"problem": "the zone is not ours: set dns.zone_id"}')

    seen = lab.observer.look(SERVING)

    assert seen.check is not None
    assert [warning.partition(":")[2] for warning in lab.observer.warnings] == [
        " raise instance.root_volume_gib",
        " set dns.zone_id",
    ]
