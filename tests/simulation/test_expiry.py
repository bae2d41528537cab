"""A deployment that is to last so long: announced, then torn down by itself, stopped or not."""

from __future__ import annotations

from simulation.replacement import DOMAIN, rows, serving


def sent(world, kind):
    return [row for row in rows(world, f"notice#{kind}#") if row.get("sent_at")]


def published(world):
    """The kinds of the notices that people got."""
    calls = [call for call in world.account.calls if call.operation == "Publish"]
    return [each.parameters["MessageAttributes"]["kind"]["StringValue"] for each in calls]


def is_gone(world):
    [row] = rows(world, "deployment")
    begun = [each for each in world.executions.all.values() if "-expired-" in each.name]
    statuses = [each.status for each in begun]
    return row["status"] == "absent" and world.inventory() == {} and statuses == ["SUCCEEDED"]


def test_what_is_stopped_is_announced_a_day_before_and_torn_down_at_its_time():
    with serving({**DOMAIN, "expires_after": "26h"}, seed=61, report_seconds=600) as (world, _):
        world.run("stop", {"name": "demo"})
        world.pass_(minutes=90)
        assert sent(world, "expires") == []
        world.pass_(minutes=30)
        assert len(sent(world, "expires")) == 1
        world.pass_(hours=23.5)
        assert not is_gone(world)

        world.pass_(hours=1)

        assert is_gone(world)
        assert published(world) == ["expires", "expired"]


def test_what_serves_is_torn_down_at_its_time_and_a_shorter_one_is_announced_at_once():
    with serving({**DOMAIN, "expires_after": "2h"}, seed=62, report_seconds=600) as (world, _):
        assert len(sent(world, "expires")) == 1  # by the first look at it

        world.pass_(hours=2.1)

        assert is_gone(world)
        assert published(world) == ["expired"]
