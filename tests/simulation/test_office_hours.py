"""Days of office hours: a deployment sleeps through the rest of them, and what that saves."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.capacity.spending import accrued
from orchestrator.ledger.rows import DeploymentRow, HostRow
from simlab import Boot
from simulation.replacement import ADDRESS, rows, serving
from simulation.wakers import ask, key_of

SPEC = {**ADDRESS, "sleep": {"after_idle_minutes": 30}}
RESTART = Boot(seconds={"booting": (40, 70), "loading": (70, 110)})  # the model is on its disk
OFFICE_HOURS, EVERY_MINUTES = 2, 20


@dataclass
class Lived:
    """sleeps, wakes: how often; wrong: by what share each promise of seconds was wrong, but the
    first one, before any start; usd, always_on_usd: what these days cost, and would have cost.
    """

    sleeps: int
    wakes: int
    wrong: list[float]
    usd: float
    always_on_usd: float


def lived(days: int) -> Lived:
    with serving(SPEC, seed=91, report_seconds=240) as (world, first):
        key, wrong = key_of(world), []
        begun, before = world.clock.seconds, cost(world)
        for _ in range(days):
            world.pass_(hours=24 - OFFICE_HOURS)
            assert row(world)["status"] == "asleep"
            world.boots, asked = [RESTART], world.clock.seconds
            code, answer = ask(world, key)
            assert code == 503
            world.until(lambda: row(world)["status"] == "serving")
            took = world.clock.seconds - asked
            wrong.append(abs(answer["eta_seconds"] - took) / took)
            for _ in range(OFFICE_HOURS * 60 // EVERY_MINUTES):
                [host] = world.hosts.values()
                host.take_request(seconds=20)
                world.pass_(minutes=EVERY_MINUTES)
            assert world.serving(first["endpoint"]) == first["instance_id"]
        assert rows(world, "incident#") == []
        wakes = [each for each in world.executions.all.values() if "-wake-" in each.name]
        hours = (world.clock.seconds - begun) / 3600
        [host] = rows(world, "host#")
        hourly = sum(float(host[f"{what}_usd_hour"]) for what in ("price", "volume", "address"))
        usd = cost(world) - before
        return Lived(int(row(world)["sleeps"]), len(wakes), wrong[1:], usd, hours * hourly)


def row(world):
    [found] = rows(world, "deployment")
    return found


def cost(world):
    """What it has cost so far, by the orchestrator's own figures."""
    numbers = {"price_usd_hour", "volume_usd_hour", "address_usd_hour"}
    hosts = [
        HostRow.of({k: float(v) if k in numbers else v for k, v in each.items()})
        for each in rows(world, "host#")
    ]
    return accrued.cost(DeploymentRow.of(row(world)), hosts, world.clock.now()).total_usd


def test_it_sleeps_and_wakes_each_day_with_true_seconds_at_a_fifth_of_the_price():
    found = lived(2)

    assert (found.sleeps, found.wakes) == (2, 2)
    assert max(found.wrong) < 0.3, found.wrong
    assert found.usd < found.always_on_usd / 5
