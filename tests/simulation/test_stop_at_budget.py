"""A budget that stops: once in its month, with its notice, and nothing starts it by itself."""

from __future__ import annotations

from simulation.replacement import DOMAIN, rows, serving

LIMITED = {**DOMAIN, "budget": {"monthly_usd": 1.5, "at_limit": "stop"}}
NOTIFIED = {**DOMAIN, "budget": {"monthly_usd": 1.5}}


def status(world):
    [row] = rows(world, "deployment")
    return row["status"]


def notices(world, kind):
    return [row for row in rows(world, f"notice#{kind}") if row.get("sent_at")]


def stops(world):
    return [each for each in world.executions.all.values() if each.name.startswith("stop")]


def test_at_its_limit_it_is_stopped_once_and_stays_so_until_somebody_starts_it():
    with serving(LIMITED, seed=51, report_seconds=600) as (world, first):
        world.until(lambda: status(world) == "stopped", hours=6)

        [stop] = stops(world)
        assert stop.name.startswith("stop-demo-budget-2026-")
        assert len(notices(world, "budget-100")) == 1
        assert world.run("start", {"name": "demo"}).status == "SUCCEEDED"
        world.pass_(hours=3)

        assert world.serving(first["endpoint"]) == first["instance_id"]
        assert stops(world) == [stop]
        assert len(notices(world, "budget-100")) == 1


def test_without_it_nothing_is_stopped():
    with serving(NOTIFIED, seed=52, report_seconds=600) as (world, first):
        world.until(lambda: bool(notices(world, "budget-100")), hours=6)
        world.pass_(hours=1)

        assert world.serving(first["endpoint"]) == first["instance_id"]
        assert world.executions.all == {}
