"""A fortnight of a schedule, idle hours and requests: it rests and wakes as asked, and what that
saves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from awssim.clients import REGION
from orchestrator.capacity import cost as costs
from orchestrator.capacity import prices
from orchestrator.capacity.spending import accrued
from orchestrator.ledger.rows import DeploymentRow, HostRow
from simlab import Boot
from simulation.replacement import ADDRESS, row, rows, stored
from simulation.test_schedule import live_until, serving_at
from simulation.wakers import ask, key_of

pytestmark = pytest.mark.timeout(900)  # days take CPU, beside others too

OPERATING = Path(__file__).parents[2] / "docs" / "operating.md"
WEEKDAYS = {"start": "08:00", "stop": "20:00", "days": ["mon", "tue", "wed", "thu", "fri"]}
SPEC = {
    **ADDRESS,
    "schedule": {"time_zone": "Europe/Berlin", "on": [WEEKDAYS]},  # 07:00 to 19:00 UTC in winter
    "sleep": {"after_idle_minutes": 60},
}
RESTART = Boot(seconds={"booting": (40, 70), "loading": (70, 110)})  # the model is on its disk
DAYS, MONDAY, SATURDAY = 14, 2, 5  # of March
EVERY_MINUTES = 20


@dataclass
class Lived:
    """wrong: by what share each promise of seconds was wrong. ran, hours: of the instance, of the
    fortnight. usd: by the orchestrator's own figures; counted, rest, always_on: by what EC2 did and
    the snapshot's prices: in all, of it disk and address, and without any rest.
    """

    wrong: list[float] = field(default_factory=list)
    sleeps: int = 0
    starts: int = 0
    ran: float = 0.0
    hours: float = 0.0
    usd: float = 0.0
    counted: float = 0.0
    rest: float = 0.0
    always_on: float = 0.0


def lived():
    with serving_at(f"2026-03-0{MONDAY}T06:40", SPEC, 91, report_seconds=290, look_seconds=900) as (
        world, first,
    ):  # fmt: skip
        found, key = Lived(), key_of(world)
        begun, before = world.clock.seconds, cost(world)
        world.boots = [RESTART for _ in range(3 * DAYS)]
        for day in range(DAYS):
            today = f"2026-03-{MONDAY + day:02}"
            if day % 7 < SATURDAY:
                live_until(world, f"{today}T07:30")
                use(world, requests=5)
                live_until(world, f"{today}T13:00")
                found.wrong.append(woken(world, key))
                use(world, requests=5)
            elif day % 7 == SATURDAY:
                live_until(world, f"{today}T12:00")
                found.wrong.append(woken(world, key))
        live_until(world, f"2026-03-{MONDAY + DAYS}T06:40")
        assert row(world)["status"] == "asleep"
        assert world.instances() == [first["instance_id"]]
        assert rows(world, "incident#") == []
        found.sleeps = int(row(world)["sleeps"])
        found.starts = len(world.history.of("instance", state="running"))
        found.hours, found.ran = (world.clock.seconds - begun) / 3600, hours_on(world, begun)
        found.usd = cost(world) - before
        priced(world, found)
        return found


def use(world, requests):
    """Clients ask the host that serves, one after the other."""
    for _ in range(requests):
        [host] = world.hosts.values()
        host.take_request(seconds=20)
        world.pass_(minutes=EVERY_MINUTES)
    assert row(world)["status"] == "serving"


def woken(world, key):
    """A request wakes it; return by what share the promised seconds were wrong."""
    assert row(world)["status"] == "asleep"
    asked = world.clock.seconds
    code, answer = ask(world, key)
    assert code == 503
    world.until(lambda: row(world)["status"] == "serving")
    took = world.clock.seconds - asked
    return abs(answer["eta_seconds"] - took) / took


def cost(world):
    """What it has cost so far, by the orchestrator's own figures."""
    numbers = {"price_usd_hour", "volume_usd_hour", "address_usd_hour"}
    hosts = [
        HostRow.of({k: float(v) if k in numbers else v for k, v in each.items()})
        for each in rows(world, "host#")
    ]
    return accrued.cost(DeploymentRow.of(row(world)), hosts, world.clock.now()).total_usd


def hours_on(world, begun):
    """The hours in which EC2 ran its instance, which ran as the world began."""
    on, since = 0.0, begun
    for moment in world.history.of("instance"):
        if moment.facts["state"] == "running":
            since = moment.seconds
        elif moment.facts["state"] == "stopping":
            on += moment.seconds - since
    return on / 3600


def priced(world, found):
    [host] = rows(world, "host#")
    hourly = prices.of_instance(host["instance_type"], REGION).usd
    gib = stored(world)["instance"]["root_volume_gib"]
    kept = gib * prices.of("disk", REGION).usd / costs.HOURS + prices.of("address", REGION).usd
    found.rest = found.hours * kept
    found.counted = found.ran * hourly + found.rest
    found.always_on = found.hours * (hourly + kept)


def test_a_fortnight_of_office_hours_costs_a_fifth_and_its_promised_seconds_are_true():
    found = lived()

    mornings, wakes = 10 - 1, 10 + 2  # on the first morning it served already
    assert (found.sleeps, found.starts, len(found.wrong)) == (2 * 10 + 2, mornings + wakes, wakes)
    assert max(found.wrong[1:]) < 0.3, found.wrong  # the first one knows no start of its own yet
    assert found.usd == pytest.approx(found.counted, rel=0.02)
    assert _documented() == pytest.approx(
        [found.ran, found.hours, found.usd, found.always_on, found.usd / found.always_on * 100,
         found.rest], rel=0.1,
    )  # fmt: skip


def _documented() -> list[float]:
    """Return the figures of the sentence in the documents."""
    text = OPERATING.read_text("utf-8")
    [figures] = re.findall(
        r"it ran (\d+) of (\d+) hours and cost \$(\d+) instead of \$(\d+), (\d+) %; disk and "
        r"address, which cost while it rests too, are \$(\d+) of it",
        text,
    )
    return [float(figure) for figure in figures]
